"""Make the tables of results from a folder of records."""

from mnist_rnn.analysis.tables import tabulate_results, write_tables
from mnist_rnn.records.run import read_runs


def read_results(folder):
    return tabulate_results(*read_runs(folder))


def make_tables(folder):
    """Write tables into the folder of the records, and return the results."""
    results = read_results(folder)
    write_tables(results, folder)
    return results
