"""Implement section 6 of docs/specification.md in NumPy (LSTM, GRU, Adam, RMSprop, dropout)."""

from itertools import islice

import numpy as np

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.by_hand import add_in_order, multiply, sum_images, sum_products, tanh
from mnist_rnn.data import load_mnist
from mnist_rnn.experiment.initial_weights import draw_initial_weights
from mnist_rnn.experiment.inputs import scale


def exp(x):
    """Return e to the power of x, where x may be negative or positive."""
    x = np.clip(x, by_hand.EXP_LOWEST, np.float32(88.8))
    k = np.clip(np.floor(np.float32(0.5) + x * by_hand.LOG2_OF_E), -127, 127)
    r = (x - by_hand.LN2 * k) - by_hand.LN2_REST * k
    e_to_r = 1 + (r + by_hand.horner(by_hand.EXP_COEFFICIENTS, r) * (r * r))
    return by_hand.flush(e_to_r * ((k.astype("int32") + 127) << 23).view("float32"))


def sigmoid(x):
    return 1 / (1 + exp(-x))


def forward_simple_rnn(w, u, b, x, before):
    return [tanh((multiply(x, w) + b) + multiply(before[0], u))]


def backward_simple_rnn(u, x, before, after, gradients):
    _, dh, dw, du, db = by_hand.backward(x, before[0], after[0], u, gradients[0])
    return [dh], [dw, du, db]


def forward_lstm(w, u, b, x, before):
    h, c = before
    i, f, g, o = np.split((multiply(x, w) + multiply(h, u)) + b, 4, 1)
    i, f, g, o = sigmoid(i), sigmoid(f), tanh(g), sigmoid(o)
    c = f * c + i * g
    return [o * tanh(c), c, i, f, g, o]


def backward_lstm(u, x, before, after, gradients):
    (h, c_before), (_, c, i, f, g, o), (dh, dc) = before, after, gradients
    tanh_c = tanh(c)
    do, dc = dh * tanh_c, dc + dh * o * (1 - tanh_c * tanh_c)
    di, df, dg, dc = dc * g, dc * c_before, dc * i, dc * f
    gates = di * i * (1 - i), df * f * (1 - f), dg * (1 - g * g), do * o * (1 - o)
    d = np.concatenate(gates, 1)
    return [multiply(d, u.T), dc], [sum_products(x, d), sum_products(h, d), sum_images(d)]


def forward_gru(w, u, b, x, before):
    (h,) = before
    xz, xr, xg = np.split(multiply(x, w) + b[0], 3, 1)
    hz, hr, hg = np.split(multiply(h, u) + b[1], 3, 1)
    z, r = sigmoid(xz + hz), sigmoid(xr + hr)
    g = tanh(xg + r * hg)
    return [z * h + (1 - z) * g, z, r, g, hg]


def backward_gru(u, x, before, after, gradients):
    (h,), (_, z, r, g, hg), (dh,) = before, after, gradients
    dz, dg = (dh * h - dh * g) * z * (1 - z), dh * (1 - z) * (1 - g * g)
    dr = dg * hg * r * (1 - r)
    dx, d = np.concatenate([dz, dr, dg], 1), np.concatenate([dz, dr, dg * r], 1)
    db = np.stack([sum_images(dx), sum_images(d)])
    return [dh * z + multiply(d, u.T)], [sum_products(x, dx), sum_products(h, d), db]


LAYERS = {
    "simple_rnn": (forward_simple_rnn, backward_simple_rnn, 1),
    "lstm": (forward_lstm, backward_lstm, 2),
    "gru": (forward_gru, backward_gru, 1),
}


def predict(layer, weights, x):
    """Return the arrays of a layer at all timesteps, and the logits.

    The list begins with the initial arrays, which are zeros.
    """
    forward, _, states = LAYERS[layer]
    w, u, b, v, c = weights
    results = [[np.zeros((x.shape[1], len(u)), "float32")] * states]
    for x_t in x:
        results.append(forward(w, u, b, x_t, results[-1][:states]))
    return results, multiply(results[-1][0], v) + c


