"""The code that decides the bits of a run: its code digest is the digest of this folder."""
