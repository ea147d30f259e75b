"""A look inside while the network reads; 04_reading.ipynb shows it. Trains and records nothing."""
