"""Compute matrix products and sums over images, with the same order of terms on every CPU.

The library that multiplies (Eigen; on x86-64 with oneDNN) has different code for different CPUs and
sizes, and may add the terms of a sum in any order. Here the order is fixed:

- Each element of a product is a sum, which is cut into parts of 256 terms. In each part, the terms
  are added from first to last by fused multiply-add. Then the parts are added in their order.
- A sum over the images of a batch is cut into parts of 128 images, which are added in the same way.
  For a bias's gradient, XLA adds 32 images at a time.

The library keeps this order for the sizes of the default network: 28, 256 and 10. Other sizes are
padded with zeros, which change no sum. Units are padded to 48 or a multiple of 256, images to a
multiple of 32 above 32.
"""

from functools import reduce
from operator import add

from mnist_rnn.config import FEATURES, NUM_CLASSES
from mnist_rnn.experiment.backend import tf

SMALL, PART, IMAGES = 48, 256, 128


def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the product of x (images, rows) and a kernel (rows, columns)."""
    columns = kernel.shape[1]
    x, kernel = fill(x, 1), fill(fill(kernel, 0), 1)
    return add_products(cut(x, 1), cut(kernel, 0))[:, :columns]


def multiply_transposed(d: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the product of d (images, columns) and the transpose of a kernel (rows, columns)."""
    rows = kernel.shape[0]
    d, kernel = fill(d, 1), fill(fill(kernel, 0), 1)
    return add_products(cut(d, 1), cut(kernel, 1), transpose_b=True)[:, :rows]


def sum_products(x: tf.Tensor, d: tf.Tensor, parts: int) -> tf.Tensor:
    """Return the product of the transpose of x (images, rows) and d (images, columns)."""
    rows, columns = x.shape[1], d.shape[1]
    d = tf.split(fill(d, 1), parts)
    by_rows = [
        add_products(tf.split(some, parts), d, transpose_a=True) for some in cut(fill(x, 1), 1)
    ]
    return tf.concat(by_rows, 0)[:rows, :columns]


def sum_images(d: tf.Tensor, parts: int) -> tf.Tensor:
    """Return the sum (columns,) of d (images, columns) over the images."""
    return reduce(add, [tf.reduce_sum(part, 0) for part in tf.split(d, parts)])


def add_products(a: list[tf.Tensor], b: list[tf.Tensor], **transposed: bool) -> tf.Tensor:
    """Return the sum of the products of these pairs, from the first to the last."""
    return reduce(add, [tf.matmul(*pair, **transposed) for pair in zip(a, b, strict=True)])


def count_parts(batch_size: int) -> int:
    """Return the number of parts of a sum over the images of a batch."""
    return -(-batch_size // IMAGES)


def fill_images(x: tf.Tensor, parts: int) -> tf.Tensor:
    """Append images of zeros to x (n, ...), so that all parts have the same size."""
    n = tf.shape(x)[0]
    images = tf.maximum(-(-n // parts), 64 if parts == 1 else IMAGES)
    images += -images % 32
    return tf.concat([x, tf.zeros((parts * images - n, *x.shape[1:]))], 0)


def fill(matrix: tf.Tensor, axis: int) -> tf.Tensor:
    """Append rows (axis 0) or columns (axis 1) of zeros, up to a size that keeps the order."""
    length = matrix.shape[axis]
    missing = SMALL - length if length <= SMALL else -length % PART
    if not missing or length in (FEATURES, NUM_CLASSES):
        return matrix
    return tf.pad(matrix, [[0, 0], [0, missing]] if axis else [[0, missing], [0, 0]])


def cut(matrix: tf.Tensor, axis: int) -> list[tf.Tensor]:
    """Return the parts of a matrix that are at most 256 long on this axis."""
    number = -(-matrix.shape[axis] // PART)
    return tf.split(matrix, number, axis) if number > 1 else [matrix]
