"""Compare bits with known results, and keep the ledger of reproductions."""
