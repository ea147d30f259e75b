"""Train a SimpleRNN in Keras with the code of `mnist_rnn.experiment`, like 02_train.ipynb.

Flags keep XLA from fusing operations, and make XLA use its own tanh and exp. Sums are
computed in parts, and gradients are computed by explicit formulas. Comments in
`mnist_rnn.experiment` give the reasons. If XLA adds the terms of a matrix product in another order,
a probe stops 02_train.ipynb. For a known case, this program prints only the logits, the gradients
of the weights and the new weights. `commands.py` explains the command line.
"""

from functools import cache

import numpy as np
from commands import run

from mnist_rnn.config import Configuration
from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.layers import Dense, SimpleRNN
from mnist_rnn.experiment.optimization import SGD, cross_entropy


@cache
def compile_network(timesteps, n, features, units, rate=0.01):
    """Return a function that takes a step and returns logits, gradients, new weights and loss."""
    layer = SimpleRNN(Configuration(units=units, batch_size=n))
    layers = [keras.Input((timesteps, features)), layer, Dense(10, n)]
    model, optimizer = keras.Sequential(layers), SGD(rate)
    optimizer.build(model.trainable_variables)

    @tf.function(jit_compile=True)
    def differentiate(x, y):
        with tf.GradientTape() as tape:
            z = model(x, training=True)
            loss = cross_entropy(y, z)
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply(gradients, model.trainable_variables)
        return [z, *gradients], loss

    def compute(weights, x, y):
        model.set_weights(weights)
        arrays, loss = differentiate(x.swapaxes(0, 1), y)
        return [*map(np.array, arrays), *model.get_weights()], float(loss)

    return compute


def predict(weights, x):
    """Return None (for the hidden states) and the logits for x (timesteps, n, features)."""
    compute = compile_network(*x.shape, len(weights[1]))
    return None, compute(weights, x, np.zeros(x.shape[1], int))[0][0]


def step(weights, x, y, rate):
    """Take a step of SGD; return its arrays by name, and the sum of the images' losses."""
    arrays, loss = compile_network(*x.shape, len(weights[1]), float(rate))(weights, x, y)
    names = ["z", "dw", "du", "db", "dv", "dc", "w'", "u'", "b'", "v'", "c'"]
    return dict(zip(names, arrays, strict=True)), loss * len(y)


if __name__ == "__main__":
    run(step, predict)
