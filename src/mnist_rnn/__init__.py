"""The row-by-row SimpleRNN for MNIST digits, reproduced."""
