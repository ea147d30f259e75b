"""Train a SimpleRNN by SGD in Chromium, with the engine of learn.html.

The engine is rnn.c in WebAssembly. While it trains, the weights stay in the engine's memory.
`commands.py` explains the command line.
"""

import base64
import shutil
import sys
from pathlib import Path

import numpy as np
from commands import run
from playwright.sync_api import sync_playwright

PAGE = Path(__file__).parents[1] / "src" / "mnist_rnn" / "web" / "learn"
FUNCTIONS = """
const ROWS = 28;
const decode = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
const start = async (text) => !!(globalThis.engine = await startEngine(decode(text)));
function encode(values) {
  const bytes = new Uint8Array(values.slice().buffer), parts = [];
  for (let i = 0; i < bytes.length; i += 8192)
    parts.push(String.fromCharCode(...bytes.subarray(i, i + 8192)));
  return btoa(parts.join(""));
}
function answer(given) {
  for (const array of Object.values(given))
    array.values = new Float32Array(decode(array.text).buffer);
  const arrays = answerCase(engine, given);
  for (const [name, { shape, values }] of Object.entries(arrays))
    arrays[name] = { shape, text: encode(values) };
  return arrays;
}
function load([units, text]) {
  globalThis.network = openNetwork(engine, units);
  network.all.set(new Float32Array(decode(text).buffer));
}
function read([pixels, digits, rate]) {
  const n = digits.length;
  network.images.set(decode(pixels)), network.labels.set(digits);
  network.order.set(digits.map((_, i) => i));
  rate === null ? network.read(n) : network.step(n, rate);
  return encode(network.logits.subarray(0, n * CLASSES));
}
"""


def encode(array, kind="<f4"):
    """Return an array's numbers in base64."""
    return base64.b64encode(np.asarray(array, kind).tobytes()).decode()


def decode(shape, text):
    """Return the float32 array that JavaScript has encoded."""
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


class Weight:
    """An array of weights in the engine's memory."""

    def __init__(self, name, shape):
        """Set the array's name in JavaScript, and its shape."""
        self.name, self.shape = name, shape

    def __array__(self, *_, **__):
        """Return the present values."""
        return decode(self.shape, page.evaluate(f"encode(network.weights.{self.name})"))


def read(weights, x, y, rate):
    """Let the engine read images x, and take a step unless `rate` is None; return the logits."""
    if len(y) > 256:
        sys.exit(f"expected batches of at most 256 images, got {len(y)}")
    if isinstance(weights[0], np.ndarray):
        values = np.concatenate([array.ravel() for array in weights])
        page.evaluate("load", [len(weights[1]), encode(values)])
    pixels = encode(np.rint(x.swapaxes(0, 1) * 255), "u1")
    return decode((len(y), 10), page.evaluate("read", [pixels, y.tolist(), rate]))


def step(weights, x, y, rate):
    """Take a step of SGD; return its arrays by name, and the sum of the images' losses."""
    if x.shape[::2] != (28, 28):  # no images of MNIST
        given = dict(zip("wubvc", weights, strict=True)) | {"x": x, "y": y, "rate": rate}
        given = {k: {"shape": np.shape(v), "text": encode(v)} for k, v in given.items()}
        arrays = page.evaluate("answer", given).items()
        return {name: decode(array["shape"], array["text"]) for name, array in arrays}, 0
    z = read(weights, x, y, float(rate)).astype(float)
    names = "kernel", "recurrent_kernel", "bias", "dense_kernel", "dense_bias"
    new = [Weight(name, w.shape) for name, w in zip(names, weights, strict=True)]
    loss = (np.log(np.exp(z).sum(1)) - z[range(len(y)), y]).sum()
    return dict(zip(["w'", "u'", "b'", "v'", "c'"], new, strict=True)), loss


def predict(weights, x):
    """Return the pair (None, logits) for x (timesteps, n, features)."""
    return None, read(weights, x, np.zeros(x.shape[1], int), None)


if __name__ == "__main__":
    if not (chromium := shutil.which("chromium") or shutil.which("chromium-browser")):
        sys.exit("expected the program chromium, got none: `apt install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=PAGE / "engine.js")
        page.add_script_tag(content=FUNCTIONS)
        if not page.evaluate("start", encode(np.fromfile(PAGE / "fused.wasm", "u1"), "u1")):
            sys.exit("Chromium rounds a * b + c twice on this CPU: the weights would differ.")
        run(step, predict)
