"""Edits that mend a mistake, kept only where a second look finds it mended."""
