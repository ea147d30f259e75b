"""Run the original notebook's code with the Keras 2.2.4 and TensorFlow 1.13.1 of 2019.

The lines and their order are from keras/rnn/simple-rnn-mnist.ipynb in
roatienza/Deep-Learning-Experiments, which sets no seed. In commit 602f1bb, the network has no
dropout. Commit 07a646a has dropout, and commit 3905821 has Adam. The book trains the same network
with RMSprop. Unlike the notebook, this script reads MNIST from a file, does not draw the model, and
writes measurements. To install Python 3.6 and Keras 2.2.4, read
originals/README.md.

`python keras_2019.py MNIST.npz EPOCHS OUTPUT.json OPTIMIZER DROPOUT`
"""

import hashlib
import json
import platform
import sys
import time

import keras
import numpy as np
import tensorflow as tf
from keras.callbacks import LambdaCallback
from keras.layers import Activation, Dense, SimpleRNN
from keras.models import Sequential
from keras.utils import to_categorical


def build_model(units, dropout, input_shape, num_labels):
    """Return the notebook's network, which maps images (n, 28, 28) to probabilities (n, 10)."""
    model = Sequential()
    model.add(SimpleRNN(units=units, dropout=dropout, input_shape=input_shape))
    model.add(Dense(num_labels))
    model.add(Activation("softmax"))
    return model


def digest_weights(weights):
    """Return the SHA-256 over the shape, type and little-endian values of each array."""
    digest = hashlib.sha256()
    for array in weights:
        digest.update(f"{array.shape}{array.dtype.name}".encode())
        digest.update(array.astype(array.dtype.newbyteorder("<")).tobytes())
    return digest.hexdigest()


def main():
    """Train and test like the notebook; after each epoch, measure test errors and the digest."""
    with np.load(sys.argv[1]) as mnist:
        x_train, y_train = mnist["x_train"], mnist["y_train"]
        x_test, y_test = mnist["x_test"], mnist["y_test"]
    labels = y_test
    num_labels = len(np.unique(y_train))
    y_train = to_categorical(y_train)
    y_test = to_categorical(y_test)
    image_size = x_train.shape[1]
    x_train = np.reshape(x_train, [-1, image_size, image_size])
    x_test = np.reshape(x_test, [-1, image_size, image_size])
    x_train = x_train.astype("float32") / 255
    x_test = x_test.astype("float32") / 255

    input_shape = (image_size, image_size)
    batch_size = 128
    units = 256
    dropout = float(sys.argv[5])

    model = build_model(units, dropout, input_shape, num_labels)
    model.summary()
    model.compile(loss="categorical_crossentropy", optimizer=sys.argv[4], metrics=["accuracy"])

    test_errors, digests = [], []

    def measure_epoch(*_):
        answers = model.predict(x_test, batch_size=batch_size).argmax(axis=1)
        test_errors.append(int((answers != labels).sum()))
        digests.append(digest_weights(model.get_weights()))

    start = time.perf_counter()
    history = model.fit(
        x_train,
        y_train,
        epochs=int(sys.argv[2]),
        batch_size=batch_size,
        callbacks=[LambdaCallback(on_epoch_end=measure_epoch)],
        verbose=2,
    )
    seconds = time.perf_counter() - start

    loss, acc = model.evaluate(x_test, y_test, batch_size=batch_size, verbose=0)
    print("\nTest accuracy: %.1f%%" % (100.0 * acc))
    measured = {
        "parameters": model.count_params(),
        "train_size": len(x_train),
        "loss": [float(value) for value in history.history["loss"]],
        "accuracy": [float(value) for value in history.history["acc"]],
        "test_errors": test_errors,
        "weights_sha256": digests,
        "test_loss": float(loss),
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
