"""Train a SimpleRNN in NumPy with the code of `mnist_rnn.bits.by_hand`.

NumPy needs no fused multiply-add. The terms of matrix products are added in float64. A
float64 sum halfway between two float32 numbers is moved towards the exact sum, so that rounding to
float32 is correct. NumPy's own matrix product is used only for matrix sizes at which its bits are
correct. The notebook 05_by_hand explains this computation. `commands.py` explains the command line.
"""

from commands import run

from mnist_rnn.bits.by_hand import predict, step

if __name__ == "__main__":
    run(step, predict)
