# `make help` lists the targets. The variables can be set on the command line, as in
# `make test PYTHON=python3.13 VENV=.venv-3.13`.
PYTHON = python3
VENV = .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed
PEERS = $(VENV)-peers
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' pyproject.toml)
# The shell reads the variable, not make: a folder's name may have spaces, quotes and dollars.
OUTPUTS = "$${MNIST_RNN_RESULTS:-outputs}"
RESULTS = "$${MNIST_RNN_RESULTS:-results}"

# A user's settings for other packages, as clusters and cloud editors make them, stay out of VENV.
export PIP_USER = 0
export PYTHONPATH =

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help reproduce verify ledger lab plan sweep report site release release-check check test slow trials benchmark originals notebooks results lock clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-15s%s\n", $$1, $$2 }' $(MAKEFILE_LIST)

reproduce: $(INSTALLED)  ## Train the default run by papermill, into outputs/, and compare it with the committed run
	@mkdir -p $(OUTPUTS)/executed
	$(if $(PARAMETERS),,@$(BIN)/python -m mnist_rnn.records.verify --before)
	@trap 'echo "Not finished; the reason is above. A stopped run goes on with the same command."' EXIT; \
	trap 'kill $$! 2>/dev/null; wait $$!; exit 1' INT QUIT TERM; \
	$(BIN)/papermill --no-progress-bar --log-output notebooks/02_train.ipynb \
		$(OUTPUTS)/executed/02_train.part.ipynb $(PARAMETERS) & \
	wait $$! && trap - EXIT
	@mv $(OUTPUTS)/executed/02_train.part.ipynb $(OUTPUTS)/executed/02_train.ipynb
	@echo Executed: $(OUTPUTS)/executed/02_train.ipynb
	$(if $(PARAMETERS),,@$(BIN)/python -m mnist_rnn.records.verify)

verify: $(INSTALLED)  ## Compare the record of the default run in outputs/ with the committed one
	@$(BIN)/python -m mnist_rnn.records.verify

ledger: $(INSTALLED)  ## Check the records in results/reproductions and make their table
	@$(BIN)/python docs/ledger.py $(ARGS)

lab: $(INSTALLED)  ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab --FileContentsManager.preferred_dir=notebooks $(ARGS)

plan: $(INSTALLED)  ## Say which runs `make sweep` would train, and why
	@$(BIN)/python -m mnist_rnn.claims.sweep --dry-run

sweep: $(INSTALLED)  ## Train what is missing of all configurations in claims.csv, into results/
	@$(BIN)/python -m mnist_rnn.claims.sweep $(if $(PROFILE),--profile workflow/profiles/$(PROFILE)) $(ARGS)

report: $(INSTALLED)  ## Rebuild the tables from the records, and the results as a page, executed/03_results.html
	@mkdir -p $(RESULTS)/executed
	@$(BIN)/papermill --no-progress-bar --log-level ERROR notebooks/03_results.ipynb \
		$(RESULTS)/executed/03_results.part.ipynb
	@mv $(RESULTS)/executed/03_results.part.ipynb $(RESULTS)/executed/03_results.ipynb
	@$(BIN)/python -m mnist_rnn.site --report $(RESULTS)/executed/03_results.ipynb $(RESULTS)/executed/03_results.html
	@echo "Written: accuracy.csv, accuracy.md, accuracy.png, runs.csv and executed/03_results.html in" $(RESULTS)

site: $(INSTALLED)  ## Make the pages in site/: a start page, a pad to draw on, and the notebooks, outputs as committed
	@$(BIN)/python -m mnist_rnn.site $(if $(MODEL),--model "$(MODEL)")

release: $(INSTALLED)  ## Pack the commit and its pages into one archive with its SHA-256, in dist/
	@bash release/make.sh $(BIN)/python mnist-rnn-$(VERSION)

release-check: $(INSTALLED)  ## Check every byte of the archive in dist/, and score its model in a fresh environment
	@$(BIN)/python -c 'from mnist_rnn.data.mnist import load_mnist; load_mnist()'
	@bash release/check.sh dist/mnist-rnn-$(VERSION).tar $(PYTHON) data/mnist

