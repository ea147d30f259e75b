"""What bounds a step: its matrix products alone, and a large one.

`contenders.py` runs them as it runs those that train.
"""

import time

import numpy as np

# The moments at which epochs began or ended ("epochs"), and more; the answers to the test images.
Outcome = tuple[dict, np.ndarray | None]


def products(settings: dict, inputs: dict) -> Outcome:
    """The matrix products of a SimpleRNN's training step alone, compiled by XLA as ours are.

    Forward, a timestep takes x W and h U; backward, the gradients of h, of U and of W.
    """
    from mnist_rnn.experiment.backend import tf

    units, batch_size = settings["units"], settings["batch_size"]
    steps = len(inputs["x_train"]) // batch_size
    kernel = tf.random.normal((28, units))
    recurrent_kernel = tf.linalg.qr(tf.random.normal((units, units)))[0]  # keeps what it turns
    rows = tf.random.normal((28, batch_size, 28))

    @tf.function(jit_compile=True)
    def multiply(hidden):
        done, before = [], []
        for row in tf.unstack(rows):
            done.append(tf.matmul(row, kernel))
            before.append(hidden)
            hidden = tf.matmul(hidden, recurrent_kernel)
        gradient = hidden
        for row, earlier in reversed(list(zip(tf.unstack(rows), before, strict=True))):
            done.append(tf.matmul(row, gradient, transpose_a=True))
            done.append(tf.matmul(earlier, gradient, transpose_a=True))
            gradient = tf.matmul(gradient, recurrent_kernel, transpose_b=True)
        used = tf.add_n([tf.reduce_max(product) for product in done])  # else they'd be left out
        return gradient + 0 * used

    hidden = multiply(tf.random.normal((batch_size, units)))
    times = [time.perf_counter()]
    for _ in range(settings["epochs"]):
        for _ in range(steps):
            hidden = multiply(hidden)
        float(hidden[0, 0])
        times.append(time.perf_counter())
    return {"epochs": times}, None


def large_product(settings: dict, _inputs: dict) -> Outcome:
    """A product of two matrices of 2048 by 2048: the rate that the machine reaches at best."""
    from mnist_rnn.experiment.backend import tf

    a = tf.random.normal((2048, 2048))
    product = tf.function(lambda: tf.matmul(a, a))
    times = [time.perf_counter()]
    for _ in range(settings["epochs"]):
        float(product()[0, 0])
        times.append(time.perf_counter())
    return {"epochs": times}, None
