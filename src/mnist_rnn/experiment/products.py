"""Matrix products whose sums have one order, on every CPU.

The library that multiplies (Eigen, on x86-64 with oneDNN) has other code for other CPUs and sizes,
and may add the terms of a sum in any order. The rule, which leaves it the sizes of one order:

A sum is cut into parts of 256 terms; in each part the terms are added from the first to the last, a
term multiplied and added with one rounding, and then the parts in their order. One over images is
cut into parts of 128, which are added as `add_parts` says. Zeros, which change no sum, fill up the
rows and columns of a matrix: up to 48 of them to 48, more to a multiple of 256; images to 64 at
least and a multiple of 32, and those of larger batches to whole parts.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from mnist_rnn.experiment.backend import tf

SMALL, PART, IMAGES = 48, 256, 128


def in_parts(x: tf.Tensor, most: int) -> tf.Tensor:
    """Images, filled up, in parts; `most` images are a batch, from which follow as many parts.

    (n, columns) becomes (parts, images, columns); (n, timesteps, columns) becomes
    (timesteps, parts, images, columns). Parts of more than 128 images only occur in prediction.
    """
    n, parts = tf.shape(x)[0], -(-most // IMAGES)
    images = tf.maximum(-(-n // parts), 64 if parts == 1 else IMAGES)
    images += -images % 32
    filled = tf.concat([x, tf.zeros((parts * images - n, *x.shape[1:]))], 0)
    filled = tf.reshape(filled, (parts, images, *x.shape[1:]))
    return filled if len(x.shape) == 2 else tf.transpose(filled, (2, 0, 1, 3))


def join(parts: tf.Tensor, images: tf.Tensor) -> tf.Tensor:
    """What was computed of these n images, (parts, images, columns), as (n, columns)."""
    return tf.reshape(parts, (-1, parts.shape[-1]))[: tf.shape(images)[0]]


@tf.custom_gradient
def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The product of images in parts (parts, images, rows) and a kernel (rows, columns)."""
    rows, columns = kernel.shape
    x, kernel = fill(x, -1), fill(fill(kernel, 0), 1)

    def add_products(a: tf.Tensor, transpose: bool) -> tf.Tensor:
        parts = zip(cut(a, -1), cut(kernel, int(transpose)), strict=True)
        return reduce(add, [tf.matmul(part, some, transpose_b=transpose) for part, some in parts])

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradient = fill(gradient, -1)
        # The kernel's gradient comes first: XLA then makes better use of two cores.
        of_kernel = add_images(x, gradient)[:rows, :columns]
        return add_products(gradient, True)[..., :rows], of_kernel

    return add_products(x, False)[..., :columns], differentiate


@tf.custom_gradient
def add_bias(x: tf.Tensor, bias: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """The sum of images in parts (parts, images, columns) and a bias (columns,)."""

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        # Of a part, XLA adds 32 images at a time.
        return gradient, add_parts(tf.reduce_sum(gradient, 1, keepdims=True))[0]

    return x + bias, differentiate


def add_images(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The kernel's gradient (rows, columns), a sum over the images; 256 rows at a time."""
    rows = [tf.matmul(some, gradient, transpose_a=True) for some in cut(x, -1)]
    return add_parts(tf.concat(rows, 1))


def add_parts(parts: tf.Tensor) -> tf.Tensor:
    """The sum (rows, columns) of the parts (parts, rows, columns), by halves.

    The second half is added to the first, until one part is left; an odd one waits at the end.
    XLA's own sum of them would have an order that depends on their number.
    """
    while half := parts.shape[0] // 2:
        parts = tf.concat([parts[:half] + parts[half : 2 * half], parts[2 * half :]], 0)
    return parts[0]


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
