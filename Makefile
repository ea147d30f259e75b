# `make help` lists the targets. The variables can be set on the command line, as in
# `make test PYTHON=python3.13 VENV=.venv-3.13`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed
UV = uv==0.13.9
EXECUTED = results/executed

.DEFAULT_GOAL := help
.PHONY: help reproduce verify test lab notebooks lint lock clean

help:  ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

reproduce: $(INSTALLED)  ## Train the original experiment by papermill and rebuild the accuracy table
	mkdir -p $(EXECUTED)
	$(BIN)/papermill --no-progress-bar --log-output notebooks/02_train.ipynb $(EXECUTED)/02_train.ipynb
	$(BIN)/python -m mnist_rnn.report
	@echo "Executed: $(EXECUTED)/02_train.ipynb"

verify: $(INSTALLED)  ## Compare the default run's record with the committed one
	$(BIN)/python -m mnist_rnn.verify

test: lint  ## Lint, unit tests, and nbval over all notebooks (trains the default run in full)
	$(BIN)/python -m pytest
	rm -rf $(VENV)/nbval
	MNIST_RNN_RESULTS=$(CURDIR)/$(VENV)/nbval/results $(BIN)/python -m pytest --nbval --nbval-current-env --nbval-cell-timeout 3600 \
		--nbval-sanitize-with tests/sanitize.cfg -p no:cacheprovider notebooks

lab: $(INSTALLED)  ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks $(ARGS)

notebooks: $(INSTALLED)  ## Execute the notebooks in place, outputs as they are committed
	MNIST_RNN_RESULTS=$(CURDIR)/$(VENV)/notebooks/results $(BIN)/jupyter execute --inplace --NotebookClient.record_timing=False notebooks/*.ipynb

lint: $(INSTALLED)  ## Check the style of source, tests and notebooks
	$(BIN)/ruff check
	$(BIN)/ruff format --check

lock: $(INSTALLED)  ## Resolve pyproject.toml into requirements.lock
	$(BIN)/pip install --quiet $(UV)
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

clean:  ## Remove the virtual environment and the data; results stay
	rm -rf $(VENV) data/mnist

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@
