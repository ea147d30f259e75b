"""Test the known answers, and the command that compares a program's arrays with them."""

import numpy as np
import pytest

from mnist_rnn.bits import compare as comparing
from mnist_rnn.bits.compare import BROKEN_RULES, break_rule, compare
from mnist_rnn.bits.known_answers import (
    ARRAYS,
    FILE,
    INPUTS,
    RUNS,
    digest_arrays,
    list_cases,
    read_cases,
    take_step,
    take_steps,
    to_json,
)
from mnist_rnn.errors import ParameterError

KNOWN = read_cases()
SMALL = list(list_cases())


@pytest.mark.parametrize("name", SMALL)
def test_the_committed_cases_equal_newly_computed_cases(name):
    made = {name: take_step(list_cases()[name])}
    assert to_json(made).strip("{}\n") in FILE.read_text()
    assert compare(name, KNOWN[name], KNOWN) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_the_committed_training_steps_equal_newly_computed_steps(name):
    for number, case in enumerate(take_steps(*RUNS[name]), 1):
        assert digest_arrays(case) == KNOWN[f"{name}, step {number}"]


def test_the_file_of_known_answers_is_small_and_has_every_array():
    assert FILE.stat().st_size <= 200_000
    assert all(tuple(case) == (*INPUTS, *ARRAYS) for case in KNOWN.values())
    assert len(KNOWN) == len(SMALL) + sum(steps for _, steps in RUNS.values())


@pytest.mark.parametrize("name", [*INPUTS, *ARRAYS])
def test_one_changed_bit_is_found_in_the_right_array(name):
    """Change a bit in the last number of an array, and expect that a sentence names the array."""
    case = {key: array.copy() for key, array in KNOWN["1 image"].items()}
    case[name].view("uint32").reshape(-1)[-1] ^= 1
    sentence = compare("1 image", case, KNOWN)
    place = f"{name} of timestep 3" if name in ("h", "d", "dh") else name
    start = "1 image: the input " if name in INPUTS else "1 image: "
    assert sentence.startswith(f"{start}{place} differs in 1 of ")
    assert ", 1 ULP apart." in sentence


@pytest.mark.parametrize("rule", BROKEN_RULES)
def test_the_message_names_the_broken_rule(rule):
    """Break one rule of the computation, and expect messages that name this rule."""
    broken = break_rule(rule)
    sentences = [compare(name, take_step(KNOWN[name], broken), KNOWN) for name in SMALL]
    ends = [sentence.partition("gives your numbers: ")[2] for sentence in sentences if sentence]
    # For double rounding, the message also names other rules.
    if rule != "fma(a, b, s) is rounded to float64 and then to float32":
        assert f"{rule}." in ends
    assert ends
    assert all(rule in end for end in ends)


def test_a_difference_that_no_broken_rule_explains_is_reported():
    case = dict(KNOWN["1 image"], z=KNOWN["1 image"]["z"] + 1)
    assert compare("1 image", case, KNOWN).endswith(
        "No single broken rule explains the difference."
    )


def test_computed_arrays_may_be_missing_but_inputs_are_required():
    case = {name: KNOWN["1 image"][name] for name in (*INPUTS, "z", "w'")}
    assert compare("of mine", case, KNOWN) is None
    del case["u"], case["rate"]
    with pytest.raises(ParameterError, match="of mine: expected the inputs rate, u"):
        compare("of mine", case, KNOWN)


def test_digests_are_compared_with_the_digests_of_the_same_case():
    name = "default, step 2"
    assert compare(name, KNOWN[name], KNOWN) is None
    other = KNOWN[name] | {"g": "sha256 " + 64 * "0"}
    assert compare(name, other, KNOWN).startswith(f"{name}: g differs: expected sha256 ")
    with pytest.raises(ParameterError, match="of mine: expected one of 1 image, "):
        compare("of mine", other, KNOWN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "expected cases with arrays"),
        ("[1]", "expected cases with arrays"),
        ('{"a": {"x": [[2], "0x1p+0"]}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": [[1], "one"]}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": "sha256 12"}}', "a, x: expected a shape and hexadecimal floats"),
        ('{"a": {"x": 3}}', "a, x: expected a shape and hexadecimal floats"),
    ],
)
def test_an_invalid_file_of_arrays_is_rejected(content, message, tmp_path):
    (tmp_path / "dump.json").write_text(content)
    with pytest.raises(ParameterError, match=message):
        read_cases(tmp_path / "dump.json")


def test_the_command_prints_the_difference_and_exits_with_status_1(tmp_path, monkeypatch, capsys):
    dump = tmp_path / "dump.json"
    monkeypatch.setattr("sys.argv", ["compare", str(dump)])
    case = dict(KNOWN["1 image"])
    for status, sentence in (
        (False, "1 image: the same bits."),
        (True, "1 image: z differs in 10"),
    ):
        dump.write_text(to_json({"1 image": case}))
        with pytest.raises(SystemExit) as end:
            comparing.main()
        assert (end.value.code, capsys.readouterr().out.startswith(sentence)) == (status, True)
        case["z"] = case["z"] + np.float32(1)


@pytest.mark.parametrize("name", SMALL)
def test_tensorflow_computes_the_known_answers(name):
    import rnn_keras

    inputs = {key: KNOWN[name][key] for key in INPUTS}
    assert compare(name, take_step(inputs, rnn_keras), KNOWN) is None


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_tensorflow_computes_the_known_training_steps(name):
    """Take steps of the default run, and of a run with batches of 640 images."""
    import rnn_keras

    for number, case in enumerate(take_steps(*RUNS[name], rnn_keras), 1):
        assert compare(f"{name}, step {number}", digest_arrays(case), KNOWN) is None
