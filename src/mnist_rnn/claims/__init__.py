"""What was published, the runs that answer it, and the verdicts."""
