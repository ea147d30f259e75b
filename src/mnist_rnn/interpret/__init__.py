"""Interpretability: reads the trained model only."""
