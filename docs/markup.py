"""What a notebook's text and outputs become in a page: formulas, tables and the colours of code."""

import re

from jinja2 import pass_context
from latex2mathml.converter import convert
from nbconvert.exporters import HTMLExporter
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from pygments.formatters import HtmlFormatter

# pandas writes the name of an index into a second row of the head, which is otherwise empty.
INDEX_NAME = (
    r"<td></td>((?:\s*<th>[^<]*</th>)+\s*</tr>)\s*<tr>\s*<th>(.*?)</th>(?:\s*<td></td>)+\s*</tr>"
)
THEIR_STYLE = r'(?s)<style( scoped(="")?)?>\s*(pre|\.dataframe|td\.linenos).*?</style>'
THEIR_TABLE = r'(?s)<table border="1" class="dataframe">.*?</table>'
LIGHT, DARK = "xcode", "github-dark"  # styles of Pygments with enough contrast


class Renderer(IPythonRenderer):
    """Markdown with formulas as MathML and tables that scroll in a region of their own."""

    def inline_math(self, body: str) -> str:
        """A formula in a line, given in LaTeX."""
        return convert(body)

    def block_math(self, body: str) -> str:
        """A formula by itself, given in LaTeX."""
        return convert(body, display="block")

    def table(self, text: str) -> str:
        """A table, given its rows."""
        return wrap_table(f"<table>{text}</table>")


class Exporter(HTMLExporter):
    """nbconvert's exporter, with the renderer above."""

    @pass_context
    def markdown2html(self, context, source):  # noqa: ARG002  (nbconvert passes it)
        """Markdown to HTML, also that of outputs."""
        renderer = Renderer(escape=False, exclude_anchor_links=True)
        return MarkdownWithMath(renderer=renderer).render(source)


def wrap_table(table: str) -> str:
    """A table in a box that the keyboard can scroll."""
    return f'<div class="wide" role="group" aria-label="Table" tabindex="0">{table}</div>'


def highlight_style() -> str:
    """The colours of code in both schemes."""
    light, dark = (
        HtmlFormatter(style=name).get_style_defs([".highlight", ".output_html"])
        for name in (LIGHT, DARK)
    )
    plain = ".highlight, .output_html { background: none }"
    return (
        f"@media print, (prefers-color-scheme: light) {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ {dark} }}\n{plain}\n"
    )


def mend(text: str) -> str:
    """What pandas, Rich and Pygments wrote into outputs, without styles of theirs."""
    text = re.sub(THEIR_STYLE, "", text)
    text = re.sub(THEIR_TABLE, lambda table: wrap_table(table[0]), text)
    text = text.replace(' style="text-align: right;"', "").replace("<th></th>", "<td></td>")
    text = re.sub(INDEX_NAME, r"<th>\2</th>\1", text)
    text = re.sub(r"<th>([^<]*)</th>(?=\s*<td>)", r'<th scope="row">\1</th>', text)
    text = re.sub("<th[^>]*>[^<]*", lambda head: head[0].replace("_", "_<wbr>"), text)
    text = re.sub(r'<span style="color[^"]*">', "<span>", text)
    # Notebooks link to each other, and to the site's pad.
    text = re.sub(r'href="(?:\.\./site/)?(\w+)\.(?:ipynb|html)"', r'href="\1.html"', text)
    return text.replace("<pre", '<pre tabindex="0"')
