# `make help` lists the targets and these variables. Set the variables only on make's command line,
# because other programs may read environment variables with the same names.
## PYTHON=python3.13              the Python for a new environment
PYTHON = python3
## VENV=.venv-3.13                the folder of the environment
VENV = .venv
## PARAMETERS="-p units 64"       for reproduce: options by which papermill sets the notebook's parameters
PARAMETERS =
## RUN=simple_rnn-256-sgd/17      for verify: a configuration and a seed
RUN =
## ARGS="..."                     for lab, sweep, ledger, originals, benchmark, implementations, audit, mutants: options of the command
ARGS =
## PROFILE=slurm                  for sweep: a folder in workflow/profiles
PROFILE =
## MODEL=FILE.keras               for site: the model of the pad
MODEL =
## NOTEBOOKS="01_data 03_results" for notebooks: which notebooks, instead of all
NOTEBOOKS = 0?_*
ifneq "$(words $(VENV))" "1"
$(error VENV: expected a path without a space, got "$(VENV)")
endif

BIN = $(VENV)/bin
PAPERMILL = $(BIN)/python -m mnist_rnn.system.execute --no-progress-bar
INSTALLED = $(VENV)/installed
PEERS = $(VENV)-peers
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# The shell, not make, reads MNIST_RNN_RESULTS, since a path may have spaces, quotes and dollars.
OUTPUTS = "$${MNIST_RNN_RESULTS:-outputs}"

# Clusters and cloud editors set variables for other packages, which must not change packages in
# VENV. Kernels and JupyterLab must work without a writable HOME. Text is UTF-8.
HERE = $(if $(filter /%,$(VENV)),,$(CURDIR)/)$(VENV)
export PIP_USER = 0
export PYTHONPATH =
export PYTHONUTF8 = 1
export JUPYTER_PATH =
export JUPYTER_PREFER_ENV_PATH = 1
export JUPYTER_RUNTIME_DIR = $(HERE)/runtime
export IPYTHONDIR = $(HERE)/ipython
export MPLCONFIGDIR = $(HERE)/matplotlib
ifneq ($(shell test -w "$$HOME" && echo yes),yes)
export JUPYTER_CONFIG_DIR = $(HERE)/jupyter
export JUPYTER_DATA_DIR = $(HERE)/jupyter
endif

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: files help reproduce verify ledger lab plan sweep report site release release-check style check test slow trials mutants benchmark implementations audit one-bit originals notebooks results lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-16s%s\n", $$1, $$2 } \
		/^## / { variables = variables substr($$0, 4) "\n" } \
		END { printf "\nWith these after the target:\n%s", variables }' Makefile

reproduce: $(INSTALLED)  ## Train a run with papermill, into outputs/, and compare it with the committed run
	@mkdir -p $(OUTPUTS)/executed
	@rm -f $(OUTPUTS)/latest
	@trap 'echo "Not finished; the reason is above. A stopped run continues with the same command."' EXIT; \
	trap 'kill $$! 2>/dev/null; wait $$!; exit 1' INT QUIT TERM; \
	$(PAPERMILL) --log-output notebooks/02_train.ipynb \
		$(OUTPUTS)/executed/02_train.part.ipynb $(PARAMETERS) & \
	wait $$! && trap - EXIT
	@mv $(OUTPUTS)/executed/02_train.part.ipynb $(OUTPUTS)/executed/02_train.ipynb
	@echo Executed: $(OUTPUTS)/executed/02_train.ipynb
	@$(BIN)/python -m mnist_rnn.bits.verify --new

verify: $(INSTALLED)  ## Compare the last finished run, or RUN, in outputs/ with the committed one
	@$(BIN)/python -m mnist_rnn.bits.verify $(RUN)

ledger: $(INSTALLED)  ## Check the table results/reproductions.csv; ARGS=FILE adds the rows of another table
	@$(BIN)/python -m mnist_rnn.bits.ledger $(ARGS)

lab: $(INSTALLED)  ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab --FileContentsManager.preferred_dir=notebooks \
		--LabApp.default_url=/lab/tree/notebooks/01_data.ipynb $(ARGS)

plan: $(INSTALLED)  ## List the runs that `make sweep` would train, and why
	@$(BIN)/python -m mnist_rnn.sweep --dry-run

sweep originals: private export XDG_CACHE_HOME = $(HERE)/cache
sweep: $(INSTALLED)  ## Train the missing and outdated runs of claims.csv, into results/
	@$(BIN)/python -m mnist_rnn.sweep $(if $(PROFILE),--profile "$(PROFILE)") $(ARGS)

