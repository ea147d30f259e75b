"""Name the folders and the errors, write files safely, and execute notebooks."""
