"""MNIST, checked bit for bit."""
