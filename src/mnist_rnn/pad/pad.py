"""The pad in the notebook: draw a digit, or take a test image, and watch it being read."""

import base64
import io
import time
from html import escape

import matplotlib.pyplot as plt
import numpy as np
from IPython import get_ipython
from IPython.display import display
from ipywidgets import HTML, Box, Button, Layout, VBox

from mnist_rnn.config import NUM_CLASSES
from mnist_rnn.interpret.reading import Weights, believe, read_rows
from mnist_rnn.pad.drawing import NotADigit, center_strokes

SIDE = 252  # CSS pixels of the pad: nine for each of the network's
VIEW = 196  # of the image beside it
BELIEFS = 140  # width of the beliefs: the two fit side by side in a narrow window
ANSWER_EVERY = 0.05  # seconds between two answers while the pen moves
INK, PAPER = "#222222", "#ffffff"


class Pad:
    """A canvas, what the network sees of it, and the belief after each row.

    `text` is the answer in words, as the page has it.
    """

    def __init__(self, weights: Weights, images: np.ndarray, labels: np.ndarray, seed: int) -> None:
        """Test `images` (n, 28, 28) in [0, 1] and their `labels` are what one may guess."""
        # Importing it makes a widget, and a notebook executed by a program would keep its state.
        from ipycanvas import Canvas

        self.weights, self.images, self.labels = weights, images, labels
        self.random = np.random.default_rng(seed)
        self.canvas = Canvas(width=SIDE, height=SIDE, layout=Layout(border="1px solid #888888"))
        self.canvas.stroke_style, self.canvas.line_width = INK, SIDE / 14
        self.canvas.line_cap = self.canvas.line_join = "round"
        self.view = HTML()
        clear = Button(description="Clear")
        take = Button(description="Random test digit", layout=Layout(width="150px"))
        self.guesses = Box(layout=Layout(flex_flow="row wrap", visibility="hidden"))
        self.guesses.children = [
            Button(description=str(digit), tooltip=f"I read a {digit}", layout=Layout(width="34px"))
            for digit in range(NUM_CLASSES)
        ] + [Button(description="Reveal", layout=Layout(width="80px"))]
        row = Layout(flex_flow="row wrap", align_items="flex-start")
        self.widget = VBox([
            Box([clear, take], layout=row),
            self.guesses,
            Box([self.canvas, self.view], layout=row),
        ])  # fmt: skip
        self._listen(clear, take)
        self.clear()

    def _listen(self, clear: Button, take: Button) -> None:
        """Connect mouse, finger and buttons."""
        clear.on_click(lambda _: self.clear())
        take.on_click(lambda _: self.take_test_digit())
        for button in self.guesses.children:
            button.on_click(lambda pressed: self.reveal(pressed.description))
        self.canvas.on_mouse_down(self.put_pen_down)
        self.canvas.on_mouse_move(self.move_pen)
        self.canvas.on_mouse_up(lambda *_: self.lift_pen())
        self.canvas.on_mouse_out(lambda *_: self.lift_pen())
        self.canvas.on_touch_start(lambda touches: self.put_pen_down(*touches[0]))
        self.canvas.on_touch_move(lambda touches: self.move_pen(*touches[0]))
        self.canvas.on_touch_end(lambda _: self.lift_pen())
        self.canvas.on_touch_cancel(lambda _: self.lift_pen())

    def clear(self) -> None:
        """Take a new sheet."""
        self.strokes: list[list[tuple[float, float]]] = []
        self.pen_down = False
        self.guesses.layout.visibility = "hidden"
        self.canvas.fill_style = PAPER
        self.canvas.fill_rect(0, 0, SIDE, SIDE)
        self.answer()

    def put_pen_down(self, x: float, y: float) -> None:
        """Begin a stroke; on a test digit, begin a new sheet."""
        if not self.strokes:
            self.clear()
        self.strokes.append([(x, y)])
        self.pen_down = True
        self.move_pen(x, y)

    def move_pen(self, x: float, y: float) -> None:
        """Draw on, and answer if the last answer is old enough."""
        if not self.pen_down:
            return
        self.canvas.stroke_line(*self.strokes[-1][-1], x, y)
        self.strokes[-1].append((x, y))
        if time.monotonic() - self.answered > ANSWER_EVERY:
            self.answer()

    def lift_pen(self) -> None:
        """End the stroke."""
        if self.pen_down:
            self.pen_down = False
            self.answer()

    def answer(self) -> None:
        """Read what is drawn and show it."""
        try:
            image = center_strokes(self.strokes, SIDE)
        except NotADigit as advice:
            self._show(str(advice), np.zeros((28, 28)), np.zeros((28, NUM_CLASSES)))
        else:
            beliefs = self._read(image)
            self._show(f"The network reads {describe(beliefs)}.", image, beliefs)
        self.answered = time.monotonic()

    def take_test_digit(self) -> None:
        """Show a test image and hide its label and how it is read, until one guesses."""
        self.clear()
        self.hidden = int(self.random.integers(len(self.images)))
        image = self.images[self.hidden]
        gray = np.kron(255 * (1 - image), np.ones((SIDE // 28, SIDE // 28)))
        self.canvas.put_image_data(np.repeat(gray[..., None], 3, axis=2), 0, 0)
        self.guesses.layout.visibility = "visible"
        self._show("Which digit is it? Guess, then see.", image, np.zeros((28, NUM_CLASSES)))

    def reveal(self, guess: str) -> None:
        """Show what the label says and how the network reads the test image."""
        image, label = self.images[self.hidden], self.labels[self.hidden]
        beliefs = self._read(image)
        said = f"You read a {guess}. " if guess.isdigit() else ""
        self.guesses.layout.visibility = "hidden"
        self._show(
            f"{said}The network reads {describe(beliefs)}. The label is {label}.", image, beliefs
        )

    def _read(self, image: np.ndarray) -> np.ndarray:
        return believe(self.weights, read_rows(self.weights, image[None]))[0]

    def _show(self, text: str, image: np.ndarray, beliefs: np.ndarray) -> None:
        self.text = text
        self.view.value = render(text, image, beliefs)


def describe(beliefs: np.ndarray) -> str:
    """The last belief of (timesteps, 10) in words: the digit and its probability."""
    return f"a {beliefs[-1].argmax()} ({beliefs[-1].max():.0%})"


def render(text: str, image: np.ndarray, beliefs: np.ndarray) -> str:
    """HTML: the text, and under it the image and the beliefs, row beside row."""
    answer = beliefs[-1].argmax() if beliefs.any() else None
    digits = "".join(
        f'<span style="flex:1;{"font-weight:bold" if digit == answer else ""}">{digit}</span>'
        for digit in range(NUM_CLASSES)
    )
    return f"""
<div class="reading" style="line-height:1.4;margin-left:12px">
<div class="answer" role="status" aria-live="polite" style="font-size:120%">{escape(text)}</div>
<div style="display:grid;grid-template-columns:{VIEW}px {BELIEFS}px;column-gap:12px">
<div></div><div style="display:flex;text-align:center">{digits}</div>
{picture(image, VIEW, "the image as the network sees it")}
{picture(beliefs, BELIEFS, "a row for each row read; the darker, the likelier")}
<div>what the network sees</div><div>belief after each row</div></div></div>"""


def picture(values: np.ndarray, width: int, alt: str) -> str:
    """An HTML image of values in [0, 1], a pixel a value, each drawn as a sharp rectangle."""
    png = io.BytesIO()
    plt.imsave(png, values, cmap="gray_r", vmin=0, vmax=1)
    source = base64.b64encode(png.getvalue()).decode()
    style = f"width:{width}px;height:{VIEW}px;image-rendering:pixelated;border:1px solid #888888"
    return f'<img alt="{alt}" style="{style}" src="data:image/png;base64,{source}">'


def open_pad(weights: Weights, images: np.ndarray, labels: np.ndarray, seed: int) -> None:
    """Show a pad where somebody can draw on it, and a sentence elsewhere.

    A page without a kernel would show an error in the pad's place, so no output may hold one that
    was made by a program. Front ends for people say which cell they run, in the request's
    metadata; programs that execute notebooks (nbclient, papermill, nbval) don't.
    """
    if "cellId" in get_ipython().kernel.get_parent()["metadata"]:
        display(Pad(weights, images, labels, seed).widget)
    else:
        print("Run this cell in JupyterLab: the pad appears here.")
