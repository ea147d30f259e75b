"""What runs and claims say of each other, from the tables of both."""
