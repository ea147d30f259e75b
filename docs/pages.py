"""The pages: the site of a start page, the pad and the notebooks, and the report, a page alone.

`python docs/pages.py` makes `site/`; `--report NOTEBOOK PAGE` makes one page without code. No page
asks for anything from elsewhere: formulas are MathML, images and styles are in the page.
"""

import argparse
import base64
from html import escape
from pathlib import Path

import nbformat
from generate import make_headline
from jinja2 import Environment, FileSystemLoader
from markup import Exporter, highlight_style, mend

from mnist_rnn.config import Configuration
from mnist_rnn.errors import ExperimentError
from mnist_rnn.files import write_text
from mnist_rnn.pad.page import make_pad_page
from mnist_rnn.paths import COMMITTED, ROOT, shown
from mnist_rnn.records.record import run_path

NOTEBOOKS = ROOT / "notebooks"
TITLES = {
    "index.html": "Start",
    "draw.html": "Draw",
    "01_data.html": "Data",
    "02_train.html": "Training",
    "03_results.html": "Results",
    "04_reading.html": "Reading",
}


def make_links(here: str) -> str:
    """The links to all pages; `here` is the page that they stand on."""
    current = {here: ' aria-current="page"'}
    links = [f'<a href="{page}"{current.get(page, "")}>{TITLES[page]}</a>' for page in TITLES]
    return '<nav aria-label="Pages">\n' + "\n".join(links) + "\n</nav>"


def read_style() -> str:
    """The CSS of all pages."""
    return (NOTEBOOKS / "page.css").read_text(encoding="utf-8")


def make_notebook_page(path: Path, output: Path, alone: bool) -> None:
    """A notebook (.ipynb) as a page; alone, without code and links to other pages."""
    notebook = nbformat.read(path, as_version=4)
    exporter = Exporter(
        template_name="basic",
        template_file=str(NOTEBOOKS / "page.html.j2"),
        exclude_input=alone,
    )
    resources = {
        "title": notebook.cells[0].source.split("\n")[0][2:],
        "links": "" if alone else make_links(output.name),
        "style": read_style() + highlight_style(),
    }
    text, _ = exporter.from_notebook_node(notebook, resources)
    write_text(output, mend(text))


def make_start(output: Path) -> None:
    """The start page."""
    notebooks = {}
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        title, text = nbformat.read(path, as_version=4).cells[0].source.split("\n\n")[:2]
        notebooks[path.with_suffix(".html").name] = (title[2:], strip(text))
    environment = Environment(loader=FileSystemLoader(NOTEBOOKS), autoescape=False)
    page = environment.get_template("start.html.j2").render(
        style=read_style(),
        links=make_links(output.name),
        headline=strip(make_headline()),
        figure=base64.b64encode((COMMITTED / "accuracy.png").read_bytes()).decode(),
        alt=escape(find_alt(NOTEBOOKS / "03_results.ipynb")),
        notebooks=notebooks,
    )
    write_text(output, page)


def strip(markdown: str) -> str:
    """A paragraph of Markdown as HTML, without the paragraph's tags."""
    return Exporter().markdown2html({}, markdown).strip().removeprefix("<p>").removesuffix("</p>")


def find_alt(path: Path) -> str:
    """The text alternative of a notebook's first figure."""
    cells = nbformat.read(path, as_version=4).cells
    outputs = (output for cell in cells for output in cell.get("outputs", []))
    first = next(output for output in outputs if "image/png" in output.get("data", {}))
    return first.metadata["image/png"]["alt"]


def make_site(model: Path, folder: Path) -> None:
    """The start page, the pad of this model (.keras) and the notebooks, as pages in a folder."""
    draw = folder / "draw.html"
    make_pad_page(model, draw, read_style(), make_links(draw.name))
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        make_notebook_page(path, folder / path.with_suffix(".html").name, alone=False)
    make_start(folder / "index.html")
    print(f"Written: {shown(folder / 'index.html')}")


def main() -> None:
    """Make the site, or the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", nargs=2, type=Path, metavar=("NOTEBOOK", "PAGE"))
    parser.add_argument(
        "--model", type=Path, default=run_path(Configuration(), ".keras", COMMITTED)
    )
    parser.add_argument("--output", type=Path, default=ROOT / "site")
    wanted = parser.parse_args()
    try:
        if wanted.report:
            make_notebook_page(*wanted.report, alone=True)
        else:
            make_site(wanted.model.resolve(), wanted.output)
    except ExperimentError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
