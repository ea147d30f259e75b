"""Train a network with one contender of the benchmark, and print the training times as JSON.

In `python contenders.py NAME SETTINGS INPUTS`, NAME is a contender, SETTINGS is JSON, and INPUTS is
the file that `speed.py` writes. Our code, JAX and PyTorch train on the same batches and, for a
SimpleRNN, start from the same initial weights. The original notebook's code draws its own batches
and initial weights.
"""

import json
import os
import resource
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from time import perf_counter
from types import ModuleType

import numpy as np

LEARNING_RATE = 0.01
# The time when training starts, the time when each epoch ends, and the outputs for the test images
Outcome = tuple[list[float], np.ndarray | None]


def original(settings: dict, inputs: dict) -> Outcome:
    """Use the original notebook's code to train the layer that the settings name."""
    import keras

    names = {"simple_rnn": "SimpleRNN", "gru": "GRU", "lstm": "LSTM"}
    layer = getattr(keras.layers, names[settings["layer"]])
    model = keras.Sequential()
    model.add(keras.Input((28, 28)))
    model.add(layer(units=settings["units"], dropout=settings["dropout"]))
    model.add(keras.layers.Dense(10))
    model.add(keras.layers.Activation("softmax"))
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])
    y_train = keras.utils.to_categorical(inputs["y_train"])
    times = [perf_counter()]
    clock = keras.callbacks.LambdaCallback(on_epoch_end=lambda *_: times.append(perf_counter()))
    options = {name: settings[name] for name in ("epochs", "batch_size")}
    model.fit(inputs["x_train"], y_train, **options, callbacks=[clock], verbose=0)
    return times, model.predict(inputs["x_test"], verbose=0)


def ours(settings: dict, inputs: dict) -> Outcome:
    """Train with this repository's code; an epoch's time includes writing the checkpoint."""
    from mnist_rnn.config import Configuration
    from mnist_rnn.experiment.inputs import Examples
    from mnist_rnn.experiment.network import build_model, predict
    from mnist_rnn.records.checkpoint import Checkpoint
    from mnist_rnn.records.training import EpochKeeper, fit_from_checkpoint

    times: list[float] = []
    config = Configuration(**{k: v for k, v in settings.items() if k in Configuration.model_fields})
    model = build_model(config)
    training = Examples(inputs["x_train"], inputs["y_train"])
    # Take 1,000 images, the batch size of `predict`, since XLA compiles each batch size separately.
    test = Examples(inputs["x_test"][:1000], inputs["y_test"][:1000])
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Checkpoint(Path(folder) / "checkpoint", {})
        times.append(perf_counter())
        keeper = EpochKeeper(checkpoint, model, test, False, lambda _: times.append(perf_counter()))
        fit_from_checkpoint(model, training, config, keeper)
    return times, predict(model, inputs["x_test"])


def jax(settings: dict, inputs: dict) -> Outcome:
    """Train with JAX: a compiled scan loops over batches, and an unrolled scan over timesteps."""
    import jax
    import jax.numpy as jnp

    def forward(weights, x):
        kernel, recurrent_kernel, bias, dense_kernel, dense_bias = weights

        def step(hidden, row):
            return jnp.tanh(row + hidden @ recurrent_kernel), None

        rows = jnp.swapaxes(x @ kernel + bias, 0, 1)
        hidden, _ = jax.lax.scan(step, jnp.zeros(rows.shape[1:]), rows, unroll=len(rows))
        return hidden @ dense_kernel + dense_bias

    def loss(weights, x, y):
        return -jnp.take_along_axis(jax.nn.log_softmax(forward(weights, x)), y[:, None], 1).mean()

    def train_step(weights, indices):
        gradients = jax.grad(loss)(weights, x_train[indices], y_train[indices])
        return jax.tree.map(lambda w, g: w - LEARNING_RATE * g, weights, gradients), None

    def train_epoch(weights, order):
        whole = len(order) // settings["batch_size"] * settings["batch_size"]
        batches = order[:whole].reshape(-1, settings["batch_size"])
        weights, _ = jax.lax.scan(train_step, weights, batches)
        return train_step(weights, order[whole:])[0] if whole < len(order) else weights

    x_train, y_train = jnp.array(inputs["x_train"]), jnp.array(inputs["y_train"], "int32")
    weights = tuple(jnp.array(inputs[f"weights_{i}"]) for i in range(5))
    train_epoch = jax.jit(train_epoch, donate_argnums=0)
    times = [perf_counter()]
    for order in inputs["orders"][: settings["epochs"]]:
        weights = jax.block_until_ready(train_epoch(weights, jnp.array(order)))
        times.append(perf_counter())
    return times, np.array(forward(weights, inputs["x_test"]))


