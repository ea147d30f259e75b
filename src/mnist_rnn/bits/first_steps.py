"""Take the first training steps of configurations, and compare the digests of the weights.

`python -m mnist_rnn.bits.first_steps NAME...` prints the digest for each NAME in first_steps.json,
and whether it is the digest in this file. The digest is computed from the weights after the last
step and from the logits of 100 test images. With `--write`, the computed digests replace those in
the file; runs that were made with other first steps are outdated then. This module also runs on
emulated CPUs, so it imports only packages that training needs.
"""

import argparse
import json

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.ledger import OWN, add_rows, describe_reproduction
from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError
from mnist_rnn.files import write_text
from mnist_rnn.paths import located
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.environment import count_threads, describe_environment
from mnist_rnn.records.run import FIRST_STEPS, read_first_steps


def train_first_steps(config: Configuration) -> str:
    """Train with TensorFlow, and return a digest of the weights and the test images' logits."""
    from mnist_rnn.experiment.fit import fit
    from mnist_rnn.experiment.inputs import load_examples
    from mnist_rnn.experiment.network import build_model

    training, test = load_examples(config)
    model = build_model(config)
    fit(model, training, config, 0)
    return weights_sha256([*model.get_weights(), model.predict_on_batch(test.x[:100])])


def compute_by_hand(config: Configuration) -> str:
    """Train with NumPy, and return a digest of the weights and the test images' logits."""
    from mnist_rnn.bits.known_answers import take_steps
    from mnist_rnn.experiment.inputs import load_examples

    steps = config.epochs * -(-config.train_size // config.batch_size)
    for case in take_steps(config, steps):
        weights = by_hand.get_weights(case)
    test = load_examples(config)[1].x[:100].swapaxes(0, 1)
    return weights_sha256([*weights, by_hand.predict(weights, test, config.layer)[1]])


def list_by_hand() -> list[str]:
    """Return the names of the first steps that NumPy can take in minutes."""
    return [name for name, step in read_first_steps().items() if step.config.train_size < 1000]


def write_digests(digests: dict[str, str]) -> None:
    """Replace digests in first_steps.json, one line per configuration."""
    entries = json.loads(FIRST_STEPS.read_text(encoding="utf-8"))
    for name, digest in digests.items():
        entries[name]["sha256"] = digest
    lines = (f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
    write_text(FIRST_STEPS, "{\n" + ",\n".join(lines) + "\n}\n")


def main() -> None:
    """Print one line per configuration; exit with status 1 if a digest differs."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="first steps (default: all)")
    parser.add_argument("--write", action="store_true", help="write the digests to the file")
    parser.add_argument("--record", action="store_true", help=f"add a row to {located(OWN)}")
    parser.add_argument("--by-hand", action="store_true", help="use NumPy in place of TensorFlow")
    parser.add_argument("--emulated", metavar="CPU", help="the name of the emulated CPU")
    options = parser.parse_args()
    entries = read_first_steps()
    known = list_by_hand() if options.by_hand else [*entries]
    for name in options.names:
        if name not in known:
            parser.error(f"expected names from {known}, got '{name}'")
    compute = compute_by_hand if options.by_hand else train_first_steps
    program = "NumPy" if options.by_hand else "Keras"
    environment = describe_environment(count_threads(), options.emulated)
    found: dict[str, str] = {}
    try:
        for name in options.names or known:
            found[name] = compute(entries[name].config)
            same = found[name] == entries[name].sha256
            print(name, found[name], "the same bits" if same else "OTHER BITS", flush=True)
            if options.record:
                add_rows(OWN, [describe_reproduction(program, environment, {name: same})])
        if options.write:
            write_digests(found)
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    differ = any(digest != entries[name].sha256 for name, digest in found.items())
    raise SystemExit(differ and not options.write)


if __name__ == "__main__":
    main()
