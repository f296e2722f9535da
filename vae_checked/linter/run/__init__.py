"""A run of the linter: projects examined, in processes, from the cache, against a baseline; and its report."""
