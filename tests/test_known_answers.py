"""Test the known answers, and the command that compares a program's arrays with them."""

import numpy as np
import pytest

from mnist_rnn.bits import by_hand
from mnist_rnn.bits.compare import Recomputed, compare, explain, main
from mnist_rnn.bits.known_answers import (
    FILE,
    RUNS,
    digest_arrays,
    list_cases,
    list_inputs,
    read_cases,
    take_step,
    take_steps,
    to_json,
)
from mnist_rnn.bits.mistakes import MISTAKES, make_mistake
from mnist_rnn.system.errors import ParameterError

KNOWN = read_cases()
CASES = {name: case for name, case in KNOWN.items() if isinstance(case["x"], np.ndarray)}
ARRAYS = KNOWN["1 image"].keys() - {*list_inputs(KNOWN["1 image"])}


@pytest.mark.parametrize("name", CASES)
def test_the_committed_cases_equal_newly_computed_cases(name):
    made = {name: take_step(CASES[name])}
    assert to_json(made).strip("{}\n") in FILE.read_text()
    assert not compare(name, KNOWN[name], KNOWN).wrong
    assert not compare(name, digest_arrays(KNOWN[name]), KNOWN).wrong


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_committed_training_steps_equal_newly_computed_steps(name):
    """Send values where the file holds digests: the steps are compared, and the answer is yes."""
    for number, case in enumerate(take_steps(*RUNS[name]), 1):
        assert digest_arrays(case) == KNOWN[f"{name}, step {number}"]
        assert not compare(f"{name}, step {number}", case, KNOWN).wrong


@pytest.mark.parametrize("array", [key for key in KNOWN["GRU"] if key != "layer"])
def test_one_changed_bit_is_found_in_the_right_array(array):
    """Change a bit in the last number of an array, and expect that a sentence names the array."""
    case = KNOWN["GRU"] | {array: KNOWN["GRU"][array].copy()}
    case[array].view("uint32").reshape(-1)[-1] ^= 1
    at = " of timestep 4" if array in ("hu", "gates", "h", "dh", "dx", "d") else ""
    place = f"the input {array}" if array in list_inputs(KNOWN["GRU"]) else f"{array}{at}"
    sentence = str(compare("GRU", case, KNOWN))
    assert sentence.startswith(f"GRU: {place} differs in 1 of ")
    assert sentence.endswith(", 1 ULP apart.")


def compare_all(dump):
    return [compare(name, case, KNOWN) for name, case in dump.items()]


@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_named_in_the_cases_that_show_it(mistake):
    """Make a mistake in all cases. Every wrong array is explained by this mistake."""
    module = make_mistake(mistake)
    with np.errstate(all="ignore"):
        sentences = explain(compare_all({n: take_step(c, module) for n, c in CASES.items()}))
    assert sentences
    assert all(mistake in sentence for sentence in sentences)


def compute_one(case, array, module):
    """Return a step up to an array that another module computes from right arrays."""
    right = take_step(case)
    before = {name: right[name] for name in [*right][: [*right].index(array)]}
    return before | {array: Recomputed(before, module).computed.stack()[array]}


@pytest.mark.parametrize(
    ("array", "mistake"),
    [
        ("du", "gradients are added from the first timestep to the last"),
        ("du", "gradients are added in one sum over images and timesteps"),
        ("dw", "sums over images are cut into parts of 256 images"),
        ("h", "the polynomials of tanh and exp are computed with fma"),
        ("g", "the polynomials of tanh and exp are computed with fma"),
        ("z", "each product is rounded before it is added"),
    ],
)
def test_a_mistake_in_one_operation_is_named_for_its_array(array, mistake):
    module = make_mistake(mistake)
    dump = {name: compute_one(CASES[name], array, module) for name in list_cases(KNOWN)}
    assert explain(compare_all(dump)) == [f"{array}: your numbers result if {mistake}."]


def test_a_mistake_that_another_case_contradicts_is_not_named():
    first, second = (f"gradients are added {how}" for how in (
        "from the first timestep to the last", "in one sum over images and timesteps"))  # fmt: skip
    dump = {"1 image": compute_one(CASES["1 image"], "du", make_mistake(first))}
    assert first in "".join(explain(compare_all(dump)))
    dump["33 images"] = compute_one(CASES["33 images"], "du", make_mistake(second))
    assert explain(compare_all(dump))[0] == "du: no known mistake gives your numbers."


def test_the_first_wrong_array_is_named_if_no_mistake_fits():
    """Compute tanh by NumPy, or the sigmoid by another formula."""
    wrong = by_hand.exchange(tanh=np.tanh, sigmoid=compute_sigmoid)
    for name, first in (("1 image", "h"), ("GRU", "gates")):
        case = take_step(CASES[name], wrong)
        said = f"{name}: the first wrong array is {first}; its inputs are right."
        assert explain(compare_all({name: case}))[-1] == said
        del case[first]
        assert "; send " in explain(compare_all({name: case}))[-1]


