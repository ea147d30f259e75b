"""Analyse records: published claims, tables, statistics, and the trained network."""
