"""The generated parts of the README: the headline and the table of claims.

`python docs/generate.py` rewrites the blocks between `<!-- generated: name -->` and `<!-- end -->`.
"""

from collections import Counter
from collections.abc import Mapping

from mnist_rnn.claims.answer import read_results
from mnist_rnn.claims.published import Claim, read_claims
from mnist_rnn.claims.sweep import plan_runs, why_pending
from mnist_rnn.claims.verdicts import LEVEL, VERDICTS
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, ROOT


def make_headline() -> str:
    """How many claims have each verdict, what the verdicts mean, and what is still to be run."""
    rows = read_results()
    runs = plan_runs(read_claims())
    pending = sum(why_pending(run, COMMITTED) is not None for run in runs)
    missing = f" {pending} of {len(runs)} runs are missing or by earlier code (`make plan`)."
    counts = Counter(row["verdict"] for row in rows)
    detectable = [float(row["detectable"]) for row in rows if row["detectable"]]
    words = {name: f"are {name}" for name in VERDICTS} | {"too few runs": "have too few runs"}
    parts = [f"{counts[name]} {verb}" for name, verb in words.items() if counts[name]]
    alone = sum(row["by_test_accuracy"] == "reproduced" for row in rows)
    return (
        f"**Of {counts.total()} judged claims, {', '.join(parts)}.** A claim is *reproduced* if "
        "its numbers, losses included, agree with the runs of its own configuration (*p* at least "
        f"{LEVEL}) and with those of no other published one (*p* below {LEVEL}); *not reproduced* "
        f"if *p* for its own is below {LEVEL / len(rows):.2g}; otherwise *compatible*. "
        f"By the test accuracy alone, {alone or 'none'} would be *reproduced*. A test accuracy "
        f"{min(detectable):.1f} to {max(detectable):.1f} points too high, depending on the claim, "
        f"would be *not reproduced* with probability 0.8.{missing if pending else ''}"
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


BLOCKS = {"headline": make_headline, "claims": make_claims}


def fill_blocks(text: str) -> str:
    """The README's text with its blocks as the files say; each must be there once."""
    for name, make in BLOCKS.items():
        begin, end = f"<!-- generated: {name} -->\n", "<!-- end -->"
        before, rest = text.split(begin)
        _, after = rest.split(end, 1)
        text = f"{before}{begin}\n{make()}\n\n{end}{after}"
    return text


def main() -> None:
    """Rewrite the README's blocks."""
    path = ROOT / "README.md"
    write_text(path, fill_blocks(path.read_text(encoding="utf-8")))


if __name__ == "__main__":
    main()
