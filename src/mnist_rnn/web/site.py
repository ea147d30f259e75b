"""The site: a start page, the pad, the lesson and the notebooks, as pages that stand alone.

`python -m mnist_rnn.web.site` makes `site/`; `--report NOTEBOOK PAGE` makes one page without code.
No page asks for anything from elsewhere: formulas are MathML, images and styles are in the page.
"""

import argparse
import base64
import re
from html import escape
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

import nbformat
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

from mnist_rnn.analysis.answer import describe_answer, describe_spread
from mnist_rnn.analysis.tables import read_results
from mnist_rnn.analysis.trained_network import load_checked
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.errors import ExperimentError
from mnist_rnn.figures.unrolled import DIGIT, draw_unrolled
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, ROOT, shown
from mnist_rnn.records.run import run_path
from mnist_rnn.web.learn.page import describe_learning
from mnist_rnn.web.pad.pad import describe_pad

NOTEBOOKS = sorted((ROOT / "notebooks").glob("0?_*.ipynb"))
TEMPLATES = Path(__file__).with_name("pages")
MODEL = run_path(Configuration(), ".keras", COMMITTED)
LESSON = ROOT / "notebooks" / "04_reading.ipynb"  # the lesson is its cells with the tag
PAGES = {
    "index.html": "Start",
    "draw.html": "Draw",
    "lesson.html": "Lesson",
    "learn.html": "Watch it learn",
}
PAGES |= {f"{path.stem}.html": path.stem[3:].replace("_", " ").capitalize() for path in NOTEBOOKS}
LIGHT, DARK = "xcode", "github-dark"  # styles of Pygments with enough contrast
# pandas writes the name of an index into a second row of the head, which is otherwise empty.
INDEX_NAME = (
    r"<td></td>((?:\s*<th>[^<]*</th>)+\s*</tr>)\s*<tr>\s*<th>(.*?)</th>(?:\s*<td></td>)+\s*</tr>"
)
THEIR_STYLE = r'(?s)<style( scoped(="")?)?>\s*(pre|\.dataframe|td\.linenos).*?</style>'
FIGURE = r'(?s)<div class="wide figure".*?</div>'
THEIR_TABLE = r'(?s)<table border="1" class="dataframe">.*?</table>'


class Renderer(IPythonRenderer):
    """Markdown with formulas as MathML and tables that scroll in a region of their own."""

    def heading(self, text: str, level: int, **attributes: Any) -> str:  # noqa: ARG002
        """A heading that the table of contents can lead to."""
        place = re.sub(r"\W+", "-", re.sub("<[^>]*>", "", text)).strip("-").lower()
        return f'<h{level} id="{place}">{text}</h{level}>\n'

    def inline_math(self, body: str) -> str:
        """A formula in a line, given in LaTeX."""
        return convert(body)

    def block_math(self, body: str) -> str:
        """A formula by itself, given in LaTeX."""
        return convert(body, display="block")

    def table(self, text: str) -> str:
        """A table, given its rows."""
        return box("Table", f"<table>{text}</table>")


class Exporter(HTMLExporter):
    """nbconvert's exporter, with the renderer above."""

    @pass_context
    def markdown2html(self, context: Any, source: str) -> str:  # noqa: ARG002  (nbconvert passes it)
        """Markdown to HTML, also that of outputs."""
        renderer = Renderer(escape=False)
        return MarkdownWithMath(renderer=renderer).render(source)


def box(kind: str, content: str) -> str:
    """A table or figure in a box that the keyboard can scroll."""
    attributes = f'class="wide {kind.lower()}" role="group" aria-label="{kind}" tabindex="0"'
    return f"<div {attributes}>{content}</div>"


def mend(text: str) -> str:
    """What pandas, Rich and Pygments wrote into outputs, without styles of theirs."""
    text = re.sub(THEIR_STYLE, "", text)
    text = re.sub(THEIR_TABLE, lambda table: box("Table", table[0]), text)
    text = text.replace(' style="text-align: right;"', "").replace("<th></th>", "<td></td>")
    text = re.sub(INDEX_NAME, r"<th>\2</th>\1", text)
    text = re.sub(r"<th>([^<]*)</th>(?=\s*<td>)", r'<th scope="row">\1</th>', text)
    text = re.sub("<th[^>]*>[^<]*", lambda head: head[0].replace("_", "_<wbr>"), text)
    text = re.sub(r'<span style="color[^"]*">', "<span>", text)
    text = re.sub(r"<img[^>]*>", lambda image: box("Figure", image[0]), text)
    return text.replace("<pre", '<pre tabindex="0"')


def read_style() -> str:
    """The CSS of all pages, with the colours of code in both schemes."""
    places = [".highlight", ".output_html"]
    light, dark = (HtmlFormatter(style=name).get_style_defs(places) for name in (LIGHT, DARK))
    return (
        f"{(TEMPLATES / 'page.css').read_text(encoding='utf-8')}"
        f"@media print, (prefers-color-scheme: light) {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n"
        ".highlight, .output_html { background: none }\n"
    )


