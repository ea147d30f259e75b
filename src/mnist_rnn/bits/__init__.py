"""Compare the bits of trained weights with known results, and list reproductions in a ledger."""
