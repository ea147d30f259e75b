"""Make the pad on which users draw a digit."""
