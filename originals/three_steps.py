"""Compare three training steps by our code, by Keras 2.2.4 and by today's Keras.

`python three_steps.py PYTHON` writes the table results/three_steps.csv. PYTHON is an interpreter
that has Keras 2.2.4. Each row compares our code with one version of Keras, for one optimizer and
training step. A row has the two losses of the batch before the step, and the largest absolute
difference between the weights after the step. Our code and Keras start from the initial weights of
our default run, seed 0. In rows with the optimizer `adam_ahead`, our Adam counts the first step as
step 2. In these steps, Keras 2.2.4 also counts the first step as step 2, because it reads and
increments its step counter concurrently.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile

import numpy as np

BATCH, STEPS = 128, 3
OPTIMIZERS = {
    "sgd": "sgd",
    "adam": "adam",
    "adam_ahead": "adam",
    "rmsprop": "rmsprop",
}  # our name: Keras's name


def take_steps(folder):
    """Take the steps with this interpreter's Keras; write losses and weights to `folder`."""
    from keras.layers import Activation, Dense, SimpleRNN
    from keras.models import Sequential
    from keras.utils import to_categorical

    with np.load(folder + "/start.npz") as start:
        x, y = start["x"], to_categorical(start["y"], 10)
        initial = [start[f"arr_{i}"] for i in range(5)]
    for optimizer in set(OPTIMIZERS.values()):
        model = Sequential()
        model.add(SimpleRNN(units=256, input_shape=(28, 28)))
        model.add(Dense(10))
        model.add(Activation("softmax"))
        model.compile(loss="categorical_crossentropy", optimizer=optimizer, metrics=["accuracy"])
        model.set_weights(initial)
        losses, weights = [], []
        for i in range(0, STEPS * BATCH, BATCH):
            losses.append(float(model.train_on_batch(x[i : i + BATCH], y[i : i + BATCH])[0]))
            weights.append(np.concatenate([array.ravel() for array in model.get_weights()]))
        np.savez(folder + "/" + optimizer + ".npz", losses=losses, weights=weights)


def take_our_steps(x, y, optimizer):
    """Take the steps with our code; return the losses and the weights after each step."""
    from mnist_rnn.config import Configuration
    from mnist_rnn.experiment.network import build_model

    model, losses, weights = build_model(Configuration(optimizer=OPTIMIZERS[optimizer])), [], []
    model.optimizer.iterations.assign(optimizer.endswith("ahead"))
    for i in range(0, STEPS * BATCH, BATCH):
        model.reset_metrics()
        losses.append(float(model.train_on_batch(x[i : i + BATCH], y[i : i + BATCH])[0]))
        weights.append(np.concatenate([array.ravel() for array in model.get_weights()]))
    return losses, weights


def main(python):
    """Take the steps with each code, and write the table that compares their results."""
    import pandas as pd

    from mnist_rnn.config import Configuration
    from mnist_rnn.data import load_mnist
    from mnist_rnn.experiment.inputs import scale
    from mnist_rnn.experiment.network import build_network
    from mnist_rnn.system.files import write_text
    from mnist_rnn.system.paths import RESULTS

    (x, y), _ = load_mnist()
    x, y = scale(x[: STEPS * BATCH]), y[: STEPS * BATCH]
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        np.savez(folder + "/start.npz", *build_network(Configuration()).get_weights(), x=x, y=y)
        for code, interpreter in (("keras_2019", python), ("keras", sys.executable)):
            # Pass on only these variables, since TensorFlow has changed others in this process.
            theirs = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
            subprocess.run([interpreter, __file__, folder, "--child"], env=theirs, check=True)
            for optimizer in OPTIMIZERS:
                losses, weights = take_our_steps(x, y, optimizer)
                with np.load(f"{folder}/{OPTIMIZERS[optimizer]}.npz") as theirs:
                    for step in range(STEPS):
                        far = np.abs(theirs["weights"][step] - weights[step]).max()
                        loss = theirs["losses"][step]
                        rows.append((optimizer, step + 1, code, losses[step], loss, far))
    columns = ["optimizer", "step", "code", "our_loss", "their_loss", "weight_apart"]
    table = pd.DataFrame(rows, columns=columns)
    write_text(RESULTS / "three_steps.csv", table.to_csv(index=False, float_format="%.6g"))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="an interpreter that has Keras 2.2.4")
    parser.add_argument("--child", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.child:
        take_steps(given.python)  # with --child, the argument `python` is the folder
    elif shutil.which(given.python):
        main(given.python)
    else:
        parser.error("python: expected an interpreter, got " + given.python)
