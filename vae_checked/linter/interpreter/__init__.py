"""Step 2 and 3: the files as one project, and an abstract interpreter that runs it on symbols."""
