"""Make the site: a start page, the pad, the lesson and the notebooks, as self-contained pages.

`python -m mnist_rnn.web.site` makes all pages in `site/`. `python -m mnist_rnn.web.site --report
NOTEBOOK PAGE` writes a notebook, without its code, to one page. No page loads other files: each
page contains its formulas (as MathML), its images and its styles.
"""

import argparse
import base64
import os
import re
from html import escape
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import nbformat
from bs4 import BeautifulSoup
from bs4.element import Tag
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbconvert.preprocessors import CoalesceStreamsPreprocessor
from pygments.formatters import HtmlFormatter

from mnist_rnn.analysis.answer import describe_answer, describe_spread
from mnist_rnn.analysis.tables import tabulate_results
from mnist_rnn.analysis.trained_network import Weights
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.figures.unrolled import DIGIT, draw_unrolled
from mnist_rnn.records.model_file import load_run
from mnist_rnn.records.run import read_runs, run_path
from mnist_rnn.system.errors import ExperimentError, one_sentence
from mnist_rnn.system.files import write_text
from mnist_rnn.system.paths import COMMITTED, ROOT
from mnist_rnn.web.learn.page import describe_learning
from mnist_rnn.web.pad.pad import describe_pad

NOTEBOOKS = sorted((ROOT / "notebooks").glob("0?_*.ipynb"))
TEMPLATES = Path(__file__).with_name("pages")
MODEL = run_path(Configuration(), ".keras", COMMITTED)
LESSON = "When does the network know the digit?"  # cells of 04_reading with the tag "lesson"
PAGES = {
    "index.html": "Start",
    "draw.html": "Draw",
    "lesson.html": "Lesson",
    "learn.html": "Watch it learn",
}
PAGES |= {f"{path.stem}.html": path.stem[3:].replace("_", " ").capitalize() for path in NOTEBOOKS}
LIGHT, DARK = "xcode", "github-dark"  # Pygments styles with enough contrast


class Renderer(IPythonRenderer):
    """A Markdown renderer that writes formulas as MathML."""

    def inline_math(self, body: str) -> str:
        """Return the MathML of a LaTeX formula inside a line of text."""
        return convert(body)

    def block_math(self, body: str) -> str:
        """Return the MathML of a LaTeX formula on a separate line."""
        return convert(body, display="block")


def render_markdown(source: str) -> str:
    """Return the HTML of the Markdown in a cell or an output; headings have an id."""
    return MarkdownWithMath(renderer=Renderer(escape=False)).render(source)


def parse(text: str) -> BeautifulSoup:
    """Return the parsed tree of an HTML text."""
    return BeautifulSoup(text, "html.parser")


def mend(page: BeautifulSoup) -> None:
    """Remove styles and the links of headings; let the keyboard scroll wide elements."""
    for tag in page.select("style, .anchor-link"):
        tag.decompose()
    for tag in page(["tr", "span"], style=re.compile("^(text-align|color)")):
        del tag["style"]
    for table in page("table"):
        mend_heads(table)
    for kind, name in (("Table", "table"), ("Figure", "img")):
        for tag in page(name):
            box = page.new_tag("div", attrs={"class": f"wide {kind.lower()}", "role": "group"})
            tag.wrap(box).attrs |= {"aria-label": kind, "tabindex": "0"}
    for block in page.select("pre, math[display=block]"):
        block["tabindex"] = "0"


def mend_heads(table: Tag) -> None:
    """Correct the header cells of a table: mark row headers, and let names break at underscores."""
    for head in table("th"):
        if not head.contents:
            head.name = "td"
    # pandas writes an index's name into a second header row, which has no other words.
    for corner, named in zip(table("td"), table.select("thead tr + tr > th"), strict=False):
        corner.replace_with(named)
    for row in table.select("thead tr + tr"):
        row.decompose()
    for head in table("th"):
        following = head.find_next_sibling()
        if following and following.name == "td":
            head["scope"] = "row"
        for text in head(string=True):
            text.replace_with(parse(escape(text).replace("_", "_<wbr>")))


def read_style() -> str:
    """Return the CSS of all pages, with the colours of code for light and dark screens."""
    places = [".highlight", ".output_html"]
    light, dark = (HtmlFormatter(style=name).get_style_defs(places) for name in (LIGHT, DARK))
    return (
        f"{(TEMPLATES / 'page.css').read_text(encoding='utf-8')}"
        f"@media print, (prefers-color-scheme: light) {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"
        ".highlight, .output_html { background: none }\n"
    )


