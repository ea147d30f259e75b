"""Are the bits the same? Known results, tools that compare with them, and the ledger."""
