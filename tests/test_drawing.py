import numpy as np
import pytest
from mnist_rnn.pad.drawing import BOX, FULL, MIDDLE, NotADigit, center_strokes
from scipy import ndimage

from mnist_rnn.experiment.inputs import scale
from mnist_rnn.interpret.reading import Weights
from mnist_rnn.pad.pad import SIDE, Pad

pytestmark = pytest.mark.quick

SEVEN = [(0.27, 0.2), (0.72, 0.2), (0.45, 0.85)]


def place(stroke, zoom=1.0, right=0.0, down=0.0):
    return [(SIDE * (zoom * x + right), SIDE * (zoom * y + down)) for x, y in stroke]


def extent(images):
    """The longer side of the ink's bounding box, for each image."""
    sides = []
    for axis in (1, 2):
        inked = (images > 0).any(axis=axis)
        sides.append(28 - inked[:, ::-1].argmax(axis=1) - inked.argmax(axis=1))
    return np.maximum(*sides)


def middles(images):
    return np.array([ndimage.center_of_mass(image) for image in images])


def test_mnists_digits_are_centred_in_a_box_of_20(mnist):
    """What `center_strokes` promises is what the data have."""
    images = scale(mnist[1][0])
    assert extent(images).max() == BOX
    assert np.median(extent(images)) == BOX
    assert abs(middles(images) - MIDDLE).max() < 1
    np.testing.assert_allclose(middles(images).mean(axis=0), MIDDLE, atol=0.02)


@pytest.mark.parametrize(
    "moved", [{}, {"zoom": 0.3}, {"zoom": 0.5, "right": 0.4, "down": 0.5}], ids=str
)
def test_a_drawn_digit_is_centred_in_a_box_of_20(moved):
    image = center_strokes([place(SEVEN, **moved)], SIDE)
    assert (image.shape, image.dtype) == ((28, 28), np.float32)
    assert (image.min(), image.max()) == (0, 1)
    assert extent(image[None])[0] in (BOX, BOX + 1)  # the box may begin between two pixels
    np.testing.assert_allclose(middles(image[None])[0], MIDDLE, atol=0.05)
    np.testing.assert_allclose(image, center_strokes([place(SEVEN)], SIDE), atol=1e-4)


def test_proportions_stay():
    bar = center_strokes([[(0.5, 0.1), (0.5, 0.9)]], 1)
    assert (bar > 0).any(axis=1).sum() >= BOX
    assert (bar > 0).any(axis=0).sum() <= 5


def test_drawn_digits_have_as_much_ink_as_mnists(mnist):
    images = scale(mnist[1][0])
    ink = images.sum(axis=(1, 2))
    low, high = np.quantile(ink, [0.05, 0.95])
    assert low < center_strokes([place(SEVEN)], SIDE).sum() < high


def test_no_digit_of_mnist_is_taken_for_a_full_pad(mnist):
    (x_train, _), (x_test, _) = mnist
    most = max(images.sum(axis=(1, 2)).max() for images in (x_train, x_test)) / 255
    assert most < FULL * BOX**2


FILLED = [[(0.01 * SIDE, y), (0.99 * SIDE, y)] for y in range(0, SIDE, 5)]


@pytest.mark.parametrize(
    ("strokes", "advice"),
    [
        ([], "Draw a digit"),
        ([[(10, 10), (10, 10)]], "That is a dot"),
        ([[(10, 10), (12, 9)]], "That is a dot"),
        (FILLED, "The pad is full"),
    ],
    ids=["empty", "dot", "small dot", "filled"],
)
def test_what_is_no_digit_is_answered_with_advice(strokes, advice):
    with pytest.raises(NotADigit, match=advice):
        center_strokes(strokes, SIDE)


@pytest.fixture(scope="module")
def pad(mnist, model):
    x_test, y_test = mnist[1]
    return Pad(Weights(*model.get_weights()), scale(x_test), y_test, seed=0)


@pytest.fixture(params=["mouse", "finger"])
def draw(request, pad):
    """Draw a stroke as the page reports it, by mouse or by touch."""
    pad.clear()

    def send(event, x, y):
        if request.param == "mouse":
            message = {"event": f"mouse_{event}", "x": x, "y": y}
        else:
            event = {"down": "start", "move": "move", "up": "end"}[event]
            touches = [] if event == "end" else [{"x": x, "y": y}]
            message = {"event": f"touch_{event}", "touches": touches}
        pad.canvas._handle_frontend_event(pad.canvas, message, [])

    def draw(stroke):
        send("down", *stroke[0])
        for point in stroke[1:]:
            send("move", *point)
        send("up", *stroke[-1])

    return draw


def test_the_pad_reads_a_drawn_digit_and_clears(pad, draw):
    draw(place(SEVEN))
    assert pad.text.startswith("The network reads a 7 (")
    assert pad.text in pad.view.value
    pad.clear()
    assert pad.text == "Draw a digit on the pad."


def test_a_moving_pen_that_is_up_draws_nothing(pad, draw):
    pad.move_pen(10, 10)
    assert pad.strokes == []


def test_a_dot_is_no_traceback(pad, draw):
    draw([(100, 100)])
    assert pad.text.startswith("That is a dot.")


def test_a_filled_pad_is_no_traceback(pad, draw):
    for stroke in FILLED:
        draw(stroke)
    assert pad.text.startswith("The pad is full.")


def test_a_hundred_quick_strokes_are_all_read(pad, draw):
    random = np.random.default_rng(0)
    for _ in range(100):
        draw(random.uniform(0, SIDE, (5, 2)).tolist())
    assert len(pad.strokes) == 100
    assert pad.text.startswith(("The network reads", "The pad is full"))


def test_a_test_digit_hides_its_label_until_the_guess(pad):
    pad.take_test_digit()
    label = pad.labels[pad.hidden]
    assert pad.guesses.layout.visibility == "visible"
    assert not any(character.isdigit() for character in pad.text)
    pad.guesses.children[3].click()
    assert pad.text.startswith("You read a 3. The network reads a ")
    assert pad.text.endswith(f"The label is {label}.")
    assert pad.guesses.layout.visibility == "hidden"


def test_revealing_is_no_guess(pad):
    pad.take_test_digit()
    pad.guesses.children[-1].click()
    assert pad.text.startswith("The network reads a ")


def test_drawing_on_a_test_digit_begins_a_new_sheet(pad, draw):
    pad.take_test_digit()
    draw(place(SEVEN))
    assert pad.text.startswith("The network reads a 7 (")
    assert pad.guesses.layout.visibility == "hidden"
