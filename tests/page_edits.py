"""Edits by which a page says or draws something else: `make mutants` tries them.

An edit is a file of src/mnist_rnn, what stands there, what takes its place, and the tests that have
to fail.
"""

EDITS = [
    ("web/learn/worker.js", "labels[network.order[i]]", "labels[network.order[i] + 1]", "learn"),
    ("web/learn/worker.js", "(ROWS * count + i)", "((ROWS - 1) * count + i)", "learn"),
    ("web/learn/worker.js", "(row + 1) * units, (row + 2)", "row * units, (row + 1)", "learn"),
    ("web/learn/worker.js", "= !losses.every(isFinite)", "= false", "learn"),
    ("web/learn/worker.js", "run.differs = run.step", "run.differs = run.step + 1", "learn"),
    ("web/learn/worker.js", "sum / n", "sum", "learn"),
    ("web/learn/learn.js", "0.2 * digit - 0.5", "0.2 * digit + 0.5", "learn"),
    ("web/learn/learn.js", "0.2 * digit - 0.5", "-0.2 * digit - 0.5", "learn"),
    ("web/learn/learn.js", 'const compared = ["rate", "units", "batch"]', 'const compared = ["rate", "units"]', "learn"),
    ("web/learn/learn.js", 'const compared = ["rate", "units", "batch"]', 'const compared = ["rate", "batch"]', "learn"),
    ("web/learn/learn.js", 'const compared = ["rate", "units", "batch"]', 'const compared = ["units", "batch"]', "learn"),
    ("web/learn/learn.js", "compared ? digests : null", "digests", "learn"),
    ("web/learn/learn.js", "name(row) === labelOf(i)", "name(row) !== labelOf(i)", "learn"),
    ("web/learn/learn.js", "right >= 0.5", "right >= 0.3", "learn"),
    ("web/learn/learn.js", "rise > 0.2", "rise > 2", "learn"),
    ("web/learn/learn.js", "right > chance", "right > common", "learn"),
    ("web/learn/learn.js", "mean - least", "least - mean", "learn"),
    ("web/learn/learn.js", "units + 1 + 10) * units + 10", "units + 1) * units + 10", "learn"),
    ("web/learn/learn.js", "data.orders.length / batch", "data.orders.length / 64", "learn"),
    ("web/learn/learn.js", "(value / most)", "(value / most) ** 2", "learn"),
    ("web/learn/learn.js", "guess: 1 / DIGITS.length", "guess: 0.2", "learn"),
    ("web/learn/learn.js", "Math.log(DIGITS.length)", "Math.log2(DIGITS.length)", "learn"),
    ("web/learn/learn.js", "average(losses.slice(-20))", "losses.at(-1)", "learn"),
    ("web/learn/learn.js", "100 * last[said]", "100 * last[0]", "learn"),
    ("web/learn/learn.js", "it is ${describeDigit(label)}", "it is ${describeDigit(said)}", "learn"),
    ("web/learn/learn.js", "* (steps - step))", "* steps)", "learn"),
    ("web/learn/learn.js", "going ? `Training.", "going ? `It learns.", "learn"),
    ("web/pages/learn.html.j2", '<span data-now="units">{{ units }}</span>', "{{ units }}", "learn"),
    ("web/pad/pad.js", "`${answers.length - 1} times`", "`${answers.length} times`", "page"),
    ("web/pad/pad.js", "name(probabilities[27]) === test.label", "name(probabilities[26]) === test.label", "page"),
    ("web/pad/pad.js", "describe(probabilities[27])}. The label", "describe(probabilities[26])}. The label", "page"),
    ("web/network.js", "from: t + 1", "from: t", "page"),
    ("web/network.js", "answers.at(-1).to = t + 1", "answers.at(-1).to = t", "page"),
    ("web/network.js", "map(Math.tanh)", "map(Math.atan)", "page"),
    ("web/pages/start.html.j2", '<p class="lead">{{ answer }}</p>', "", "site"),
    ("web/site.py", 'results_page.find("div", class_="figure")', 'results_page.find_all("div", class_="figure")[1]', "site"),
]  # fmt: skip
