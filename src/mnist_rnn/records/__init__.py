"""Train a run, keep its record and its model, and compare records."""
