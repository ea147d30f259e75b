"""The training of docs/specification.md in Keras, by the code of 02_train, `mnist_rnn.experiment`.

Why the bits are the same: flags keep XLA from fusing operations, and make it use one tanh and one
exp on all CPUs. Sums are computed in parts, and gradients by explicit formulas. Comments in
`experiment/` explain each. If XLA adds the terms of a product in another order, a probe stops
02_train. Of a known case, this program prints only the logits, the gradients of the weights and the
new weights. `commands.py` has the commands.
"""

from functools import cache

import numpy as np
from commands import run

from mnist_rnn.experiment.backend import keras, tf
from mnist_rnn.experiment.layers import Dense, SimpleRNN
from mnist_rnn.experiment.optimization import SGD, cross_entropy


@cache
def compile_network(timesteps, n, features, units, rate=0.01):
    """Return a function from weights, x and y to logits, gradients, new weights and loss."""
    layers = [keras.Input((timesteps, features)), SimpleRNN(units, n), Dense(10, n)]
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
    """Return None in place of the hidden states, and the logits for x (timesteps, n, features)."""
    compute = compile_network(*x.shape, len(weights[1]))
    return None, compute(weights, x, np.zeros(x.shape[1], int))[0][0]


def step(weights, x, y, rate):
    """Return the arrays of one step of SGD by name, and the sum of the losses."""
    arrays, loss = compile_network(*x.shape, len(weights[1]), float(rate))(weights, x, y)
    names = ["z", "dw", "du", "db", "dv", "dc", "w'", "u'", "b'", "v'", "c'"]
    return dict(zip(names, arrays, strict=True)), loss * len(y)


if __name__ == "__main__":
    run(step, predict)
