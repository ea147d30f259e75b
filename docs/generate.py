"""The generated parts of the documents: tables, commands and modules, made from the files.

`python docs/generate.py` rewrites each block between `<!-- generated: name -->` and `<!-- end -->`.
"""

import ast
import csv
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path

from mnist_rnn.claims.published import JUDGED, Claim, read_claims
from mnist_rnn.claims.sweep import plan_runs, why_pending
from mnist_rnn.claims.verdicts import LEVEL, VERDICTS
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, ROOT

PACKAGE = ROOT / "src" / "mnist_rnn"


def read_results() -> list[dict[str, str]]:
    """The rows of accuracy.csv whose claims are judged."""
    with (COMMITTED / "accuracy.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["kind"] in JUDGED]


def make_headline() -> str:
    """How many claims have each verdict, what the verdicts mean, and what is still to be run."""
    rows = read_results()
    runs = plan_runs(read_claims())
    pending = sum(why_pending(run, COMMITTED) is not None for run in runs)
    told = f" {pending} of {len(runs)} runs are missing or by earlier code (`make plan`)."
    counts = Counter(row["verdict"] for row in rows)
    detectable = [float(row["detectable"]) for row in rows if row["detectable"]]
    words = {name: f"are {name}" for name in VERDICTS} | {"too few runs": "have too few runs"}
    parts = [f"{counts[name]} {verb}" for name, verb in words.items() if counts[name]]
    alone = sum(row["by_test_accuracy"] == "reproduced" for row in rows)
    return (
        f"**Of {counts.total()} judged claims, {', '.join(parts)}.** *Reproduced*: its published "
        "numbers, losses included, agree with the runs of its own configuration (*p* at least "
        f"{LEVEL}) and with those of no other published one (*p* below {LEVEL}). "
        f"*Not reproduced*: *p* below {LEVEL / len(rows):.2g} for its own. *Compatible*: neither. "
        f"By the test accuracy alone, {alone or 'none'} would be *reproduced*. A test accuracy "
        f"{min(detectable):.1f} to {max(detectable):.1f} points too high, depending on the claim, "
        f"would be *not reproduced* in four cases of five.{told if pending else ''}"
    )


def make_claims() -> str:
    """A row a claim: what was published, our runs and the verdict."""
    claims = {claim.claim: claim for claim in read_claims()}
    rows = ["| Claim | Published (%) | Ours (%) | Verdict |", "|---|---|---|---|"]
    for row in read_results():
        name = f"`{row['claim']}`{describe_network(claims[row['claim']])}"
        published = row["published_test_accuracy"]
        rows.append(f"| {name} | {published} | {describe_runs(row)} | {row['verdict']} |")
    return "\n".join(rows)


def describe_network(claim: Claim) -> str:
    """What differs from the default, as in `: adam, dropout 0.2`; nothing for the default."""
    if claim.answered_by == "pytorch":
        config = claim.config
        return f": PyTorch, {config.optimizer}, batch {config.batch_size}, {config.epochs} epochs"
    changed = claim.config.model_dump(exclude_defaults=True)
    words = (v if isinstance(v, str) else f"{name} {v}" for name, v in changed.items())
    return ": " + ", ".join(words) if changed else ""


def describe_runs(row: Mapping[str, str]) -> str:
    """Mean ± sample standard deviation, in percent, and in brackets the number of runs."""
    if not row["mean"]:
        return "no run"
    spread = f" ± {float(row['sd']):.2f}" if row["sd"] else ""
    return f"{float(row['mean']):.2f}{spread} ({row['runs']})"


def make_commands() -> str:
    """The targets of the Makefile with their help."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = re.findall(r"^([a-z-]+):.*?## (.+)$", makefile, flags=re.MULTILINE)
    rows = [f"| `make {name}` | {text} |" for name, text in targets]
    return "\n".join(["| Command | What it does |", "| --- | --- |", *rows])


def make_modules() -> str:
    """The package's folders and modules with the first line of each docstring."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    layers = project["tool"]["importlinter"]["contracts"][0]["layers"]
    lines = list_modules(PACKAGE, "")
    for folder in (PACKAGE / name for name in reversed(layers) if (PACKAGE / name).is_dir()):
        lines.append(f"- **{folder.name}/**: {first_line(folder / '__init__.py')}")
        lines += list_modules(folder, "  ")
    return "\n".join(lines)


def list_modules(folder: Path, indent: str) -> list[str]:
    """The modules of a folder by name, without `__init__`, as items of a list."""
    return [
        f"{indent}- [{path.name}]({path.relative_to(ROOT).as_posix()}): {first_line(path)}"
        for path in sorted(folder.glob("[!_]*.py"))
    ]


def first_line(path: Path) -> str:
    """The first line of a module's docstring."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))).split("\n")[0]


BLOCKS: dict[str, dict[str, Callable[[], str]]] = {
    "README.md": {"headline": make_headline, "claims": make_claims},
    "CONTRIBUTING.md": {"modules": make_modules},
    "docs/usage.md": {"commands": make_commands},
}


def fill_blocks(page: str) -> str:
    """The page's text with its blocks as the files say; each must be there once."""
    text = (ROOT / page).read_text(encoding="utf-8")
    for name, make in BLOCKS[page].items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        before, rest = text.split(begin)
        _, after = rest.split(end, 1)
        text = f"{before}{begin}\n{make()}\n\n{end}{after}"
    return text


def main() -> None:
    """Rewrite the pages."""
    for page in BLOCKS:
        write_text(ROOT / page, fill_blocks(page))


if __name__ == "__main__":
    main()
