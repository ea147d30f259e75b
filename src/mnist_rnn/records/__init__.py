"""Train runs, store their records and models, and compare records."""
