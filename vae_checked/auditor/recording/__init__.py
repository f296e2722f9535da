"""What a run did: recorded operation by operation, run again with other values, and restored afterwards."""
