"""A model and the process as they were found, to be put back after a run, whatever the run did to them."""
