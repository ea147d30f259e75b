"""Reproduce the SimpleRNN that reads MNIST digits row by row."""