def differentiate(layer, weights, x, y):
    """Return the gradients of the loss with respect to the weights W, U, b, V and c."""
    _, backward, states = LAYERS[layer]
    results, z = predict(layer, weights, x)
    g, _ = by_hand.differentiate_loss(z, y)
    last, terms = results[-1][0], []
    gradients = [multiply(g, weights[3].T), *[np.zeros_like(last)] * (states - 1)]
    for t in reversed(range(len(x))):
        before, after = results[t][:states], results[t + 1]
        gradients, those = backward(weights[1], x[t], before, after, gradients)
        terms.append(those)
    sums = [add_in_order(parts) for parts in zip(*terms, strict=True)]
    return [*sums, sum_products(last, g), sum_images(g)]


def power(base, exponent):
    """Return `base` to the power of `exponent`, computed in float64 and rounded to float32."""
    product, factor = 1.0, float(np.float32(base))
    while exponent:
        product *= factor if exponent % 2 else 1
        factor, exponent = factor * factor, exponent // 2
    return np.float32(product)


def update(optimizer, rate, k, weight, gradient, means):
    """Return a weight after training step k, and update its moving means in place.

    The first step is k = 1.
    """
    tenth, thousandth, epsilon = np.float32([0.1, 0.001, 1e-7])
    if optimizer == "sgd":
        return weight - gradient * rate
    m, v = means
    if optimizer == "adam":
        m += (gradient - m) * tenth
        v += (gradient * gradient - v) * thousandth
        rate = rate * np.sqrt(1 - power(0.999, k)) / (1 - power(0.9, k))
        return weight - m * rate / (np.sqrt(v) + epsilon)
    v[...] = np.float32(0.9) * v + tenth * (gradient * gradient)
    return weight - rate * gradient / (np.sqrt(v) + epsilon)


def philox(counter, key):
    """Return four random 32-bit numbers from the Philox generator of Salmon and others (2011)."""
    (a, b, c, d), (p, q) = counter, key
    for _ in range(10):
        one, two = 0xD2511F53 * a, 0xCD9E8D57 * c
        a, b, c, d = (two >> 32) ^ b ^ p, two % 2**32, (one >> 32) ^ d ^ q, one % 2**32
        p, q = (p + 0x9E3779B9) % 2**32, (q + 0xBB67AE85) % 2**32
    return a, b, c, d


def draw_uniform(seed, step, shape):
    """Return a float32 array of uniform random numbers in [0, 1)."""
    first, second, third, fourth = philox(
        (seed % (2**31 - 2), 0, step, 0), (0x3EC8F720, 0x02461E29)
    )
    count = np.prod(shape)
    blocks = [philox((j, 0, third, fourth), (first, second)) for j in range(-(-count // 4))]
    digits = np.array(blocks, "uint32").ravel()[:count] >> np.uint32(9)
    return ((digits | np.uint32(127 << 23)).view("float32") - 1).reshape(shape)


def drop(x, rate, seed, step):
    """Return `x`, of shape (timesteps, n, features), with dropout applied to its features."""
    kept = draw_uniform(seed, step, x.shape[1:]) >= np.float32(rate)
    return np.where(kept, x * np.float32(1 / (1 - rate)), np.float32(0))


def take_first_steps(config):
    """Return the digest of weights and logits after the first training steps of a network."""
    (x_train, y_train), (x_test, _) = load_mnist()
    x, test = (scale(x).swapaxes(0, 1) for x in (x_train[: config.train_size], x_test[:100]))
    weights = draw_initial_weights(config)
    means = [[np.zeros_like(weight), np.zeros_like(weight)] for weight in weights]
    rate = np.float32(0.01 if config.optimizer == "sgd" else 0.001)
    steps = config.epochs * -(-config.train_size // config.batch_size)
    shown = by_hand.batches(x, y_train[: config.train_size], config.seed, config.batch_size)
    for k, (x, y) in enumerate(islice(shown, steps)):
        if config.dropout:
            x = drop(x, config.dropout, config.seed, k)
        gradients = differentiate(config.layer, weights, x, y)
        weights = [
            update(config.optimizer, rate, k + 1, *arrays)
            for arrays in zip(weights, gradients, means, strict=True)
        ]
    return by_hand.digest([*weights, predict(config.layer, weights, test)[1]])
