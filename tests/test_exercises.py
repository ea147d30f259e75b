"""Test the marking of 07_exercises.ipynb: right solutions, and what wrong ones are told."""

import inspect

import nbformat
import numpy as np
import pytest
from helpers.runs import TRAIN, end, run_python, start_nbval

from mnist_rnn.bits import by_hand, solutions
from mnist_rnn.bits.exercises import MISTAKES, draw_arguments, mark

RIGHT = ["1. Shapes: right.", "2. Six digits: right.", "3. Last bit: right."]


@pytest.mark.slow
def test_nbval_runs_the_notebook_with_the_solutions_put_in(tmp_path):
    notebook, solved = nbformat.read(TRAIN.with_name("07_exercises.ipynb"), 4), []
    for cell in notebook.cells:
        if (name := cell.source.partition("(")[0].removeprefix("def ")) in MISTAKES:
            code = inspect.getsource(getattr(solutions, name))
            cell.source = f"from mnist_rnn.bits.solutions import *\n{code}\ncheck({name})"
            cell.outputs = [nbformat.v4.new_output("stream", text="\n".join(RIGHT) + "\n")]
            cell.metadata.tags = ["nbval-check-output"]
            solved.append(name)
    assert solved == [*MISTAKES]
    nbformat.write(notebook, tmp_path / "solved.ipynb")
    status, output = end(start_nbval(tmp_path / "solved.ipynb", tmp_path, "--nbval-lax"), 1200)
    assert status == 0, output


def test_the_solutions_train_the_weights_of_by_hand():
    weights, x, y, order, size, rate = draw_arguments()["my_epoch"]
    expected = weights
    for chosen in np.split(order, range(size, len(order), size)):
        expected = by_hand.get_weights(by_hand.step(expected, x[:, chosen], y[chosen], rate)[0])
    found = solutions.my_epoch(weights, x, y, order, size, rate)
    assert by_hand.digest(found) == by_hand.digest(expected)


def test_the_marking_needs_no_package_but_numpy():
    others = ["tensorflow", "keras", "pandas", "pydantic", "matplotlib", "IPython"]
    program = f"import sys; sys.modules |= dict.fromkeys({others}); import mnist_rnn.data"
    program += "; from mnist_rnn.bits import exercises as e; e.check(e.solutions.my_gradients)"
    assert run_python(program).stdout.splitlines() == RIGHT


def tell(name, expression):
    """Return what is said about a function that returns the value of an expression."""
    parameters = ", ".join(inspect.signature(getattr(solutions, name)).parameters)
    function = eval(f"lambda {parameters}: {expression}", vars(solutions))
    function.__name__ = name
    return " ".join(mark(function))


@pytest.mark.parametrize(
    ("name", "wrong", "said"),
    [
        ("my_scale", "np.moveaxis(images, 1, 0) / 255.0", "3. Last bit: your numbers are float64"),
        ("my_loss", "[None] * len(y)", "expected one array of numbers"),
        ("my_loss", "(z, y)", "expected one array of numbers, got a value of type tuple"),
        ("my_scale", "-(0 - images.swapaxes(0, 1) / np.float32(255))", "numbers differ"),
        ("my_scale", "[image / 256 for image in images.swapaxes(0, 1)]", "the brightest pixel"),
        ("my_scale", "images.pixels", "my_scale stops: AttributeError: "),
        ("my_scale", "images.__setitem__(0, 0) or images", "my_scale changes its arguments"),
        ("my_forward", "np.tanh(x @ w + b + h @ u)", "np.tanh has other last bits"),
        ("my_forward", "tanh((multiply(h, u) + multiply(x, w)) + b)", "Add b to the product of x"),
        ("my_loss", "-np.log(softmax(z)[range(40), y])", "Compute log(s) - z"),
        *((name, wrong, said) for name in MISTAKES for wrong, said in MISTAKES[name].items()),
    ],
)
def test_a_wrong_solution_is_told_what_is_wrong(name, wrong, said):
    assert said in tell(name, wrong)


def test_a_result_in_place_of_a_function_is_named():
    assert "got a value of type ndarray" in "".join(mark(solutions.my_scale(np.zeros((1, 28, 28)))))
