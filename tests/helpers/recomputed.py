"""Recompute the numbers of README.md and 03_results.ipynb from the records, without the package.

`python recomputed.py` prints each number sequence that differs, with the sentence it belongs to.
"""

import csv
import itertools
import json
import re
from math import exp, log, prod
from pathlib import Path
from statistics import correlation, linear_regression, mean, stdev, variance

import numpy as np
from scipy import stats

ROOT = Path(__file__).parents[2]
DEFAULT, SIMPLE = "simple_rnn-256-sgd", "simple_rnn"
NEAR = ["learning_rate_0.005", "learning_rate_0.02", "batch_size_64", "batch_size_256"]
NUMBERS = {"accuracy": "test_accuracy", "train": "last_epoch_accuracy", "loss": "test_loss"}
NUMBERS |= {"first": "first_epoch_loss", "mean": "mean_loss"}
NEAR = [*(f"{DEFAULT}-{change}" for change in NEAR), "simple_rnn-200-sgd"]


def read_csv(name):
    with (ROOT / "data" / "published" / name).open() as file:
        return list(csv.DictReader(file))


def read_curves():
    curves = {}
    for row in read_csv("curves.csv"):
        curves.setdefault(row["claim"], []).append(float(row["train_loss"]))
    return curves


def read_records(folder=ROOT / "results"):
    runs = {}
    for path in sorted(folder.glob("runs/*/seed-*.json"), key=lambda p: int(p.stem[5:])):
        runs.setdefault(path.parent.name, []).append(json.loads(path.read_text()))
    return runs


def name_of(claim):
    if claim["answered_by"] != "ours":
        return claim["answered_by"]
    changes = [("dropout", "0.0"), ("learning_rate", ""), ("batch_size", "128")]
    changed = [f"{name}_{claim[name]}" for name, usual in changes if claim[name] != usual]
    return "-".join([claim["layer"], claim["units"], claim["optimizer"], *changed])


def measure(run, epochs):
    """Return (error or loss, is an error) of a run after some of its epochs."""
    history = run["history"]
    full = epochs == len(history["loss"])
    return {
        "accuracy": history["test_errors"][epochs - 1] / 100,
        "train": 100 - 100 * history["accuracy"][epochs - 1],
        "loss": run["test_loss"] if full else None,
        "first": history["loss"][0],
        "mean": exp(mean(map(log, history["loss"][:epochs]))),
    }


def published(claim, curve, epochs):
    """Return value (error or loss) and half unit of each published number after some epochs."""
    found = {}
    if epochs == int(claim["epochs"]):
        half = float(claim["rounding"]) / 2
        found["accuracy"] = 100 - float(claim["published_test_accuracy"]), half
        if claim["published_train_accuracy"]:
            found["train"] = 100 - float(claim["published_train_accuracy"]), 0.005
        if claim["published_test_loss"]:
            found["loss"] = float(claim["published_test_loss"]), 0.00005
    if curve:
        found |= {"first": (curve[0], 0.00005), "mean": (exp(mean(map(log, curve[:epochs]))), 0)}
    return found


def interval(values, half=0.0):
    logs, n = [log(max(value, 0.005)) for value in values], len(values)
    reach = stats.t.ppf(0.975, n - 1) * stdev(logs) * (1 + 1 / n) ** 0.5
    return exp(mean(logs) - reach) - half, exp(mean(logs) + reach) + half


def compare(claim, curve, runs):
    """Return value, interval (of errors or losses) and whether inside, by published number."""
    epochs = min(int(claim["epochs"]), *(len(run["history"]["loss"]) for run in runs))
    found, rows = published(claim, curve, epochs), [measure(run, epochs) for run in runs]
    ends = {
        name: interval([row[name] for row in rows], half)
        for name, (_, half) in found.items()
        if rows[0][name] is not None
    }
    return {
        name: (found[name][0], low, high, low - 1e-9 <= found[name][0] <= high + 1e-9)
        for name, (low, high) in ends.items()
    }


