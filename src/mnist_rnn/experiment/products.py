"""Compute matrix products and sums over images, adding terms in the specified order.

Eigen multiplies matrices, and uses oneDNN on x86-64. Eigen and oneDNN have different code for
different CPUs and sizes, and may add the terms of a sum in any order. This module fixes the order
of terms:

- Each element of a matrix product is a sum, which is cut into parts of 256 terms. Within
  each part, the terms are added from first to last, each by a fused multiply-add. Then the parts
  are added from first to last.
- A sum over the images of a batch is cut into parts of 128 images. The parts are added in order.
  In the gradient of a bias, XLA cuts each part into smaller parts of 32 images.

The libraries add terms in this order for the sizes of the default network: 28, 256 and 10. Other
sizes are padded with zeros, which change no sum. The number of units is padded to 48, or to a
multiple of 256. The number of images is padded to a multiple of 32 that is at least 64.
"""

from functools import reduce
from operator import add

from mnist_rnn.config import FEATURES, NUM_CLASSES
from mnist_rnn.experiment.backend import tf

SMALL, PART, IMAGES = 48, 256, 128


def multiply(x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the matrix product x K of x (images, rows) and a kernel K (rows, columns)."""
    columns = kernel.shape[1]
    x, kernel = fill(x, 1), fill(fill(kernel, 0), 1)
    return add_products(cut(x, 1), cut(kernel, 0))[:, :columns]


def multiply_transposed(d: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return the matrix product d K^T of d (images, columns) and a kernel K (rows, columns)."""
    rows = kernel.shape[0]
    d, kernel = fill(d, 1), fill(fill(kernel, 0), 1)
    return add_products(cut(d, 1), cut(kernel, 1), transpose_b=True)[:, :rows]


def sum_products(x: tf.Tensor, d: tf.Tensor, parts: int) -> tf.Tensor:
    """Return the matrix product x^T d of x (images, rows) and d (images, columns)."""
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
    """Return the sum of the matrix products a[i] b[i], added from the first i to the last i."""
    return reduce(add, [tf.matmul(*pair, **transposed) for pair in zip(a, b, strict=True)])


def count_parts(batch_size: int) -> int:
    """Return the number of parts into which a sum over a batch's images is cut."""
    return -(-batch_size // IMAGES)


def fill_images(x: tf.Tensor, parts: int) -> tf.Tensor:
    """Append images of zeros to x (n, ...), so that all parts have the same number of images."""
    n = tf.shape(x)[0]
    images = tf.maximum(-(-n // parts), 64 if parts == 1 else IMAGES)
    images += -images % 32
    return tf.concat([x, tf.zeros((parts * images - n, *x.shape[1:]))], 0)


def fill(matrix: tf.Tensor, axis: int) -> tf.Tensor:
    """Append rows (axis 0) or columns (axis 1) of zeros, so that the order of terms is fixed."""
    length = matrix.shape[axis]
    missing = SMALL - length if length <= SMALL else -length % PART
    if not missing or length in (FEATURES, NUM_CLASSES):
        return matrix
    return tf.pad(matrix, [[0, 0], [0, missing]] if axis else [[0, missing], [0, 0]])


def cut(matrix: tf.Tensor, axis: int) -> list[tf.Tensor]:
    """Split a matrix along this axis into equal parts with a length of at most 256."""
    number = -(-matrix.shape[axis] // PART)
    return tf.split(matrix, number, axis) if number > 1 else [matrix]