report: $(INSTALLED)  ## Make tables, a figure and a page of the runs in outputs/, beside the published results
	@mkdir -p $(OUTPUTS)/executed
	@page=$(OUTPUTS)/executed/report; \
	$(PAPERMILL) --log-level ERROR workflow/report.ipynb "$$page.part.ipynb" && \
	mv "$$page.part.ipynb" "$$page.ipynb" && \
	$(BIN)/python -m mnist_rnn.web.site --report "$$page.ipynb" "$$page.html" && \
	echo "Written: accuracy.csv, accuracy.md, accuracy.png, numbers.csv, runs.csv and executed/report.html in" $(OUTPUTS)

site: $(INSTALLED)  ## Make the pages in site/: a start page, a pad to draw on, and the notebooks with their outputs
	@$(BIN)/python -m mnist_rnn.web.site $(if $(MODEL),--model "$(MODEL)")

release: $(INSTALLED)  ## Pack the commit and its pages into an archive with its SHA-256, in dist/
	@bash release/make.sh $(BIN)/python mnist-rnn-$(VERSION)

release-check: $(INSTALLED)  ## Check every byte of the archive in dist/, and evaluate its model in a new environment
	@$(BIN)/python -c 'from mnist_rnn.data import load_mnist; load_mnist()'
	@bash release/check.sh dist/mnist-rnn-$(VERSION).tar $(PYTHON) data/mnist

check: style  ## Check style and types, and run the quick tests (a minute)
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m quick $$(grep -l mark.quick tests/test_*.py)
	@$(BIN)/python -m mnist_rnn.sweep --dry-run | tail -n 1

style: $(INSTALLED)
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml docs/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/pre-commit validate-config
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format \
		--default-filetype yaml CITATION.cff

# The tests of the notebooks start first, because they take longest.
test: style  ## Check style and types, run all but the slow tests, and compare all notebooks
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not slow and not trial" \
		tests/test_notebooks.py tests

slow: $(INSTALLED)  ## Run the slow tests: killed runs, Slurm, an emulated CPU, documented commands, browsers
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --max-worker-restart 0 -m slow --ignore tests/test_browser.py
	$(BIN)/python -m pytest -m slow tests/test_browser.py

trials: $(INSTALLED)  ## Run the longest tests: emulated CPUs, all ways to run a configuration, a hundred killed runs (hours)
	$(BIN)/python -m pytest -s -m trial --timeout 0

mutants: $(INSTALLED)  ## Measure the share of edits of the code that the tests detect (an hour)
	nice -n 15 $(BIN)/python -u tests/mutants.py $(ARGS)

benchmark: $(INSTALLED) $(PEERS)/installed  ## Time our code, the original's, PyTorch and JAX (an hour, with nothing else on the machine)
	$(BIN)/python -u benchmarks/speed.py --peers $(PEERS)/bin/python $(ARGS)
	$(BIN)/python benchmarks/report_speed.py

implementations: $(INSTALLED) $(PEERS)/installed  ## Compare Keras, NumPy, JAX, PyTorch and C with the known answers and the first steps
	@$(BIN)/python -m mnist_rnn.bits.implementations --peers $(PEERS)/bin/python $(ARGS)

audit: $(INSTALLED)  ## Compute each committed run again with the C program, and compare all epochs (hours, continues)
	@$(BIN)/python -m mnist_rnn.bits.audit $(ARGS)

one-bit: $(INSTALLED)  ## Train the missing pairs of results/one_bit.csv with the C program (hours, 5 GB, continues)
	@OMP_NUM_THREADS=1 nice -n 15 $(BIN)/python -m mnist_rnn.bits.one_bit

originals: $(INSTALLED) $(PEERS)/installed  ## Make the missing runs of the originals' own code, into results/ (hours)
	@for code in keras keras_rmsprop seeded seeded_xla; do $(BIN)/python -m mnist_rnn.sweep --code $$code $(ARGS) || exit; done
	@$(BIN)/python -m mnist_rnn.sweep --code pytorch --python $(PEERS)/bin/python $(ARGS)

notebooks: $(INSTALLED)  ## Execute all notebooks, or NOTEBOOKS, in place, and keep their outputs for a commit
	@for notebook in $(NOTEBOOKS:%=notebooks/%.ipynb); do test -f $$notebook || { \
		echo "NOTEBOOKS: expected names such as 03_results, got $(NOTEBOOKS)."; exit 1; }; done
	rm -rf $(VENV)/notebooks && mkdir -p $(VENV)/notebooks && cp -r results $(VENV)/notebooks/outputs
	JUPYTER_NO_CONFIG=1 MNIST_RNN_RESULTS=$(VENV)/notebooks/outputs $(BIN)/jupyter nbconvert \
		--to notebook --execute --inplace --ExecutePreprocessor.record_timing=False $(NOTEBOOKS:%=notebooks/%.ipynb)