def compute_sigmoid(x):
    return np.float32(0.5) + np.float32(0.5) * by_hand.tanh(np.float32(0.5) * x)


def test_a_case_of_ones_own_is_compared():
    """Combine a layer, an optimizer and dropout that no known case combines."""
    options = {"layer": "lstm", "optimizer": "adam", "dropout": 0.25, "seed": 2**32 - 1, "k": 3}
    case = KNOWN["LSTM"] | options
    means = {f"{mean}{weight}": np.zeros_like(case[weight]) for mean in "mv" for weight in "wubvc"}
    case = take_step(case | means)
    assert str(compare("mine", case, KNOWN)) == "mine: the same bits (arrays: 30)."
    case["vu'"] = case["vu'"] + 1
    assert str(compare("mine", case, KNOWN)).startswith("mine: vu' differs in 36 of 36 numbers")


NOTHING = {"h": np.zeros((4, 0, 3), "float32"), "x": np.zeros((4, 0, 4), "float32")}


@pytest.mark.parametrize(
    ("name", "changes", "message"),
    [
        ("mine", {"u": None, "rate": None}, "mine: expected the inputs rate, u, got none"),
        ("mine", {"y": np.float32([32])}, "mine, y: expected labels from 0 to 9, got 32"),
        ("mine", {"w": np.float32([1])}, r"mine, w: expected the shape \(4, 3\), got \(1,\)"),
        ("mine", {"x": np.float32([1])}, r"mine: expected x \(timesteps, .*got \(1,\)"),
        ("mine", NOTHING, r"mine: expected x .*got \(4, 0, 4\)"),
        ("mine", {"g": None, "G": np.float32([1])}, "mine: expected arrays among .*, got G"),
        ("mine", {"layer": "conv"}, "layer: expected .*, got 'conv'"),
        ("mine", {"dropout": 0.5, "k": -1}, "mine, k: expected a whole number of steps, got -1"),
        ("mine", {"dropout": 0.5, "k": 10**30}, "mine, k: expected a whole number of steps"),
        ("mine", {"x": "sha256 " + 64 * "0"}, "mine: expected the values of its inputs, or one"),
        (
            "1 image",
            dict.fromkeys(ARRAYS),
            "1 image: expected arrays among h, .*, got none of them",
        ),
        ("1 image", dict.fromkeys(KNOWN["1 image"]), "1 image: expected .*, got none of them"),
        (
            "default, step 1",
            dict.fromkeys(KNOWN["1 image"]),
            "step 1: expected .*, got none of them",
        ),
    ],
)
def test_a_case_that_cannot_be_compared_is_rejected(name, changes, message):
    """Change or remove arrays of a case."""
    case = {k: v for k, v in (KNOWN["1 image"] | changes).items() if v is not None}
    with pytest.raises(ParameterError, match=message):
        compare(name, case, KNOWN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected cases with arrays"),
        ("[1]", "expected cases with arrays"),
        ("{}", "expected at least one case, got none"),
        ('{"a": {"x": [[2], "0x1p+0"]}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": [[1], "one"]}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": [[1], "0.5"]}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": [[1], "0x1.000001p+0"]}}', "a, x: expected .* of 32 bits"),
        ('{"a": {"x": [[1], "0x1p+128"]}}', "a, x: expected .* of 32 bits"),
        ("[" * 100_000, "expected cases with arrays"),
        ('{"a": {"x": "sha256 12"}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": 3}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"k": [2], "layer": [], "seed": {}}}', "a: expected the inputs rate, "),
    ],
)
def test_the_command_rejects_an_invalid_file_in_one_sentence(
    content, message, tmp_path, monkeypatch
):
    (tmp_path / "dump.json").write_text(content)
    monkeypatch.setattr("sys.argv", ["compare", str(tmp_path / "dump.json")])
    with pytest.raises(SystemExit, match=message):
        main()


def test_the_command_prints_the_difference_and_exits_with_status_1(tmp_path, monkeypatch, capsys):
    dump = tmp_path / "dump.json"
    monkeypatch.setattr("sys.argv", ["compare", str(dump)])
    case = dict(KNOWN["1 image"])
    for status, sentence in (
        (False, "1 image: the same bits (arrays: 15)."),
        (True, "1 image: z differs in 10"),
    ):
        dump.write_text(to_json({"1 image": case}))
        with pytest.raises(SystemExit) as end:
            main()
        assert (end.value.code, capsys.readouterr().out.startswith(sentence)) == (status, True)
        case["z"] = case["z"] + np.float32(1)


@pytest.mark.parametrize("name", list_cases(KNOWN))
def test_tensorflow_computes_the_known_answers(name):
    import rnn_keras

    assert not compare(name, take_step(CASES[name], rnn_keras), KNOWN).wrong
