"""Run the commands of a Python implementation: train a network, or compute a known case.

`python implementations/rnn_torch.py data/mnist INPUTS` trains a network. INPUTS is the file
that `python -m mnist_rnn.bits.inputs` writes: the initial weights and image orders. `python
implementations/rnn_torch.py docs/known-answers.json CASE` prints the arrays of a case's step.
"""

import hashlib
import json
import sys

import numpy as np


def digest(arrays):
    """Return one SHA-256 of the shapes, types and values of all arrays."""
    sha256 = hashlib.sha256()
    for array in map(np.asarray, arrays):
        sha256.update(f"{array.shape}float32".encode() + array.astype("<f4").tobytes())
    return sha256.hexdigest()


def read_mnist(folder, kind):
    """Return the images (28, n, 28), with timesteps as the first axis, and the labels."""
    pixels = np.fromfile(f"{folder}/{kind}-images-idx3-ubyte", "u1")[16:].reshape(-1, 28, 28)
    labels = np.fromfile(f"{folder}/{kind}-labels-idx1-ubyte", "u1")[8:]
    return pixels.swapaxes(0, 1) / np.float32(255), labels.astype("int64")


def train(folder, inputs, step, predict, tensor):
    """Train the network; after each epoch, print the loss, test errors and weights' digest."""
    (x, y), (x_test, y_test) = (map(tensor, read_mnist(folder, k)) for k in ("train", "t10k"))
    numbers = np.fromfile(inputs, "<i4")
    layer, optimizer, units, batch_size, size, epochs = numbers[:6]
    rate, dropout = numbers[7:9].view("<f4")
    if layer or optimizer or dropout:
        got = f"layer {layer}, optimizer {optimizer}, dropout {dropout:g}"
        sys.exit(f"expected SimpleRNN (0), SGD (0) and no dropout, got {got}")
    tested = max(size // 100 * 100, 100) if size < 1000 else 10_000
    shapes = (28, units), (units, units), (units,), (units, 10), (10,)
    *parts, orders = np.split(numbers[10:], np.cumsum([np.prod(shape) for shape in shapes]))
    weights = [tensor(p.view("<f4").reshape(s)) for p, s in zip(parts, shapes, strict=True)]
    for epoch, order in enumerate(orders.reshape(epochs, size), 1):
        total = 0
        for batch in np.split(order, range(batch_size, size, batch_size)):
            arrays, loss = step(weights, x[:, batch], y[batch], rate)
            weights, total = [arrays[f"{name}'"] for name in "wubvc"], total + loss
        parts = [predict(weights, x_test[:, i : i + 100])[1] for i in range(0, tested, 100)]
        z = np.concatenate(parts)
        errors = (z.argmax(1) != np.asarray(y_test[:tested])).sum()
        measured = f"loss {total / size:.4f}, {errors} errors of {tested} test images"
        print(f"epoch {epoch}: {measured}, weights {digest(weights)}", flush=True)
    print("weights and logits of 100 test images:", digest([*weights, z[:100]]))


def answer(path, case, step, tensor):
    """Take the training step of a known case, and print all arrays of the step."""
    with open(path, encoding="utf-8") as file:
        given = json.load(file)[case]
    x, y, rate, *weights = (
        np.float32([float.fromhex(x) for x in given[name][1].split()]).reshape(given[name][0])
        for name in ("x", "y", "rate", *"wubvc")
    )
    weights, y = [tensor(array) for array in weights], y.astype("int64")
    arrays, _ = step(weights, tensor(x), tensor(y), rate[()])
    for name, array in arrays.items():
        array = np.asarray(array)
        given[name] = [array.shape, " ".join(x.hex() for x in array.ravel().tolist())]
    print(json.dumps({case: given}))


def run(step, predict, tensor=np.asarray):
    """Train, or compute a known case, as the command line says; `tensor` makes a tensor."""
    if len(sys.argv) != 3:
        sys.exit("expected data/mnist INPUTS, or docs/known-answers.json CASE")
    if sys.argv[1].endswith(".json"):
        answer(*sys.argv[1:], step, tensor)
    else:
        train(*sys.argv[1:], step, predict, tensor)