def make_links(here: str) -> str:
    """The links to all pages; `here` is the page that they stand on."""
    current = {here: ' aria-current="page"'}
    links = (f'<a href="{page}"{current.get(page, "")}>{PAGES[page]}</a>\n' for page in PAGES)
    return f'<nav aria-label="Pages">\n{"".join(links)}</nav>'


def write_page(output: Path, template: str, title: str, **values: Any) -> None:
    """Write a page of this template, by default with links to the others."""
    environment = Environment(loader=FileSystemLoader(TEMPLATES), undefined=StrictUndefined)
    shared = {
        "title": escape(title),
        "style": read_style(),
        "links": make_links(output.name),
        "pages": PAGES,
        "following": dict(zip(PAGES, list(PAGES)[1:], strict=False)).get(output.name),
        "about": metadata("mnist-rnn"),
    }
    write_text(output, environment.get_template(template).render(shared | values))


def make_notebook_page(path: Path, output: Path, alone: bool = False, tag: str = "") -> None:
    """A notebook (.ipynb) as a page.

    Alone, it has no code and no links to other pages; with a tag, only the cells that have it,
    without their code.
    """
    notebook = nbformat.read(path, as_version=4)
    if tag:
        notebook.cells = [cell for cell in notebook.cells if tag in cell.metadata.get("tags", [])]
    exporter = Exporter(template_name="basic", exclude_input=alone or bool(tag))
    body = mend(exporter.from_notebook_node(notebook)[0])
    picture = base64.b64encode((ROOT / "docs" / "network.svg").read_bytes()).decode()
    body = body.replace("../docs/network.svg", f"data:image/svg+xml;base64,{picture}")
    here = r"\2" if alone else r'<a href="\1.html">\2</a>'
    body = re.sub(r'<a href="(?:\.\./site/)?([\w]+)\.(?:ipynb|html)">(.*?)</a>', here, body)
    before, *rest = body.partition("<h2")
    folder = "workflow" if path.stem == "report" else "notebooks"
    values = {
        "body": (before, "".join(rest)),
        "contents": re.findall(r'<h2 id="([^"]*)">(.*?)</h2>', body),
        "source": f"{folder}/{path.name}",
    }
    title = notebook.cells[0].source.split("\n")[0][2:]
    unlinked = {"links": "", "following": None} if alone else {}
    write_page(output, "notebook.html.j2", title, **values | unlinked)


def describe_notebook(path: Path) -> tuple[str, str]:
    """A notebook's title, and the first two sentences of its text as HTML."""
    title, text = nbformat.read(path, as_version=4).cells[0].source.split("\n\n")[:2]
    sentences = re.split(r"(?<=[.?])\s+", text)[:2]
    text = Exporter().markdown2html({}, " ".join(sentences)).strip()
    return title[2:], text.removeprefix("<p>").removesuffix("</p>")


def make_site(model: Path, folder: Path) -> None:
    """All pages, with the pad of this model (.keras), in a folder."""
    record, weights = load_checked(model)
    results = read_results(COMMITTED)
    answer, *more = describe_answer(results)
    test = load_mnist()[1]
    for path in NOTEBOOKS:
        make_notebook_page(path, folder / f"{path.stem}.html")
    figures = re.findall(FIGURE, (folder / "03_results.html").read_text(encoding="utf-8"))
    if not figures:
        raise ExperimentError(
            "notebooks/03_results.ipynb: expected outputs; `make notebooks` makes them"
        )
    values = describe_pad(record, weights, *test)
    write_page(folder / "draw.html", "draw.html.j2", "Draw a digit", **values)
    write_page(folder / "learn.html", "learn.html.j2", "Watch it learn", **describe_learning())
    make_notebook_page(LESSON, folder / "lesson.html", tag="lesson")
    write_page(
        folder / "index.html",
        "start.html.j2",
        "RNN for MNIST digits classification, reproduced",
        answer=answer,
        more=" ".join(more),
        spread=" ".join(describe_spread(results.runs)),
        network=draw_unrolled(weights, test[0][DIGIT]),
        units=record.config.units,
        step=convert(r"h \leftarrow \tanh(x W + h U + b)"),
        figure=figures[0],
        notebooks={f"{path.stem}.html": describe_notebook(path) for path in NOTEBOOKS},
    )
    print(f"Written: {shown(folder / 'index.html')}")


def main() -> None:
    """Make the site, or the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--report", nargs=2, type=Path, metavar=("NOTEBOOK", "PAGE"))
    parser.add_argument("--model", type=Path, default=MODEL)
    parser.add_argument("--output", type=Path, default=ROOT / "site")
    wanted = parser.parse_args()
    try:
        if wanted.report:
            make_notebook_page(wanted.report[0], wanted.report[1], alone=True)
        else:
            make_site(wanted.model.resolve(), wanted.output)
    except ExperimentError as error:
        raise SystemExit(str(error)) from None


if __name__ == "__main__":
    main()
