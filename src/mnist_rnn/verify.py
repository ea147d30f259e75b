"""`python -m mnist_rnn.verify`: is the default run's record the one that is committed?

On the same CPU and versions the weights must be the same, bit for bit. Elsewhere floating-point
kernels differ, and the test accuracy must be within TOLERANCE.
"""

from mnist_rnn.config import Configuration
from mnist_rnn.environment import PACKAGES, Environment, git
from mnist_rnn.errors import ExperimentError
from mnist_rnn.paths import COMMITTED, ROOT, shown
from mnist_rnn.records import Record, read_record, run_path

TOLERANCE = 0.5  # percentage points


def verdict(new: Record, committed: Record) -> tuple[bool, str]:
    """Whether the new record reproduces the committed one, and a sentence that says why."""
    if machine(new.environment) == machine(committed.environment):
        same = new.weights_sha256 == committed.weights_sha256
        relation = "the same" if same else "NOT the same"
        return same, f"same CPU and versions: the weights are {relation}, bit for bit"
    gap = round(100 * abs(new.test.accuracy - committed.test.accuracy), 2)
    return gap <= TOLERANCE, (
        f"another CPU or other versions: test accuracies {gap:.2f} percentage points apart, "
        f"at most {TOLERANCE} expected"
    )


def machine(environment: Environment) -> tuple:
    """What the bits of a run depend on, beside its code: not the Python that calls the packages."""
    versions = [environment.versions.get(name) for name in PACKAGES]
    return environment.cpu, environment.device, versions


def main() -> None:
    """Compare the two records; exit status 1 if the new one does not reproduce the other."""
    path = run_path(Configuration(), ".json")
    if not path.exists():
        raise SystemExit(f"There is no {shown(path)}; run `make reproduce`.")
    committed = run_path(Configuration(), ".json", COMMITTED).relative_to(ROOT).as_posix()
    text = git("show", f"HEAD:{committed}")
    if text is None:
        raise SystemExit(f"{committed} is not committed.")
    try:
        new = read_record(path)
    except ExperimentError as error:
        raise SystemExit(str(error)) from None
    old = Record.model_validate_json(text)
    if new == old:
        raise SystemExit("This is the committed record itself; run `make reproduce` first.")
    good, sentence = verdict(new, old)
    print(sentence)
    raise SystemExit(not good)


if __name__ == "__main__":
    main()