# Committed files are made from the repository's claims.csv, not from a user's own claims.csv.
results notebooks site: private export MNIST_RNN_PUBLISHED =
results: private export MNIST_RNN_RESULTS = results
results: $(INSTALLED)  ## Train missing runs, and make tables, notebooks and generated text again
	@$(MAKE) --no-print-directory sweep
	@$(PAPERMILL) --log-level ERROR notebooks/03_results.ipynb results/executed/03_results.ipynb
	@$(MAKE) --no-print-directory notebooks
	@cd results && LC_ALL=C sha256sum runs/*/*.json > runs.sha256
	$(BIN)/python workflow/generate.py

lock: $(INSTALLED)  ## Resolve pyproject.toml into requirements.lock
	$(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-annotate \
		--group test --group dev --custom-compile-command "make lock" \
		--output-file requirements.lock pyproject.toml

clean:  ## Remove the virtual environments that this Makefile has made
	@for folder in $(VENV) $(PEERS) $(VENV)-arm64; do $(call require_own,$$folder) done
	rm -rf $(VENV) $(PEERS) $(VENV)-arm64

# With fewer open files, a kernel dies without a message.
reproduce lab sweep originals report test slow notebooks: files
files:
	@test "$$(ulimit -n)" = unlimited || test "$$(ulimit -n)" -ge 128 || { \
		echo "ulimit -n: expected at least 128 open files, got $$(ulimit -n)."; exit 1; }

# The file INSTALLED marks a complete installation. It contains the path, since commands in a copied
# environment would run the old folder's code, and a checksum of the list of packages.
MARK = { pwd -P; cat requirements.lock pyproject.toml | cksum; }
ifneq "$(shell $(MARK) 2>&1 | cmp $(INSTALLED) - 2>&1)" ""
.PHONY: $(INSTALLED)
endif
$(INSTALLED):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed: make PYTHON=..., or let uv fetch it as docs/usage.md says.")'
	$(call make_environment,$(VENV))
	@echo "Installing the packages of requirements.lock in $(VENV): half a minute to three minutes."
	@# pip installs uv, and uv installs all other packages. If uv fails, pip installs them, since a
	@# package index may be configured only for pip. setuptools comes first, to build
	@# connection-pool, which has no wheel.
	@awk '/^[^ #]/ { first = /^(setuptools|uv)==/ } first' requirements.lock | \
		$(BIN)/python -m pip install --quiet --require-hashes --requirement /dev/stdin
	@# Python compiles modules when it imports them, unless PYTHONDONTWRITEBYTECODE forbids it.
	@test -t 2 || quiet=--quiet; \
	$(BIN)/uv pip sync $$quiet --python $(BIN)/python --require-hashes --no-build-isolation \
		$${PYTHONDONTWRITEBYTECODE:+--compile-bytecode} requirements.lock || { \
	echo "uv could not install the packages, for the reason above. Now pip installs them."; \
	$(BIN)/python -m pip install --require-hashes --no-build-isolation --requirement requirements.lock; }
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
	@mkdir -p $(VENV)/etc/ipython && cp workflow/ipython_kernel_config.py $(VENV)/etc/ipython
	@$(MARK) > $@

$(PEERS)/installed: benchmarks/requirements.lock
	$(call make_environment,$(PEERS))
	@echo "Installing PyTorch and JAX in $(PEERS): about a minute."
	@$(PEERS)/bin/python -m pip install --quiet --requirement benchmarks/requirements.lock
	@touch $@

# Make an empty environment in a new folder, or in place of an environment that this Makefile made,
# complete or not. The file MADE distinguishes such an environment from a user's folder or environment.
MADE = .made-by-mnist-rnn
require_own = test -e $(1)/$(MADE) || test -e $(1)/pyvenv.cfg -a -e $(1)/installed || \
	test -z "$$(ls -A $(1) 2>/dev/null)" || { \
	echo "VENV: expected a new folder or an environment that make has made, got $(1)."; exit 1; };
define make_environment
	@$(call require_own,$(1))
	@mkdir -p $(1) && touch $(1)/$(MADE) && rm -f $(1)/installed
	@find $(1)/ -mindepth 1 ! -path $(1)/$(MADE) -delete
	@$(PYTHON) -m venv $(1)
endef
