"""The generated parts of the README and docs/network.svg, from the committed results.

`python docs/generate.py` makes what stands between `<!-- generated: name -->` and `<!-- end -->`,
and draws the network that the default run has left.
"""

import re
from collections.abc import Iterable

import pandas as pd

from mnist_rnn.analysis.claims import Claim, read_claims
from mnist_rnn.analysis.tables import Results, describe_answers, describe_default, read_results
from mnist_rnn.analysis.trained_network import load_checked
from mnist_rnn.analysis.verdicts import choose_judged
from mnist_rnn.config import Configuration
from mnist_rnn.data import load_mnist
from mnist_rnn.figures.unrolled import DIGIT, draw_unrolled
from mnist_rnn.files import write_text
from mnist_rnn.paths import COMMITTED, ROOT
from mnist_rnn.records.run import run_path


def make_answer(results: Results) -> str:
    """The answer in plain words."""
    return f"**{describe_default(results)}** {describe_answers(results.accuracy)}"


def make_claims(results: Results) -> str:
    """A row a judged claim: what was published, our runs and the answers."""
    claims = {claim.claim: claim for claim in read_claims()}
    table = choose_judged(results.accuracy)
    rows = pd.DataFrame(
        {
            "Claim": [f"`{name}`{describe_network(claims[name])}" for name in table["claim"]],
            "Published (%)": table["published_test_accuracy"],
            "Ours (%)": [
                f"{row['mean']:.2f} ± {row['sd']:.2f} ({row['runs']})"
                for row in table.to_dict("records")
            ],
            "Agrees": table["agrees"],
            "Others": [name_claims(claims.values(), names) for names in table["also_agree"]],
        }
    )
    return rows.to_markdown(index=False, disable_numparse=True)


def name_claims(claims: Iterable[Claim], configurations: str) -> str:
    """For each of these configurations, parted by semicolons, the first claim with it."""
    names = {claim.configuration_name: f"`{claim.claim}`" for claim in reversed([*claims])}
    return ", ".join(
        names[configuration] for configuration in configurations.split("; ") if configuration
    )


def describe_network(claim: Claim) -> str:
    """What differs from the default, as in `: adam, dropout 0.2`; nothing for the default."""
    changed = claim.config.model_dump(exclude_defaults=True)
    words = [v if isinstance(v, str) else f"{name} {v}" for name, v in changed.items()]
    words = ["PyTorch", *words] if claim.answered_by == "pytorch" else words
    return ": " + ", ".join(words) if words else ""


BLOCKS = {"answer": make_answer, "claims": make_claims}


def fill_blocks(text: str) -> str:
    """The README's text with its blocks as the results say."""
    results = read_results(COMMITTED)
    for name, make in BLOCKS.items():
        block = re.compile(rf"(<!-- generated: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        filled = make(results)
        text, count = block.subn(lambda m, new=filled: f"{m[1]}\n{new}\n\n{m[2]}", text)
        if count != 1:
            raise ValueError(f"expected one block of {name}, got {count}")
    return text


if __name__ == "__main__":
    path = ROOT / "README.md"
    write_text(path, fill_blocks(path.read_text(encoding="utf-8")))
    _, weights = load_checked(run_path(Configuration(), ".keras", COMMITTED))
    write_text(ROOT / "docs" / "network.svg", draw_unrolled(weights, load_mnist()[1][0][DIGIT]))
