"""Train runs, and store their records and models."""
