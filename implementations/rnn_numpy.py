"""The training of docs/specification.md in NumPy: `mnist_rnn.bits.by_hand` has the network.

What makes the bits: products in float64, moved off the halfway case where that would round twice,
or NumPy's own where they were found to be the same. They hold on every CPU; the notebook 05_by_hand
explains them. `commands.py` has the commands.
"""

from commands import run

from mnist_rnn.bits.by_hand import predict, step

if __name__ == "__main__":
    run(step, predict)
