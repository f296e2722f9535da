"""Edits that fix a mistake, kept only where linting the result finds it gone."""
