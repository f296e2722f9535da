"""The inputs of an audit: drawn to a specification, given, or found by what the model takes."""
