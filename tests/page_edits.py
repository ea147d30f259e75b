"""Define edits of the pages, each with the file test_*.py that detects it."""

EDITS = (  # (file in src/mnist_rnn, code, replacement, part of the test file's name)
    ("web/learn/worker.js", "labels[network.order[i]]", "labels[network.order[i] + 1]", "learn"),
    ("web/learn/worker.js", "run.differs = run.step", "run.differs = run.step + 1", "learn"),
    ("web/learn/worker.js", "(image) => image < images", "(image) => true", "learn"),
    ("web/learn/compare.js", "Number(power) - 4 * rest.length", "Number(power)", "learn"),
    ("web/learn/learn.js", "0.2 * digit - 0.5", "0.2 * digit + 0.5", "learn"),
    ("web/learn/learn.js", "const common = Math.max", "const common = 0.1 || Math.max", "learn"),
    ("web/learn/learn.js", "values.includes(value) ? value : ", "", "learn"),
    ("web/pad/pad.js", "name(probabilities[27]) === test.label", "true", "page"),
    ("web/pad/pad.py", "images, labels)[:HARD]", "images, labels)[-HARD:]", "page"),
    ("web/network.js", "from: t + 1", "from: t", "page"),
    ("web/network.js", "map(Math.tanh)", "map(Math.atan)", "page"),
    ("web/pages/start.html.j2", '<p class="lead">{{ answer }}</p>', "", "site"),
)
