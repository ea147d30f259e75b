"""Products of the training step against the exact sums that the rule in `products.py` describes.

`python oracle.py NUMBER` compares so many networks and prints a line for each that differs. It is
what emulated CPUs run. All is compared: the product, both gradients, and the bias's. Of large
matrices only some rows and columns are summed here, the last among them.
"""

import functools
import sys

import numpy as np

from mnist_rnn.experiment.backend import tf
from mnist_rnn.experiment.products import add_bias, in_parts, join, multiply

tf.get_logger().setLevel("ERROR")  # not of the many functions that are compiled here
EDGES = [1, 300, 513, 55, 257, 64, 96, 256, 33, 600, 31, 32, 56, 63, 65, 255, 512]
UNITS = [300, 1, 600, 48, 257, 49, 100, 256]


def draw_cases(number: int) -> list[tuple[int, int, int]]:
    """So many (images, units, gates), the edges first."""
    random = np.random.default_rng(0)
    images = [*EDGES, *random.integers(1, 601, number)][:number]
    units = [*UNITS, *random.integers(1, 601, number)]
    return [(int(n), int(units[i]), (1, 3, 4)[i % 3]) for i, n in enumerate(images)]


def fused_sum(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The float32 product a @ b: s = fma(a[i, k], b[k, j], s) for k from first to last.

    A product of two float32 is exact in float64. The sum is rounded to float64, then to float32:
    once too often if it then lies halfway between two float32 and was not exact, so that it is
    first moved towards its exact value.
    """
    total = np.zeros((len(a), b.shape[1]), "float32")
    for column, row in zip(a.T.astype("float64"), b.astype("float64"), strict=True):
        term, old = np.outer(column, row), total.astype("float64")
        new = term + old
        virtual = new - term
        error = (term - (new - virtual)) + (old - virtual)
        halfway = new.view("int64") & 0x1FFFFFFF == 0x10000000
        moved = np.nextafter(new, np.copysign(np.inf, error))
        total = np.where(halfway & (error != 0), moved, new).astype("float32")
    return total


def sum_by_the_rule(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product a @ b in parts of 256 terms, the parts added in their order."""
    return add_in_order(
        [fused_sum(a[:, i : i + 256], b[i : i + 256]) for i in range(0, len(b), 256)]
    )


def sum_over_images(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """The product a @ b, whose terms are images: in parts of 128, added by halves."""
    return add_by_halves(
        [fused_sum(a[:, i : i + 128], b[i : i + 128]) for i in range(0, len(b), 128)]
    )


def add_images(a: np.ndarray) -> np.ndarray:
    """The sum of the rows, in parts of 128, each in parts of 32."""
    parts = [a[i : i + 128] for i in range(0, len(a), 128)]
    return add_by_halves(
        [add_in_order([add_in_order(p[i : i + 32]) for i in range(0, len(p), 32)]) for p in parts]
    )


def add_by_halves(parts: list[np.ndarray]) -> np.ndarray:
    """The second half added to the first, until one is left; an odd one waits at the end."""
    while (half := len(parts) // 2) > 0:
        pairs = zip(parts[:half], parts[half : 2 * half], strict=True)
        parts = [a + b for a, b in pairs] + parts[2 * half :]
    return parts[0]


def add_in_order(terms: np.ndarray | list[np.ndarray]) -> np.ndarray:
    """The sum over the first axis, from first to last."""
    return functools.reduce(np.add, terms)


def some(length: int, random: np.random.Generator) -> np.ndarray:
    """Places on an axis, the last ones among them."""
    last = np.arange(max(0, length - 24), length)
    return np.unique([*random.integers(0, length, 40), *last])


def compute(x, kernel, bias, slope, batch_size):
    """Products of all timesteps, and their gradients, by the code of the training step."""
    with tf.GradientTape() as tape:
        tape.watch((x, kernel, bias))
        timesteps = tf.unstack(in_parts(x, batch_size))
        products = [join(add_bias(multiply(t, kernel), bias), x) for t in timesteps]
        product = tf.stack(products, 1)
    return product, *tape.gradient(product, (x, kernel, bias), slope)


def differences(x, kernel, random) -> list[str]:
    """Which of the products x @ kernel + bias and their gradients have other bits than the rule."""
    columns = kernel.shape[1]
    bias, slope = (
        random.standard_normal(shape).astype("float32")
        for shape in (columns, (*x.shape[:-1], columns))
    )
    arguments = x, kernel, bias, slope
    # As in training, the number of images is not known before the step is compiled.
    anys = [(None, *x.shape[1:]), kernel.shape, bias.shape, (None, *slope.shape[1:])]
    by_size = functools.partial(compute, batch_size=len(x))
    compiled = tf.function(by_size, [tf.TensorSpec(shape) for shape in anys], jit_compile=True)
    product, of_x, of_kernel, of_bias = map(np.array, compiled(*arguments))
    i, r, c = some(len(x), random), some(len(kernel), random), some(columns, random)
    timesteps = range(x.shape[1])
    wrong = []
    for t in timesteps:
        ours = product[i, t][:, c]
        if not np.array_equal(ours, sum_by_the_rule(x[i, t], kernel[:, c]) + bias[c]):
            wrong.append(f"product {t}")
        if not np.array_equal(of_x[i, t][:, r], sum_by_the_rule(slope[i, t], kernel[r].T)):
            wrong.append(f"gradient of x {t}")
    backwards = timesteps[::-1]
    sums = [sum_over_images(x[:, t][:, r].T, slope[:, t][:, c]) for t in backwards]
    if not np.array_equal(of_kernel[r][:, c], add_in_order(sums)):
        wrong.append("gradient of the kernel")
    if not np.array_equal(of_bias, add_in_order([add_images(slope[:, t]) for t in backwards])):
        wrong.append("gradient of the bias")
    return wrong


def compare(n: int, units: int, gates: int) -> list[str]:
    """What differs in a network's products with n images: inputs, recurrent and dense."""
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
