"""Matrix products whose sums have one order, on every CPU.

The library that multiplies (Eigen, on x86-64 with oneDNN) has other code for other CPUs and sizes,
and may add the terms of a sum in any order. The rule, which leaves it the sizes of one order:

A sum is cut into parts of 256 terms; in each part the terms are added from the first to the last,
a term multiplied and added with one rounding, and then the parts in their order. Zeros, which
change no sum, fill up the rows and columns of a matrix: up to 48 of them to 48, more to a multiple
of 256. Images are filled up to at least 64, and to a multiple of 32, or of the largest of 256,
1024, 8192 and 32768 that is smaller than their number: XLA adds the gradients of a bias 32 images
at a time, then these sums 32 at a time and so on, and in this way also the images' parts of 256.
"""

from collections.abc import Callable
from functools import reduce
from operator import add

from mnist_rnn.experiment.backend import tf

SMALL, PART = 48, 256


def in_parts(x: tf.Tensor) -> tf.Tensor:
    """Images, filled up, in parts of at most 256.

    (n, columns) becomes (parts, images, columns); (n, timesteps, columns) becomes
    (timesteps, parts, images, columns).
    """
    n = tf.shape(x)[0]
    missing = tf.maximum(64 - n, -n % 32)
    for size in (256, 1024, 8192, 32768):
        missing = tf.where(n > size, -n % size, missing)
    filled = tf.concat([x, tf.zeros((missing, *x.shape[1:]))], 0)
    parts = tf.reshape(filled, (-1, tf.minimum(n + missing, PART), *x.shape[1:]))
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

    def differentiate(gradient: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        gradient = fill(gradient, -1)
        # The kernel's gradient comes first: XLA then makes better use of two cores.
        timesteps = [(x, gradient)]
        if len(x.shape) == 4:
            timesteps = [*zip(tf.unstack(x), tf.unstack(gradient), strict=True)]
        of_kernel = reduce(add, [add_images(*timestep) for timestep in reversed(timesteps)])
        parts = zip(cut(gradient, -1), cut(kernel, 1), strict=True)
        of_x = reduce(add, [tf.matmul(part, some, transpose_b=True) for part, some in parts])
        return of_x[..., :rows], of_kernel[:rows, :columns]

    parts = zip(cut(x, -1), cut(kernel, 0), strict=True)
    times = tf.matmul if len(x.shape) == 3 else lambda a, b: tf.tensordot(a, b, 1)
    product = reduce(add, [times(part, some) for part, some in parts])
    return product[..., :columns], differentiate


def add_images(x: tf.Tensor, gradient: tf.Tensor) -> tf.Tensor:
    """The kernel's gradient (rows, columns), a sum over the images; 256 rows at a time."""
    rows = [tf.matmul(some, gradient, transpose_a=True) for some in cut(x, -1)]
    return tf.reduce_sum(tf.concat(rows, 1), 0)


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
