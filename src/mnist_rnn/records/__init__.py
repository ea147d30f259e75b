"""What a run leaves: one record and one model, and how they are compared."""
