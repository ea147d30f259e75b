"""Define the network and its training: the code that decides a run's bits.

`records.digest` computes the digest of this code.
"""