def write_page(output: Path, template: str, title: str, **values: Any) -> None:
    """Fill the template with values, and write the page; by default, it links to all pages."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    shared = {
        "title": escape(title),
        "style": read_style(),
        "here": output.name,
        "pages": PAGES,
        "following": dict(zip(PAGES, list(PAGES)[1:], strict=False)).get(output.name),
        "about": metadata("mnist-rnn"),
    }
    write_text(output, environment.get_template(template).render(shared | values))


def read_notebook(path: Path) -> nbformat.NotebookNode:
    """Read a notebook (.ipynb)."""
    try:
        return nbformat.read(path, as_version=4)
    except (ValueError, nbformat.ValidationError):
        raise ExperimentError(f"{path}: expected a notebook, got another file") from None


def make_notebook_page(path: Path, output: Path, alone: bool = False, lesson: str = "") -> None:
    """Write a web page of a notebook (.ipynb).

    If `alone` is true, the page has no code and no links to other pages. `lesson` is the title of
    a page that shows only the cells with the tag `lesson`, without their code.
    """
    notebook = read_notebook(path)
    title = notebook.cells[0].source.split("\n")[0][2:]
    if lesson:
        notebook.cells = [c for c in notebook.cells if "lesson" in c.metadata.get("tags", [])]
        notebook.cells[0].source = notebook.cells[0].source.replace(title, lesson, 1)
    exporter = HTMLExporter(template_name="basic", exclude_input=alone or bool(lesson))
    exporter.register_filter("markdown2html", render_markdown)
    exporter.register_preprocessor(CoalesceStreamsPreprocessor, enabled=True)
    page = parse(exporter.from_notebook_node(notebook)[0])
    mend(page)
    for image in page("img", src=re.compile(r"\.svg$")):
        drawn = base64.b64encode(Path(path.parent, str(image["src"])).read_bytes()).decode()
        image["src"] = f"data:image/svg+xml;base64,{drawn}"
    for link in page("a", href=re.compile(r"^(?!#|https:)")):
        target = Path(str(link["href"]))
        if alone or target.suffix not in (".ipynb", ".html"):
            link.unwrap()
        else:
            link["href"] = f"{target.stem}.html"
    before, *rest = str(page).partition("<h2")
    values: dict[str, Any] = {
        "body": (before, "".join(rest)),
        "contents": [(head["id"], head.decode_contents()) for head in page("h2")],
        "source": f"{'workflow' if path.stem == 'report' else 'notebooks'}/{path.name}",
    }
    if alone:
        values |= {"pages": {}, "following": None}
    write_page(output, "notebook.html.j2", lesson or title, **values)


def describe_notebook(path: Path) -> tuple[str, str]:
    """Return the title of a notebook, and the first two sentences of its text as HTML."""
    title, text = read_notebook(path).cells[0].source.split("\n\n")[:2]
    sentences = re.split(r"(?<=[.?])\s+", text)[:2]
    return title[2:], render_paragraph(" ".join(sentences).replace("**", ""))


def render_paragraph(text: str) -> str:
    """Return the HTML of a Markdown paragraph, without its tags."""
    (paragraph,) = parse(render_markdown(text))("p")
    return paragraph.decode_contents()


def make_site(model: Path, folder: Path) -> None:
    """Write all pages of the site into a folder, with a model (.keras) for the drawing pad."""
    record, arrays = load_run(model, "simple_rnn")
    weights = Weights(*arrays)
    results = tabulate_results(*read_runs(COMMITTED))
    answer, *more = describe_answer(results)
    test = load_mnist()[1]
    for path in NOTEBOOKS:
        make_notebook_page(path, folder / f"{path.stem}.html")
    results_page = parse((folder / "03_results.html").read_text(encoding="utf-8"))
    figure = results_page.find("div", class_="figure")
    if not figure:
        raise ExperimentError(
            "notebooks/03_results.ipynb: expected outputs, got none. `make notebooks` makes them."
        )
    values = describe_pad(record, weights, *test)
    write_page(folder / "draw.html", "draw.html.j2", "Draw a digit", **values)
    write_page(folder / "learn.html", "learn.html.j2", "Watch it learn", **describe_learning())
    reading = ROOT / "notebooks" / "04_reading.ipynb"
    make_notebook_page(reading, folder / "lesson.html", lesson=LESSON)
    write_page(
        folder / "index.html",
        "start.html.j2",
        "RNN for MNIST digits classification, reproduced",
        answer=answer,
        lesson=LESSON,
        more=map(render_paragraph, more),
        spread=render_paragraph(" ".join(describe_spread(results.runs))),
        network=draw_unrolled(weights, test[0][DIGIT]),
        units=record.config.units,
        step=convert(r"h \leftarrow \tanh(x W + h U + b)"),
        figure=figure,
        notebooks={f"{path.stem}.html": describe_notebook(path) for path in NOTEBOOKS},
    )
    print(f"Written: {folder / 'index.html'}")


@one_sentence()
def main() -> None:
    """Make the site, or a report of one notebook."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", nargs=2, type=Path, metavar=("NOTEBOOK", "PAGE"))
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--output", type=Path, default=ROOT / "site")
    wanted = parser.parse_args()
    if wanted.report:
        make_notebook_page(wanted.report[0], wanted.report[1], alone=True)
    else:
        make_site(Path(os.path.realpath(wanted.model)), wanted.output)


if __name__ == "__main__":
    main()
