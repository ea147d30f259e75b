"""Make the drawing pad, on which users draw a digit."""
