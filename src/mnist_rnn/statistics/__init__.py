"""What runs and claims say of each other; all functions take the table of runs and that of claims."""
