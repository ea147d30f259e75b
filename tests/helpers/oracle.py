"""Compare the matrix products of the training step with those of the NumPy version `by_hand`.

The training step and `by_hand` add terms in the order that `products.py` describes.
`test_by_hand.py` compares `by_hand` with exact fractions.

`python oracle.py NUMBER` compares NUMBER networks, and prints a line for each network that differs.
Tests run `oracle.py` on emulated CPUs. The comparison includes each product, its two gradients and
the gradient of the bias. In a large matrix, the script compares the last rows and columns, and a
random sample of the others.
"""

import functools
import sys
from functools import reduce
from importlib.util import find_spec, module_from_spec
from operator import add

import numpy as np

from mnist_rnn.experiment.backend import tf
from mnist_rnn.experiment.products import (
    count_parts,
    fill_images,
    multiply,
    multiply_transposed,
    sum_images,
    sum_products,
)

SPEC = find_spec("mnist_rnn.bits.by_hand")
by_hand = module_from_spec(SPEC)  # a copy of by_hand that never uses NumPy's matrix product
SPEC.loader.exec_module(by_hand)
by_hand.library_keeps_the_rule = lambda n, k, m: False
tf.get_logger().setLevel("ERROR")  # hide TensorFlow's warnings about many compiled functions
EDGES = [1, 300, 513, 55, 257, 64, 96, 256, 33, 600, 31, 32, 56, 63, 65, 255, 512]
UNITS = [300, 1, 600, 48, 257, 49, 100, 256]


def draw_cases(number: int) -> list[tuple[int, int, int]]:
    """Return `number` cases of (images, units, gates), starting with the edge cases."""
    random = np.random.default_rng(0)
    images = [*EDGES, *random.integers(1, 601, number)][:number]
    units = [*UNITS, *random.integers(1, 601, number)]
    return [(int(n), int(units[i]), (1, 3, 4)[i % 3]) for i, n in enumerate(images)]


def some(length: int, random: np.random.Generator) -> np.ndarray:
    """Return 40 random indices of an axis and its last 24 indices, without duplicates."""
    last = np.arange(max(0, length - 24), length)
    return np.unique([*random.integers(0, length, 40), *last])


def compute(x, kernel, bias, slope, batch_size):
    """Compute the products of all timesteps and their gradients as the training step does."""
    n, parts = tf.shape(x)[0], count_parts(batch_size)
    x, slope = (tf.unstack(fill_images(images, parts), axis=1) for images in (x, slope))
    product = tf.stack([multiply(row, kernel) + bias for row in x], 1)
    of_x = tf.stack([multiply_transposed(d, kernel) for d in slope], 1)
    pairs = [*zip(x, slope, strict=True)][::-1]
    of_kernel = reduce(add, [sum_products(row, d, parts) for row, d in pairs])
    of_bias = reduce(add, [sum_images(d, parts) for _, d in pairs])
    return product[:n], of_x[:n], of_kernel, of_bias


def differences(x, kernel, random) -> list[str]:
    """Return the names of the products and gradients that differ from those of `by_hand`."""
    columns = kernel.shape[1]
    bias, slope = (
        random.standard_normal(shape).astype("float32")
        for shape in (columns, (*x.shape[:-1], columns))
    )
    arguments = x, kernel, bias, slope
    # As in training, the function is compiled for an unknown number of images.
    anys = [(None, *x.shape[1:]), kernel.shape, bias.shape, (None, *slope.shape[1:])]
    by_size = functools.partial(compute, batch_size=len(x))
    compiled = tf.function(by_size, [tf.TensorSpec(shape) for shape in anys], jit_compile=True)
    product, of_x, of_kernel, of_bias = map(np.array, compiled(*arguments))
    i, r, c = some(len(x), random), some(len(kernel), random), some(columns, random)
    timesteps = range(x.shape[1])
    wrong = []
    for t in timesteps:
        ours = product[i, t][:, c]
        if not np.array_equal(ours, by_hand.multiply(x[i, t], kernel[:, c]) + bias[c]):
            wrong.append(f"product {t}")
        if not np.array_equal(of_x[i, t][:, r], by_hand.multiply(slope[i, t], kernel[r].T)):
            wrong.append(f"gradient of x {t}")
    backwards = timesteps[::-1]
    sums = [by_hand.sum_products(x[:, t][:, r], slope[:, t][:, c]) for t in backwards]
    if not np.array_equal(of_kernel[r][:, c], by_hand.add_in_order(sums)):
        wrong.append("gradient of the kernel")
    sums = [by_hand.sum_images(slope[:, t]) for t in backwards]
    if not np.array_equal(of_bias, by_hand.add_in_order(sums)):
        wrong.append("gradient of the bias")
    return wrong


def compare(n: int, units: int, gates: int) -> list[str]:
    """Compare a network's products for n images, and return the names of differing arrays."""
    random = np.random.default_rng([n, units])
    wrong = []
    for name, shape, columns in [
        ("inputs", (n, 2, 28), gates * units),
        ("recurrent", (n, 1, units), gates * units),
        ("dense", (n, 1, units), 10),
    ]:
        x = random.standard_normal(shape).astype("float32")
        kernel = random.standard_normal((shape[-1], columns)).astype("float32")
        wrong += [f"{name}: {what}" for what in differences(x, kernel, random)]
    return wrong


def main() -> None:
    different = 0
    for case in draw_cases(int(sys.argv[1])):
        if wrong := compare(*case):
            different += 1
            print(*case, *wrong, sep="; ", flush=True)
    print("different", different)


if __name__ == "__main__":
    main()