check: $(INSTALLED)  ## Check the archive in dist/, and score its model in a fresh environment
	@$(BIN)/python -c 'from mnist_rnn.data.mnist import load_mnist; load_mnist()'
	@bash release/check.sh dist/mnist-rnn-$(VERSION).tar $(PYTHON) data/mnist

check: $(INSTALLED)  ## Lint, types and the quick tests, in a minute
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.dependabot .github/dependabot.yml
	$(BIN)/zizmor --offline --quiet .github
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format \
		--default-filetype yaml CITATION.cff
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m quick $$(grep -l mark.quick tests/test_*.py)

# The notebooks come first: they take longest.
test: check  ## All but the slow tests, and nbval over all notebooks
	$(BIN)/python -m pytest --numprocesses 2 --dist worksteal -m "not quick and not slow and not trial" \
		tests/test_notebooks.py tests

slow: $(INSTALLED)  ## The slow tests: kills, Slurm, an emulated CPU, the documented commands, and JupyterLab in a browser
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile --max-worker-restart 0 -m slow --ignore tests/test_browser.py
	$(BIN)/python -m pytest -m slow tests/test_browser.py

trials: $(INSTALLED)  ## The long trials: emulated CPUs, the matrix of bit equality, a hundred killed runs (hours)
	$(BIN)/python -m pytest -s -m trial --timeout 0

benchmark: $(INSTALLED) $(PEERS)/installed  ## Time ours beside the original's code, PyTorch and JAX (an hour, alone on the machine)
	$(BIN)/python -u benchmarks/speed.py --peers $(PEERS)/bin/python $(ARGS)
	$(BIN)/python benchmarks/report_speed.py

originals: $(INSTALLED) $(PEERS)/installed  ## Run the originals' own code, 60 times in all, into results/originals (hours)
	@$(BIN)/python originals/run.py --peers $(PEERS)/bin/python $(ARGS)

notebooks: $(INSTALLED)  ## Execute the notebooks in place, outputs as they are committed
	rm -rf $(VENV)/notebooks && mkdir -p $(VENV)/notebooks && cp -r results $(VENV)/notebooks/outputs
	MNIST_RNN_RESULTS=$(VENV)/notebooks/outputs $(BIN)/jupyter nbconvert \
		--to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

results: $(INSTALLED)  ## Train what is missing, and make tables, notebooks and generated text anew
	@$(MAKE) --no-print-directory sweep report notebooks MNIST_RNN_RESULTS=results
	$(BIN)/python docs/generate.py

lock: $(INSTALLED)  ## Resolve pyproject.toml into requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--group test --group dev --custom-compile-command "make lock" \
		--output-file requirements.lock pyproject.toml

clean:  ## Remove the virtual environments and the data; results stay
	rm -rf $(VENV) $(PEERS) $(VENV)-arm64 data/mnist

# In an environment that was copied or moved, the commands would run the old place's code.
ifneq "$(shell cat $(INSTALLED) 2>/dev/null)" "$(CURDIR)"
.PHONY: $(INSTALLED)
endif
$(INSTALLED): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed: make PYTHON=..., or let uv fetch it as docs/usage.md says.")'
	@echo "Installing the packages of requirements.lock in $(VENV): one to three minutes."
	@$(if $(wildcard $(INSTALLED)),rm -rf $(VENV))
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	@$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	@# Else each kernel warns at its start that it does not encrypt (it is on this machine), and
	@# some report at their end that Jupyter interrupted them, as it does before it stops them.
	@mkdir -p $(VENV)/etc/ipython
	@printf '%s\n' 'import logging' 'c.IPKernelApp.log_level = "ERROR"' \
		'logging.getLogger("IPKernelApp").addFilter(lambda record: "KeyboardInterrupt" not in record.getMessage())' \
		> $(VENV)/etc/ipython/ipython_kernel_config.py
	@echo "$(CURDIR)" > $@

$(PEERS)/installed: benchmarks/requirements.lock
	@echo "Installing PyTorch and JAX in $(PEERS): about a minute."
	@$(PYTHON) -m venv $(PEERS)
	@$(PEERS)/bin/python -m pip install --quiet --requirement benchmarks/requirements.lock
	@touch $@
