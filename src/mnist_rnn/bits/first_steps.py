"""Take the first training steps of configurations, and compare the digests of the weights.

`python -m mnist_rnn.bits.first_steps NAME...` prints the digest for each NAME in first_steps.json,
and whether it is the digest in this file. The digest is computed from the weights after the last
step and from the logits of 100 test images. With `--write`, the computed digests replace those in
the file; runs that were made with other first steps are outdated then. This module also runs on
emulated CPUs, so it imports only packages that training needs.
"""

import argparse
import json

from mnist_rnn.bits.ledger import OWN, add_rows, describe_reproduction
from mnist_rnn.config import Configuration
from mnist_rnn.experiment.fit import fit
from mnist_rnn.experiment.inputs import load_examples
from mnist_rnn.experiment.network import build_model
from mnist_rnn.records.checkpoint import weights_sha256
from mnist_rnn.records.environment import count_threads, describe_environment
from mnist_rnn.records.run import FIRST_STEPS, read_first_steps
from mnist_rnn.system.errors import one_sentence
from mnist_rnn.system.files import write_text


def train_first_steps(config: Configuration) -> str:
    """Train with TensorFlow, and return a digest of the weights and the test images' logits."""
    training, test = load_examples(config)
    model = build_model(config)
    fit(model, training, config, 0)
    return weights_sha256([*model.get_weights(), model.predict_on_batch(test.x[:100])])


def write_digests(digests: dict[str, str]) -> None:
    """Replace digests in first_steps.json, one line per configuration."""
    entries = json.loads(FIRST_STEPS.read_text(encoding="utf-8"))
    for name, digest in digests.items():
        entries[name]["sha256"] = digest
    lines = (f" {json.dumps(name)}: {json.dumps(entry)}" for name, entry in entries.items())
    write_text(FIRST_STEPS, "{\n" + ",\n".join(lines) + "\n}\n")


@one_sentence()
def main() -> None:
    """Print one line per configuration; exit with status 1 if a digest differs."""
    parser = argparse.ArgumentParser(description=__doc__, allow_abbrev=False)
    parser.add_argument("names", nargs="*", metavar="NAME", help="first steps (default: all)")
    parser.add_argument("--write", action="store_true", help="write the digests to the file")
    parser.add_argument("--record", action="store_true", help=f"add a row to {OWN}")
    parser.add_argument("--emulated", metavar="CPU", help="the name of the emulated CPU")
    options = parser.parse_args()
    entries = read_first_steps()
    if unknown := [name for name in options.names if name not in entries]:
        parser.error(f"expected names from {[*entries]}, got '{unknown[0]}'")
    environment = describe_environment(count_threads(), options.emulated)
    found: dict[str, str] = {}
    for name in options.names or entries:
        found[name] = train_first_steps(entries[name].config)
        same = found[name] == entries[name].sha256
        print(name, found[name], "the same bits" if same else "OTHER BITS", flush=True)
        if options.record:
            add_rows(OWN, [describe_reproduction("Keras", environment, {name: same})])
    if options.write:
        write_digests(found)
    differ = any(digest != entries[name].sha256 for name, digest in found.items())
    raise SystemExit(differ and not options.write)


if __name__ == "__main__":
    main()
