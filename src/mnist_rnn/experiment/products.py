"""Matrix products whose sums have one order, on every CPU.

The library that multiplies (Eigen, on x86-64 with oneDNN) has other code for other CPUs and sizes,
and may add the terms of a sum in any order. The rule, which leaves it the sizes of one order:

A sum is cut into parts of 256 terms; in each part the terms are added from the first to the last, a
term multiplied and added with one rounding, and then the parts in their order. One over images is
cut into parts of 128, which are added as `add_parts` says. Zeros, which change no sum, fill up the
rows and columns of a matrix: up to 48 of them to 48, more to a multiple of 256; and images: to a
multiple of 32 and at least 64, more than 128 to a multiple of 128.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from mnist_rnn.experiment.backend import tf

SMALL, PART, IMAGES = 48, 256, 128
MOST_PARTS = -(-60_000 // IMAGES)


def in_parts(x: tf.Tensor) -> tf.Tensor:
    """Images, filled up, in parts of at most 128.

    (n, columns) becomes (parts, images, columns); (n, timesteps, columns) becomes
    (timesteps, parts, images, columns).
    """
    n = tf.shape(x)[0]
    missing = tf.where(n > IMAGES, -n % IMAGES, tf.maximum(64 - n, -n % 32))
    filled = tf.concat([x, tf.zeros((missing, *x.shape[1:]))], 0)
    parts = tf.reshape(filled, (-1, tf.minimum(n + missing, IMAGES), *x.shape[1:]))
    return parts if len(x.shape) == 2 else tf.transpose(parts, (2, 0, 1, 3))


def join(parts: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """What was computed of these n images, (parts, images, columns), as (n, columns)."""
    return tf.reshape(parts, (-1, parts.shape[-1]))[: tf.shape(images)[0]]


def multiply(x: tf.Tensor, kernel: tf.Variable) -> tf.Tensor:
    """The product of images in parts (..., rows) and the kernel (rows, columns).

    Outside of a graph, TensorFlow lets no variable into a function with a gradient of its own.
    """
    return multiply_tensors(x, tf.convert_to_tensor(kernel))


@tf.custom_gradient
def multiply_tensors(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The product of `multiply`, and its gradients.

    Of all timesteps (timesteps, ...), the kernel's gradients are added from the last to the first.
    """
    rows, columns = kernel.shape
    x, kernel = fill(x, -1), fill(fill(kernel, 0), 1)

    def add_products(a: tf.Tensor, transpose: bool) -> tf.Tensor:
        parts = zip(cut(a, -1), cut(kernel, int(transpose)), strict=True)
        return reduce(add, [tf.matmul(part, some, transpose_b=transpose) for part, some in parts])

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradient = fill(gradient, -1)
        # The kernel's gradient comes first: XLA then makes better use of two cores.
        timesteps = zip(timesteps_of(x), timesteps_of(gradient), strict=True)
        of_kernel = reduce(add, [add_images(*timestep) for timestep in reversed([*timesteps])])
        return add_products(gradient, True)[..., :rows], of_kernel[:rows, :columns]

    # A product of all timesteps at once would have other sizes than the rule's.
    products = [add_products(timestep, False) for timestep in timesteps_of(x)]
    product = tf.stack(products) if len(x.shape) == 4 else products[0]
    return product[..., :columns], differentiate


def timesteps_of(x: tf.Tensor) -> list[tf.Tensor]:
    """All timesteps (timesteps, parts, images, columns), or the one (parts, images, columns)."""
    return tf.unstack(x) if len(x.shape) == 4 else [x]


def add_images(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The kernel's gradient (rows, columns), a sum over the images; 256 rows at a time."""
    rows = [tf.matmul(some, gradient, transpose_a=True) for some in cut(x, -1)]
    return add_parts(tf.concat(rows, 1))


def add_parts(parts: tf.Tensor) -> tf.Tensor:
    """The sum (rows, columns) of the parts (parts, rows, columns), by halves.

    The second half is added to the first, until one part is left; an odd one waits at the end.
    XLA would add an axis of unknown length in an order of its own.
    """
    for _ in range(MOST_PARTS.bit_length()):
        half = tf.shape(parts)[0] // 2
        parts = tf.concat([parts[:half] + parts[half : 2 * half], parts[2 * half :]], 0)
    return parts[0]


def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tf.Tensor:
    """The sum of images in parts (parts, images, columns) and the bias (columns,)."""
    return add_bias_tensors(x, tf.convert_to_tensor(bias))


@tf.custom_gradient
def add_bias_tensors(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The sum of `add_bias`, and its gradients; of a part, XLA adds 32 images at a time."""

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return gradient, add_parts(tf.reduce_sum(gradient, 1, keepdims=True))[0]

    return x + bias, differentiate


def cut(matrix: tf.Tensor, axis: int) -> list[tf.Tensor]:
    """The parts of a matrix that are at most 256 long on this axis."""
    number = -(-matrix.shape[axis] // PART)
    return tf.split(matrix, number, axis) if number > 1 else [matrix]


def fill(matrix: tf.Tensor, axis: int) -> tf.Tensor:
    """The matrix with as many rows or columns as the rule says."""
    length, rank = matrix.shape[axis], len(matrix.shape)
    missing = SMALL - length if length <= SMALL else -length % PART
    paddings = [[0, missing if axis % rank == place else 0] for place in range(rank)]
    return tf.pad(matrix, paddings) if missing else matrix
