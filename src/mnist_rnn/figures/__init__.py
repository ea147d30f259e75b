"""Draw figures of data, training and results."""
