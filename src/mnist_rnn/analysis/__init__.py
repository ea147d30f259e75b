"""Compare the records of runs with published results, and analyse a trained network."""