def rank(claim, curve, runs):
    """Rank a published result by its largest deviation, in SDs of all results."""
    found, rows = published(claim, curve, 20), [measure(run, 20) for run in runs]
    far = []
    for name, (value, half) in found.items():
        ours = np.array([row[name] for row in rows])
        if half:  # as the source prints it; a tie is rounded to an even digit
            whole = 100 if name in ("accuracy", "train") else 0
            ours = whole - np.round(np.round((whole - ours) / (2 * half), 6)) * 2 * half
            ours = abs(ours)
        logs = np.log([*ours, value])
        far.append(abs(logs - logs.mean()) / logs.std())
    most = np.max(far, axis=0)
    return int((most >= most[-1] - 1e-9).sum())


def exact_p(shared, alone):
    """Return the p-value of the product of four ranks, by enumeration of all places in 42 and 41.

    Two results that share 40 runs have one of 42 * 41 ordered places among the runs.
    """
    pairs = [(a - (b < a)) * (b - (a < b)) for a, b in itertools.permutations(range(1, 43), 2)]
    singles = [a * b for a in range(1, 42) for b in range(1, 42)]
    products = np.outer(pairs, singles)
    return (products <= prod([*shared, *alone])).mean()


def split(runs):
    """Return SDs (last epoch, within, stable, images, rest), correlation, rise, mean of best."""
    table = np.array([run["history"]["test_errors"] for run in runs]) / 100
    late, n = table[:, -5:], len(runs)
    freed = late - late.mean(axis=0)
    within = mean(variance(row) for row in freed) * n / (n - 1)  # n - 1 of n rows are free
    stable = max(variance(late.mean(axis=1)) - within / 5, 0)
    last, images = variance(table[:, -1]), float("nan")
    if runs[0]["mistakes"] is not None:
        counts = np.zeros(10_000)
        for run in runs:
            counts[list(map(int, run["mistakes"]))] += 1
        # An image that k of n runs misclassify has the sample variance k (n - k) / n / (n - 1).
        images = sum(counts * (n - counts)) / n / (n - 1) / 1e4
    rise = linear_regression(range(5), -late.mean(axis=0)).slope
    roots = [part**0.5 for part in (last, within, stable, images, max(last - images, 0))]
    return [*roots, correlation(table[:, -2], table[:, -1]), rise, mean(100 - table.min(axis=1))]


def welch(first, second):
    found = stats.ttest_ind(first, second, equal_var=False)
    ends = found.confidence_interval(0.95)
    return mean(first) - mean(second), ends.low, ends.high


def left_out(runs):
    """Return, for each number, whether the interval of the other runs contains it."""
    epochs = min(len(run["history"]["loss"]) for run in runs)
    rows = [measure(run, epochs) for run in runs]
    names = [name for name in rows[0] if rows[0][name] is not None]
    inside = {name: [] for name in names}
    for i, name in itertools.product(range(len(rows)), names):
        low, high = interval([row[name] for row in rows[:i] + rows[i + 1 :]])
        inside[name].append(low <= rows[i][name] <= high)
    return inside


