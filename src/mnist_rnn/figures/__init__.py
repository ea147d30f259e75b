"""The figures of data, training and results."""
