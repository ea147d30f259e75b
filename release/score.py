"""Check that the default run's model misclassifies as many test images as its record says.

`python -I release/score.py FOLDER` evaluates the model with Keras, without other code of this
release. FOLDER contains MNIST's files t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte.
"""

import hashlib
import json
import sys
from pathlib import Path

import numpy as np

RUNS = Path(__file__).resolve().parents[1] / "results" / "runs"
MODEL = RUNS / "simple_rnn-256-sgd" / "seed-0.keras"
# SHA-256 digests of MNIST's uncompressed files, as LeCun, Cortes and Burges published them
MNIST = {
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}

parts = []
for name, sha256 in MNIST.items():
    file = Path(sys.argv[1], name)
    content = file.read_bytes() if file.is_file() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f"{file}: expected MNIST's file, SHA-256 {sha256}.")
    parts.append(np.frombuffer(content, "uint8"))
x, y = parts[0][16:].reshape(-1, 28, 28).astype("float32") / 255, parts[1][8:]
import keras  # noqa: E402 - after the check of the files, since Keras takes seconds

network = keras.models.load_model(MODEL, safe_mode=True)
errors = int((network.predict(x, batch_size=1000, verbose=0).argmax(axis=1) != y).sum())
stated = json.loads(MODEL.with_suffix(".json").read_text(encoding="utf-8"))["history"][
    "test_errors"
][-1]
print(f"The model misclassifies {errors} of {len(y):,} test images; the record says {stated}.")
raise SystemExit(errors != stated)
