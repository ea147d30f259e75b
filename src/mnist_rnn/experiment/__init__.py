"""The code that decides the bits of a run; `records.digest` computes its digest."""