def pytorch(settings: dict, inputs: dict) -> Outcome:
    """Train with PyTorch's `nn.RNN` (or GRU, LSTM) and `nn.Linear`, on tensors in memory."""
    import torch
    from torch import nn

    torch.set_num_threads(settings["cores"])
    layer = {"simple_rnn": nn.RNN, "gru": nn.GRU, "lstm": nn.LSTM}[settings["layer"]]

    rnn, dense = layer(28, settings["units"], batch_first=True), nn.Linear(settings["units"], 10)
    network = nn.ModuleList([rnn, dense, nn.Dropout(settings["dropout"])])

    def forward(x):
        if settings["dropout"]:  # like Keras, drop the same inputs at each timestep
            x = x * network[2](torch.ones(len(x), 1, 28))
        hidden = rnn(x)[1]
        return dense(hidden[0] if layer is nn.LSTM else hidden).squeeze(0)

    if settings["layer"] == "simple_rnn":
        weights = [torch.tensor(inputs[f"weights_{i}"]).T for i in range(5)]
        weights.insert(3, torch.zeros(settings["units"]))  # PyTorch's RNN has two bias vectors
        network.load_state_dict(dict(zip(network.state_dict(), weights, strict=True)))
    x_train, y_train = torch.tensor(inputs["x_train"]), torch.tensor(inputs["y_train"]).long()
    optimizer = torch.optim.SGD(network.parameters(), LEARNING_RATE)
    loss = nn.CrossEntropyLoss()
    times = [perf_counter()]
    for order in inputs["orders"][: settings["epochs"]]:
        for indices in torch.tensor(order).split(settings["batch_size"]):
            optimizer.zero_grad()
            loss(forward(x_train[indices]), y_train[indices]).backward()
            optimizer.step()
        times.append(perf_counter())
    network.eval()
    with torch.no_grad():
        return times, forward(torch.tensor(inputs["x_test"])).numpy()


def jax_same_bits(settings: dict, inputs: dict) -> Outcome:
    """Train with `implementations/rnn_jax.py`, whose weights are bit-identical to our weights."""
    implementation = import_implementation("rnn_jax")
    return train_by_hand(implementation, implementation.jnp.asarray, settings, inputs)


def pytorch_same_bits(settings: dict, inputs: dict) -> Outcome:
    """Train with `implementations/rnn_torch.py`, whose weights are bit-identical to our weights."""
    implementation = import_implementation("rnn_torch")
    implementation.torch.set_num_threads(settings["cores"])
    return train_by_hand(implementation, implementation.torch.tensor, settings, inputs)


def import_implementation(name: str) -> ModuleType:
    """Import the module with this name from `implementations/`."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "implementations"))
    return import_module(name)


def train_by_hand(
    implementation: ModuleType, to_tensor: Callable, settings: dict, inputs: dict
) -> Outcome:
    """Train with the function `step` of an implementation, as the implementation's command does."""
    x, x_test = (to_tensor(inputs[part].swapaxes(0, 1)) for part in ("x_train", "x_test"))
    y = to_tensor(inputs["y_train"].astype("int64"))
    weights = [to_tensor(inputs[f"weights_{i}"]) for i in range(5)]
    size, rate = settings["batch_size"], np.float32(LEARNING_RATE)
    times = [perf_counter()]
    for order in inputs["orders"][: settings["epochs"]]:
        for batch in np.split(order, range(size, len(order), size)):
            arrays, loss = implementation.step(weights, x[:, batch], y[batch], rate)
            weights = [arrays[f"{name}'"] for name in "wubvc"]
        float(loss)  # wait for the result, since JAX computes asynchronously
        times.append(perf_counter())
    tested = [x_test[:, start : start + 1000] for start in range(0, x_test.shape[1], 1000)]
    return times, np.concatenate([implementation.predict(weights, some)[1] for some in tested])


def products(settings: dict, inputs: dict) -> Outcome:
    """Compute only a SimpleRNN's matrix products, whose time is a lower bound of training time."""
    from mnist_rnn.experiment.backend import tf

    batch_size, units = settings["batch_size"], settings["units"]
    kernel = tf.random.normal((28, units))
    recurrent_kernel = tf.linalg.qr(tf.random.normal((units, units)))[0]  # keeps norms
    rows = tf.unstack(tf.random.normal((28, batch_size, 28)))

    @tf.function(jit_compile=True)
    def multiply(hidden):
        done, before = [], []
        for row in rows:
            done.append(row @ kernel)
            before.append(hidden)
            hidden = hidden @ recurrent_kernel
        for pair in zip(reversed(rows), reversed(before), strict=True):
            done += [tf.matmul(values, hidden, transpose_a=True) for values in pair]
            hidden = tf.matmul(hidden, recurrent_kernel, transpose_b=True)
        # Use the result of each product, since XLA leaves out products with unused results.
        return hidden + 0 * tf.add_n([tf.reduce_max(product) for product in done])

    hidden = multiply(tf.random.normal((batch_size, units)))
    times = [perf_counter()]
    for _ in range(settings["epochs"]):
        for _ in range(len(inputs["x_train"]) // batch_size):
            hidden = multiply(hidden)
        float(hidden[0, 0])
        times.append(perf_counter())
    return times, None


CONTENDERS = {
    f.__name__: f
    for f in (original, ours, jax, pytorch, jax_same_bits, pytorch_same_bits, products)
}


def main() -> None:
    """Train with the contender, on the CPU cores that the settings list, and print the times."""
    name, settings = sys.argv[1], json.loads(sys.argv[2])
    os.sched_setaffinity(0, settings["affinity"])
    with np.load(sys.argv[3]) as file:
        inputs = dict(file)
    for part in ("x_train", "y_train"):
        inputs[part] = inputs[part][: settings["train_size"]]
    inputs["orders"] = [order[order < settings["train_size"]] for order in inputs["orders"]]
    stdout, sys.stdout = sys.stdout, sys.stderr
    times, answers = CONTENDERS[name](settings, inputs)
    taken = {"epochs": np.diff(times).tolist()}
    taken["peak_memory_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    if answers is not None:
        taken["test_accuracy"] = float((answers.argmax(axis=1) == inputs["y_test"]).mean())
    print(json.dumps(taken), file=stdout)


if __name__ == "__main__":
    main()
