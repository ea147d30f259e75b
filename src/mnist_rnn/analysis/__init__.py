"""From records to findings: claims, tables, statistics, and what a trained network does."""