def recompute():
    """Return the beginning of each sentence with numbers, and its numbers."""
    claims = {c["claim"]: c for c in read_csv("claims.csv")}
    curves, runs = read_curves(), read_records()
    results = {n: c for n, c in claims.items() if c["kind"] in ("run", "table")}
    own = {name: compare(c, curves.get(name), runs[name_of(c)]) for name, c in results.items()}
    ours = [100 - measure(run, 20)["accuracy"] for run in runs[DEFAULT]]
    mine = runs[DEFAULT]
    inside = [fact[3] for found in own.values() for fact in found.values()]

    random, drawn = np.random.default_rng(1), 0
    for name, found in own.items():
        table = np.array([left_out(runs[name_of(claims[name])])[each] for each in found])
        drawn = drawn + table.sum(axis=0)[random.integers(0, table.shape[1], 100_000)]
    ranked = ["notebook-2019", "notebook-2020", "notebook-2019-dropout", "notebook-2019-adam"]
    places = [rank(claims[name], curves[name], runs[name_of(claims[name])]) for name in ranked]

    others = {(name, other): compare(results[name], curves.get(name), runs[other])
              for name in results for other in {*map(name_of, results.values()), *NEAR}
              if other != name_of(results[name])}  # fmt: skip
    others = {pair: found for pair, found in others.items() if found}
    reached = {pair: f["accuracy"][3] for pair, f in others.items() if "accuracy" in f}
    simple = [inside for (name, other), inside in reached.items()
              if {name_of(results[name])[:10], other[:10]} == {SIMPLE}]  # fmt: skip

    old, keras = ([100 - measure(run, 20)["accuracy"] for run in runs[name]]
                  for name in ("keras_2019", "keras"))  # fmt: skip
    losses, theirs = ([log(measure(run, 20)["mean"]) for run in runs[name]]
                      for name in (DEFAULT, "keras"))  # fmt: skip
    pairs = [(mine[run["config"]["seed"]]["history"], run["history"]) for run in runs["seeded"]]
    same = sum(
        a == b for x, y in pairs for a, b in zip(x["test_errors"], y["test_errors"], strict=True)
    )
    apart = max(abs(a - b) for x, y in pairs for a, b in zip(x["loss"], y["loss"], strict=True))

    def resolution(other, ratio):
        low, high = interval(list(map(exp, losses)))
        moved = mean(log(measure(run, 20)["mean"]) for run in runs[other]) - mean(losses)
        return 100 * (exp(log(high / low) / 2 / abs(moved / log(ratio))) - 1)

    last, within, stable, images, rest, _, rise, best = split(mine)
    ends = interval([100 - each for each in ours])
    late = interval([sum(run["history"]["test_errors"][-5:]) / 500 for run in mine])
    first, final = (interval([run["history"]["loss"][epoch] for run in mine]) for epoch in (0, 19))
    missed = [
        compare(claims[name], curves[name], runs[code])["train"][:3]
        for name, code in (("notebook-2019", "keras_2019"),
                           ("notebook-2019-dropout", "keras_2019-dropout_0.2"))
    ]  # fmt: skip
    lower, higher = sum(x < 97.849 for x in ours), sum(x > 97.951 for x in ours)
    return {
        "The published test accuracy of": ["97.9", 40, 40 - lower - higher, "97.9", lower, higher],
        "Our runs have a mean": [
            f"{x:.2f}" for x in (mean(ours), stdev(ours), min(ours), max(ours))],
        "Another published run,": ["2020", "98.15"],
        "This is not typical": [sum(x > 98.144 for x in ours), 40],
        "From the same start": [len(pairs), f"1e{np.ceil(np.log10(apart)):.0f}"],
        "Its number of": [same, 200],
        "With other initial": [f"{100 * x:.1f}" for x in welch(losses, theirs)[:1]]
        + ["95"] + [f"{100 * x:.1f}" for x in welch(losses, theirs)[1:]],
        "In percentage points of": [f"{x:.2f}" for x in welch(ours, keras)] + ["3.15.1", 40]
        + [f"{x:.2f}" for x in welch(ours, old)] + ["2.2.4", 20],
        "One run of the old": [f"{min(old):.2f}"]
        + [f"{x:.2f}" for x in welch(ours, sorted(old)[1:])[1:]],
        "Of 40 numbers": [len(inside), len(own), sum(inside), "97.04", "0.6319"],
        "This is weak": [f"{q:.0f}" for q in np.floor(np.quantile(drawn, [0.025, 0.975]))],
        "Taken together": [4, 40, f"{exact_p(places[:2], places[2:]):.3f}"],
        "With the Keras of 2019": [2019] + [
            f"{x:.{d}f}" for value, low, high in missed
            for x, d in ((100 - value, 2), (100 - high, 3), (100 - low, 3))],
        "The test accuracy tells": [sum(reached.values()), len(reached)],
        "So it does in": [sum(simple), len(simple)],
        "All numbers of a": [
            sum(all(f[3] for f in found.values()) for found in others.values()), len(others),
            len(others) - len(reached)],
        "The mean loss of one": [
            f"{resolution(NEAR[1], 2):.0f}", f"{resolution(NEAR[4], 200 / 256):.0f}"],
        "One run's test accuracy": [f"{2.8 * stdev(ours) * (1 + 1 / 40) ** 0.5:.2f}", "80"],
        "Within the last 5": [5] + [f"{x:.2f}" for x in (within, last)],
        "Differences that last": [f"{stable:.2f}"],
        "The mean rises": [f"{rise:.2f}", f"{best:.2f}"],
        "Runs from": [f"{100 - x:.2f}" for x in ends[::-1]]
        + [95, sum(x < 97.601 for x in ours), 40, "97.6"],
        "Better compare": [f"{x:.2f}" for x in first] + [f"{x:.3f}" for x in final],
        "Or compare": [5] + [f"{100 - x:.2f}" for x in late[::-1]],
        "Best is the same": [0, 40, f"{max(ours):.2f}"],
        "If images were": [f"{images:.2f}"],
        "The rest of the variance": [f"{rest:.2f}"],
    }  # fmt: skip


