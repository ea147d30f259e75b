"""Write claims.csv and curves.csv with invented published results."""

import csv

from mnist_rnn.analysis.claims import read_claims, read_curves

ROW = {"claim": "mine", "kind": "run", "layer": "gru", "units": "64", "optimizer": "adam"}
ROW |= {"dropout": "0.1", "epochs": "3", "seeds": "3", "published_test_accuracy": "97.5"}
ROW |= {"rounding": "0.1", "source": "a book"}
CURVE = [("mine", "1", "0.5", "0.9"), ("mine", "2", "0.4", ""), ("mine", "3", "0.3", "1")]


def write_claims(folder, *rows):
    with (folder / "claims.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, fieldnames=list(rows[0]), restval="")
        writer.writeheader()
        writer.writerows(rows)
    return folder


def write_curves(folder, rows, header="claim,epoch,train_loss,train_accuracy"):
    lines = [header, *map(",".join, rows)]
    (folder / "curves.csv").write_text("\n".join(lines) + "\n")
    return read_curves(read_claims(folder), folder)
