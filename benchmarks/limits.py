"""What bounds a step: its matrix products alone, a large one, and ours under the profiler.

`contenders.py` runs them as it runs those that train.
"""

import json
import re
import tempfile
import time
from collections import Counter
from pathlib import Path

import numpy as np

# The moments at which epochs began or ended ("epochs"), and more; the answers to the test images.
Outcome = tuple[dict, np.ndarray | None]


def products(settings: dict, inputs: dict) -> Outcome:
    """The matrix products of a SimpleRNN's training step alone, in halves as ours has them.

    Forward, a timestep takes x W and h U; backward, the gradients of h, of U and of W.
    """
    from mnist_rnn.backend import tf

    units, half = settings["units"], settings["batch_size"] // 2
    steps = len(inputs["x_train"]) // settings["batch_size"]
    kernel = tf.random.normal((28, units))
    recurrent_kernel = tf.linalg.qr(tf.random.normal((units, units)))[0]  # keeps what it turns
    rows = tf.unstack(tf.random.normal((2, 28, half, 28)))

    def multiply(rows, hidden):
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
        used = tf.add_n([product[0, 0] for product in done])  # else they would not be computed
        return gradient + 0 * used

    @tf.function
    def train_epoch(first, second):
        for _ in tf.range(steps):
            first, second = multiply(rows[0], first), multiply(rows[1], second)
        return first, second

    first, second = tf.unstack(tf.random.normal((2, half, units)))
    times = [time.perf_counter()]
    for _ in range(settings["epochs"]):
        first, second = train_epoch(first, second)
        float(first[0, 0] + second[0, 0])
        times.append(time.perf_counter())
    return {"epochs": times}, None


def large_product(settings: dict, _inputs: dict) -> Outcome:
    """A product of two matrices of 2048 by 2048: the rate that the machine reaches at best."""
    from mnist_rnn.backend import tf

    a = tf.random.normal((2048, 2048))
    product = tf.function(lambda: tf.matmul(a, a))
    times = [time.perf_counter()]
    for _ in range(settings["epochs"]):
        float(product()[0, 0])
        times.append(time.perf_counter())
    return {"epochs": times}, None


def profile(settings: dict, inputs: dict) -> Outcome:
    """Ours: an epoch to compile, and one that TensorFlow's profiler sees, by type of operation."""
    from tensorflow.tsl.profiler.protobuf.xplane_pb2 import XSpace

    from mnist_rnn.backend import tf
    from mnist_rnn.config import Configuration
    from mnist_rnn.model import build_model, count_steps, set_seed
    from mnist_rnn.training import batches

    config = Configuration(epochs=2, train_size=settings["train_size"])
    set_seed(config.seed)
    model = build_model(config)

    def fit(epoch):
        data = batches(inputs["x_train"], inputs["y_train"], config, epoch)
        model.fit(data, steps_per_epoch=count_steps(config), shuffle=False, verbose=0)
        times.append(time.perf_counter())

    times = [time.perf_counter()]
    fit(0)
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            fit(1)
        (path,) = Path(folder).rglob("*.xplane.pb")
        planes = XSpace.FromString(path.read_bytes()).planes
    operations = Counter()
    for plane in planes:
        for event in (event for line in plane.lines for event in line.events):
            # An operation's event is called by its name and type, "while/body/.../Tanh:Tanh".
            name = plane.event_metadata[event.metadata_id].name
            if operation := re.fullmatch(r"[^:]+:(\w+)", name):
                operations[operation[1]] += event.duration_ps / 1e12
    return {"epochs": times, "operations": json.dumps(operations)}, None
