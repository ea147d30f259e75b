# `make help` lists the targets. The variables can be set on the command line, as in
# `make test PYTHON=python3.13 VENV=.venv-3.13`.
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
INSTALLED = $(VENV)/installed
PEERS = $(VENV)-peers
RESULTS = $(or $(MNIST_RNN_RESULTS),results)
EXECUTED = $(RESULTS)/executed
PAGE = $(BIN)/jupyter nbconvert --log-level ERROR --to html --template basic \
	--template-file notebooks/page.html.j2 --HTMLExporter.exclude_anchor_links=True

.DEFAULT_GOAL := help
.PHONY: help reproduce plan table report site verify test trials benchmark lab notebooks lint hooks lock audit clean

help:  ## List the targets
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

reproduce: $(INSTALLED)  ## Train the original experiment by papermill and rebuild the accuracy table
	mkdir -p $(EXECUTED)
	@trap 'echo "Not finished; the reason is above. A stopped run goes on with the same command."' EXIT; \
	$(BIN)/papermill --no-progress-bar --log-output notebooks/02_train.ipynb \
		$(EXECUTED)/02_train.part.ipynb $(PARAMETERS) && trap - EXIT
	mv $(EXECUTED)/02_train.part.ipynb $(EXECUTED)/02_train.ipynb
	$(BIN)/python -m mnist_rnn.report
	@echo "Executed: $(EXECUTED)/02_train.ipynb"

plan: $(INSTALLED)  ## Say which runs `make table` would train, and why
	@$(BIN)/python -m mnist_rnn.batch --dry-run

table: $(INSTALLED)  ## Train what is missing of all published configurations and rebuild the tables
	@$(BIN)/python -m mnist_rnn.batch $(if $(PROFILE),--profile workflow/profiles/$(PROFILE)) $(ARGS); \
	trained=$$?; $(MAKE) --no-print-directory report && exit $$trained

report: $(INSTALLED)  ## Rebuild the tables, and results/report.html from the records
	@mkdir -p $(EXECUTED)
	@$(BIN)/papermill --no-progress-bar --log-level ERROR notebooks/03_results.ipynb \
		$(EXECUTED)/03_results.part.ipynb
	@mv $(EXECUTED)/03_results.part.ipynb $(EXECUTED)/03_results.ipynb
	@$(PAGE) --no-input --output-dir $(RESULTS) --output report $(EXECUTED)/03_results.ipynb
	@echo "Written: accuracy.csv, accuracy.md, accuracy.png, runs.csv and report.html in $(RESULTS)"

site: $(INSTALLED)  ## Render the notebooks, outputs as committed, as a few linked pages
	@$(PAGE) --output-dir site notebooks/*.ipynb
	@cp site/01_data.html site/index.html
	@echo "Written: site/index.html"

verify: $(INSTALLED)  ## Compare the default run's record with the committed one
	$(BIN)/python -m mnist_rnn.verify

test: lint  ## Lint, unit tests, and nbval over all notebooks (trains the default run in full)
	$(BIN)/python -m pytest --numprocesses 2 --dist loadfile
	rm -rf $(VENV)/nbval && mkdir -p $(VENV)/nbval && cp -r results $(VENV)/nbval
	MNIST_RNN_RESULTS=$(CURDIR)/$(VENV)/nbval/results $(BIN)/python -m pytest \
		--numprocesses 2 --dist loadfile --nbval --nbval-current-env --nbval-cell-timeout 3600 \
		--nbval-sanitize-with tests/sanitize.cfg -p no:cacheprovider notebooks

trials: $(INSTALLED)  ## The long trials: runs killed a hundred times over, the matrix of sameness (an hour)
	$(BIN)/python -m pytest -s -m trial

benchmark: $(INSTALLED) $(PEERS)/installed  ## Time ours beside the original's code, PyTorch and JAX (over an hour, alone on the machine)
	$(BIN)/python -u benchmarks/speed.py --peers $(PEERS)/bin/python $(ARGS)
	$(BIN)/python benchmarks/report_speed.py

lab: $(INSTALLED)  ## Open JupyterLab on the notebooks
	$(BIN)/jupyter lab notebooks $(ARGS)

notebooks: $(INSTALLED)  ## Execute the notebooks in place, outputs as they are committed
	rm -rf $(VENV)/notebooks && mkdir -p $(VENV)/notebooks && cp -r results $(VENV)/notebooks
	MNIST_RNN_RESULTS=$(CURDIR)/$(VENV)/notebooks/results $(BIN)/jupyter nbconvert \
		--to notebook --execute --inplace --ExecutePreprocessor.record_timing=False notebooks/*.ipynb

lint: $(INSTALLED)  ## Check the style of source, tests and notebooks, and what has a schema
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/ci.yml
	$(BIN)/check-jsonschema --builtin-schema vendor.citation-file-format \
		--default-filetype yaml CITATION.cff
	$(BIN)/check-jsonschema --schemafile tests/environment.schema.json environment.yml

hooks: $(INSTALLED)  ## Run the quick checks at each commit
	$(BIN)/pre-commit install

lock: $(INSTALLED)  ## Resolve pyproject.toml into requirements.lock
	$(BIN)/uv pip compile --universal --python-version 3.11 --generate-hashes --no-annotate \
		--custom-compile-command "make lock" --output-file requirements.lock pyproject.toml

audit: $(INSTALLED)  ## Compare the lock with the known vulnerabilities, where their database can be reached
	$(BIN)/pip-audit --require-hashes --disable-pip --requirement requirements.lock > $(VENV)/audit 2>&1 \
		|| { cat $(VENV)/audit; exit 1; }
	@grep -q "could not be audited" $(VENV)/audit \
		&& echo "Not checked: the database of vulnerabilities can't be reached from here." \
		|| echo "No known vulnerability."

clean:  ## Remove the virtual environments and the data; results stay
	rm -rf $(VENV) $(PEERS) data/mnist

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13) and "Python 3.11 to 3.13 is needed: make PYTHON=...")'
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --require-hashes --requirement requirements.lock
	$(BIN)/pip install --quiet --no-deps --no-build-isolation --editable .
	touch $@

$(PEERS)/installed: benchmarks/requirements.lock
	$(PYTHON) -m venv $(PEERS)
	$(PEERS)/bin/pip install --quiet --requirement benchmarks/requirements.lock
	touch $@
