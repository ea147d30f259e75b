"""Train a SimpleRNN by SGD in Chromium, with the engine of learn.html.

The engine is rnn.c in WebAssembly. `commands.py` explains the command line.
"""

import base64
import shutil
import sys
from pathlib import Path

import numpy as np
from commands import run
from playwright.sync_api import sync_playwright

PAGE = Path(__file__).parents[1] / "src" / "mnist_rnn" / "web" / "learn"
STEP = """([given, wanted]) => {
  const inputs = {};
  for (const [name, [shape, text]] of Object.entries(given)) {
    const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
    inputs[name] = { shape, values: new Float32Array(bytes.buffer) };
  }
  const arrays = answerCase(engine, inputs);
  return Object.fromEntries(wanted.map((name) => {
    const { shape, values } = arrays[name], bytes = new Uint8Array(values.buffer);
    let text = "";
    for (let i = 0; i < bytes.length; i += 8192)
      text += String.fromCharCode(...bytes.subarray(i, i + 8192));
    return [name, [shape, btoa(text)]];
  }));
}"""
LARGE = 10_000  # pixels
ARRAYS = ["h", "z", "g", "dv", "dc", "dh", "d", "dw", "du", "db", "w'", "u'", "b'", "v'", "c'"]


def encode(array):
    """Return an array's shape and its float32 numbers in base64."""
    array = np.asarray(array, "<f4")
    return [array.shape, base64.b64encode(array.tobytes()).decode()]


def decode(shape, text):
    """Return the array that `encode` has encoded."""
    return np.frombuffer(base64.b64decode(text), "<f4").reshape(shape)


def step(weights, x, y, rate):
    """Take a step of SGD; return its arrays by name, and the sum of the images' losses."""
    given = dict(zip("wubvc", weights, strict=True)) | {"x": x, "y": y, "rate": rate}
    wanted = ["z", "w'", "u'", "b'", "v'", "c'", *(ARRAYS if x.size < LARGE else [])]
    given = {name: encode(array) for name, array in given.items()}
    arrays = {name: decode(*pair) for name, pair in page.evaluate(STEP, [given, wanted]).items()}
    z = arrays["z"].astype(float)
    return arrays, (np.log(np.exp(z).sum(1)) - z[range(len(y)), y]).sum()


def predict(weights, x):
    """Return the pair (None, logits) for x (timesteps, n, features), by a step of size 0."""
    return None, step(weights, x, np.zeros(x.shape[1], int), 0)[0]["z"]


if __name__ == "__main__":
    if not (chromium := shutil.which("chromium") or shutil.which("chromium-browser")):
        sys.exit("expected the program chromium, got none: `apt install chromium`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        page = browser.new_page()
        page.add_script_tag(path=PAGE / "engine.js")
        wasm = base64.b64encode((PAGE / "fused.wasm").read_bytes()).decode()
        read = "Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0))"
        start = f"async (text) => !!(globalThis.engine = await startEngine({read}))"
        if not page.evaluate(start, base64.b64encode((PAGE / "fused.wasm").read_bytes()).decode()):
            sys.exit("Chromium rounds a * b + c twice on this CPU: the weights would differ.")
        run(step, predict)