def find_wrong_cells(folder):
    """Return the cells of runs.csv, numbers.csv and accuracy.csv that have other values."""
    claims, runs = {c["claim"]: c for c in read_csv("claims.csv")}, read_records(folder)
    curves, tables, wrong = read_curves(), {}, []
    for name in ("runs", "numbers", "accuracy"):
        with (folder / f"{name}.csv").open() as file:
            tables[name] = list(csv.DictReader(file))

    def check(row, expected):
        for column, value in expected.items():
            got, apart = row[column], max(6e-4, 0.0051 * (column in ("mean", "sd")))
            if isinstance(value, str | None):
                same = got == (value or "")
            else:
                same = got != "" and abs(float(got) - value) < max(apart, 1e-5 * abs(value))
            if not same:
                wrong.append((row, column, value))

    for row in tables["runs"]:
        of_seed = {each["config"]["seed"]: each for each in runs[row["configuration"]]}
        run = of_seed[int(row["seed"])]
        found = measure(run, len(run["history"]["loss"]))
        check(row, {"test_accuracy": 100 - found["accuracy"], "mean_loss": found["mean"],
                    "last_epoch_accuracy": 100 - found["train"], "first_epoch_loss": found["first"],
                    "test_errors": run["history"]["test_errors"][-1], "seconds": run["seconds"],
                    "weights_sha256": run["history"]["weights_sha256"][-1], "code": run["code"],
                    "test_loss": run["test_loss"]})  # fmt: skip
    if len(tables["runs"]) != sum(map(len, runs.values())):
        wrong.append("the number of runs")
    for row in tables["accuracy"]:
        own = runs[row["configuration"]]
        errors = [measure(run, len(run["history"]["loss"]))["accuracy"] for run in own]
        expected = {"runs": len(own), "mean": 100 - mean(errors), "lowest": 100 - max(errors)}
        expected |= {"highest": 100 - min(errors), "inside": ""}
        if len(own) > 2:
            low, high = interval(errors)
            expected |= {"sd": stdev(errors)}
            expected |= {"interval_low": 100 - high, "interval_high": 100 - low}
        claim = claims.get(row["claim"])
        if claim and claim["published_test_accuracy"] and len(own) > 2:
            found = compare(claim, curves.get(row["claim"]), own)
            inside = [fact[3] for fact in found.values()]
            expected["inside"] = f"{sum(inside)} of {len(inside)}"
            for name, (value, low, high, _) in found.items():
                (cell,) = (each for each in tables["numbers"] if each["claim"] == row["claim"]
                           and each["number"] == NUMBERS[name])  # fmt: skip
                flip = name in ("accuracy", "train")
                ends = [100 - high, 100 - low] if flip else [low, high]
                check(cell, {"published": 100 - value if flip else value, "low": max(ends[0], 0),
                             "high": min(ends[1], 100)})  # fmt: skip
        check(row, expected)
    return wrong


def read_texts():
    """Return the words of README.md, and those that the cells of 03 print."""
    cells = json.loads((ROOT / "notebooks" / "03_results.ipynb").read_text())["cells"]
    data = [out.get("data", {}) for cell in cells for out in cell.get("outputs", [])]
    printed = ["".join(each.get("text/markdown", [])) for each in data]
    return (ROOT / "README.md").read_text(), "\n\n".join(printed)


def find_differences():
    """Return each sentence of 03, and of README.md where it has it, with other numbers."""
    wrong = []
    for start, numbers in recompute().items():
        for text in read_texts():
            for sentence in re.findall(rf"{start}.*?(?:[.*] |\.\n|\.\*|$)", text, re.DOTALL)[:1]:
                got = re.findall(r"(?<![\w.])-?\d[\d.]*(?:e-\d)?(?<!\.)|(?<=-)2020", sentence)
                if got != [str(number) for number in numbers]:
                    wrong.append((sentence, got, numbers))
        if start not in read_texts()[1]:
            wrong.append((start, "not in 03", numbers))
    return wrong


if __name__ == "__main__":
    print(*find_differences() or ["All numbers agree."], sep="\n")
