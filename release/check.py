"""Is this release whole, and has its model the accuracy that it states?

`python check.py` compares every file with SHA256SUMS. `python check.py FOLDER` then scores the
model on MNIST's test images; FOLDER has t10k-images-idx3-ubyte and t10k-labels-idx1-ubyte. Scoring
needs what model/requirements.txt lists; nothing in the model file is executed.
"""

import hashlib
import json
import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
# Of the uncompressed files that LeCun, Cortes and Burges published.
MNIST = {
    "t10k-images-idx3-ubyte": "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
    "t10k-labels-idx1-ubyte": "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
}


def digest(path: Path) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def check_files(folder: Path) -> list[str]:
    """What is wrong with the files of the unpacked release, a sentence each."""
    listed = folder / "SHA256SUMS"
    try:
        if listed.is_symlink() or not listed.is_file():
            raise ValueError
        lines = listed.read_text(encoding="utf-8").splitlines()
        sums = {name: sha256 for sha256, name in (line.split("  ", 1) for line in lines)}
    except (OSError, ValueError):
        return ["SHA256SUMS can't be read."]
    there = {
        path.relative_to(folder).as_posix(): path
        for path in folder.rglob("*")
        if path.is_symlink() or not path.is_dir()
    }
    there.pop("SHA256SUMS")
    problems = [f"{name} is missing." for name in sorted(set(sums) - set(there))]
    problems += [f"{name!a} is not of the release." for name in sorted(set(there) - set(sums))]
    for name in sorted(set(there) & set(sums)):
        path = there[name]
        if path.is_symlink() or not path.is_file() or digest(path) != sums[name]:
            problems.append(f"{name} was changed.")
    return problems


def count_errors(model: Path, mnist: Path) -> int:
    """How many of the 10,000 test images the model misclassifies."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    import keras
    import numpy as np

    images, labels = (np.frombuffer((mnist / name).read_bytes(), "uint8") for name in MNIST)
    x, y = images[16:].reshape(-1, 28, 28).astype("float32") / 255, labels[8:]
    network = keras.models.load_model(model, safe_mode=True)
    return int((network.predict(x, batch_size=1000, verbose=0).argmax(axis=1) != y).sum())


def main() -> None:
    """Print what was found; exit status 1 if anything is wrong."""
    problems = check_files(HERE)
    if problems:
        raise SystemExit("\n".join(problems))
    print("Every file is as SHA256SUMS says.")
    if len(sys.argv) == 1:
        return
    mnist = Path(sys.argv[1])
    for name, sha256 in MNIST.items():
        if not (mnist / name).is_file() or digest(mnist / name) != sha256:
            raise SystemExit(f"{mnist / name}: expected MNIST's file, SHA-256 {sha256}.")
    record = json.loads((HERE / "model" / "model.json").read_text(encoding="utf-8"))
    stated, errors = record["test"]["errors"], count_errors(HERE / "model" / "model.keras", mnist)
    print(f"The model misclassifies {errors} of 10,000 test images; its record says {stated}.")
    raise SystemExit(errors != stated)


if __name__ == "__main__":
    main()
