"""Generate parts of README.md, docs/network.svg and docs/report.png from the committed results.

`python workflow/generate.py` writes README.md's text between `<!-- generated: name -->` and
`<!-- end -->`. It draws the network of the default run, and some rows of a report.
"""

import math
import os
import re

import pandas as pd

from mnist_rnn.analysis.answer import (
    choose_results,
    describe_codes,
    describe_published,
    describe_reproduced,
    describe_spread,
)
from mnist_rnn.analysis.one_bit import describe_worth
from mnist_rnn.analysis.report import name_rows
from mnist_rnn.analysis.tables import Results, summarize, tabulate_results
from mnist_rnn.analysis.trained_network import Weights
from mnist_rnn.bits.audit import list_left, read_audited
from mnist_rnn.bits.implementations import RUNS, SOURCES
from mnist_rnn.bits.ledger import DEFAULT_RUN, read_ledger
from mnist_rnn.config import TRAIN_SIZE, Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.figures.captioned import CaptionedFigure
from mnist_rnn.figures.results import draw_results
from mnist_rnn.figures.unrolled import DIGIT, draw_unrolled
from mnist_rnn.records.model_file import load_run
from mnist_rnn.records.run import read_runs, run_path
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import COMMITTED, ROOT

ROWS = "notebook-2019, notebook-2020; keras-2019-dropout; notebook-2019-adam, prose-2020-adam"


def make_table(results: Results) -> str:
    """Return a table of published results."""
    table = summarize(choose_results(results.accuracy))
    table = table.drop(columns=["Range (%)", "Runs", "Outside"])
    table["Result"] = [f"`{name}`" for name in table["Result"]]
    table["Inside"] = table["Inside"].str.replace(" of ", "/")
    return table.to_markdown(index=False, disable_numparse=True)


def find_longest() -> dict[str, tuple[int, int, float | None]]:
    """Return each program's longest bit-identical training on our CPUs; of equals, the fastest.

    A training is a tuple: epochs, images, and the seconds of an epoch of 60,000 images, or None if
    this time was not measured.
    """
    found: dict[str, list[tuple[int, int, float | None]]] = {}
    for row in read_ledger():
        if "emulated" not in row.cpu and row.measured_by == "us":
            names = {"sgd", "first-epoch", "learn.html", DEFAULT_RUN} & {*row.same_bits.split()}
            found.setdefault(row.program, []).extend(
                (RUNS[name].epochs, RUNS[name].train_size, row.seconds) for name in names
            )
    return {
        program: max(trained, key=lambda t: (t[0] * t[1], -(t[2] or math.inf)))
        for program, trained in found.items()
    }


def make_implementations() -> str:
    """Return a table of the implementations, and how many of our runs C has confirmed."""
    longest, rows, runs = find_longest(), [], read_audited()
    equal = len(runs) - len(list_left(runs))
    confirmed = f"{equal} of {len(runs)} runs" if equal < len(runs) else f"all {equal} runs"
    for name, (files, _, shared) in SOURCES.items():
        links = (f"[{path.name}]({os.path.relpath(path, ROOT)})" for path in files)
        epochs, images, seconds = longest[name]
        rows.append(
            {
                "Implementation": f"{name}: {', '.join(links)}",
                "Shares code with": shared or "none",
                "Seconds per epoch": "" if seconds is None else f"{seconds:.1f}",
                "Bit-identical epochs": f"{epochs}"
                + f" of {images:,} images" * (images < TRAIN_SIZE)
                + f", in {confirmed}" * (name == "C"),
            }
        )
    return pd.DataFrame(rows).to_markdown(index=False, disable_numparse=True)


def fill_blocks(text: str) -> str:
    """Return the README's text, with its blocks generated again from the committed results."""
    results = tabulate_results(*read_runs(COMMITTED))
    typical, *more = describe_reproduced(results)
    blocks = {
        "answer": f"**{typical}** {' '.join(more)}",
        "spread": " ".join(describe_spread(results.runs)[1:-2]),
        "results": make_table(results),
        "comparisons": " ".join([describe_codes(results.runs)[0], *describe_published(results)]),
        "implementations": make_implementations(),
        "bit": describe_worth(),
    }
    for name, filled in blocks.items():
        block = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        text, count = block.subn(lambda m, new=filled: f"{m[1]}\n{new}\n\n{m[2]}", text)
        if count != 1:
            raise ValueError(f"expected one block of {name}, got {count}")
    return text


def draw_report() -> CaptionedFigure:
    """Draw some rows of the figure that `make report` makes."""
    rows = name_rows(tabulate_results(*read_runs(COMMITTED)))
    return draw_results({name: rows[name] for name in ROWS.split("; ")})


if __name__ == "__main__":
    path = ROOT / "README.md"
    write_text(path, fill_blocks(path.read_text(encoding="utf-8")))
    _, arrays = load_run(run_path(Configuration(), ".keras", COMMITTED))
    weights = Weights(*arrays)
    write_text(ROOT / "docs" / "network.svg", draw_unrolled(weights, load_mnist()[1][0][DIGIT]))
    draw_report().save(ROOT / "docs" / "report.png")
