"""The training of docs/specification.md in NumPy: `mnist_rnn.bits.by_hand` has the network.

Why the bits are the same on every CPU: the terms of products are added in float64. A total halfway
between two float32 numbers is first moved to the side of the exact sum, so that rounding it to
float32 is correct. NumPy's own product is used only for sizes in which it gives the same bits. The
notebook 05_by_hand explains this. `commands.py` has the commands.
"""

from commands import run

from mnist_rnn.bits.by_hand import predict, step

if __name__ == "__main__":
    run(step, predict)
