"""Run the lines of the original notebook in their order, with Keras's defaults and no seed.

The code is from keras/rnn/simple-rnn-mnist.ipynb in roatienza/Deep-Learning-Experiments, commit
602f1bb. Unlike the notebook, this script reads MNIST from a file, and has an input layer, which
Keras 3 requires. It does not draw the model, and writes measurements.

`python keras_notebook.py MNIST.npz EPOCHS OUTPUT.json`
"""

import json
import platform
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras import Input
from keras.callbacks import LambdaCallback
from keras.layers import Activation, Dense, SimpleRNN
from keras.models import Sequential
from keras.utils import to_categorical


def build_model(image_size: int = 28, units: int = 256, num_labels: int = 10) -> Sequential:
    """Return the notebook's network, which maps images (n, 28, 28) to probabilities (n, 10)."""
    model = Sequential()
    model.add(Input((image_size, image_size)))
    model.add(SimpleRNN(units=units))
    model.add(Dense(num_labels))
    model.add(Activation("softmax"))
    return model


def main() -> None:
    """Train and test like the notebook, and count the test errors after each epoch."""
    with np.load(sys.argv[1]) as mnist:
        x_train, y_train, x_test, y_test = (
            mnist[f"{x}_{p}"] for p in ("train", "test") for x in "xy"
        )
    labels = y_test

    y_train = to_categorical(y_train)
    y_test = to_categorical(y_test)
    x_train = x_train.astype("float32") / 255
    x_test = x_test.astype("float32") / 255

    batch_size = 128
    model = build_model()
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer="sgd", metrics=["accuracy"])

    def count_errors(*_: object) -> None:
        answers = model.predict(x_test, batch_size=batch_size, verbose=0).argmax(axis=1)
        test_errors.append(int((answers != labels).sum()))

    test_errors: list[int] = []
    counter = LambdaCallback(on_epoch_end=count_errors)
    start = time.perf_counter()
    history = model.fit(
        x_train,
        y_train,
        epochs=int(sys.argv[2]),
        batch_size=batch_size,
        callbacks=[counter],
        verbose=2,
    )
    seconds = time.perf_counter() - start

    loss, acc = model.evaluate(x_test, y_test, batch_size=batch_size, verbose=2)
    print(f"\nTest accuracy: {100 * acc:.1f}%")
    measured = {
        "parameters": model.count_params(),
        "train_size": len(x_train),
        "loss": history.history["loss"],
        "accuracy": history.history["accuracy"],
        "test_errors": test_errors,
        "test_loss": loss,
        "seconds": seconds,
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "keras": keras.__version__,
            "numpy": np.__version__,
        },
    }
    with open(sys.argv[3], "w", encoding="utf-8") as file:
        json.dump(measured, file)


if __name__ == "__main__":
    main()
