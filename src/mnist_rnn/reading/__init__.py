"""What the trained network believes while it reads, and what its answer depends on."""
