# Two commands are enough: `make demo` shows the product, `make test` proves it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
SHORT := /tmp/tt-$(shell id -u)# of two workers: the path of a socket may have 107 bytes

.PHONY: help demo test lint types unit locks check-locks ci-local helm docs chaos hostile bench clean

help:            ## list the targets
	@grep -E '^[a-z-]+: .*##' Makefile | sed -E 's/: .*## /\t/' | expand -t 16

$(STAMP): pyproject.toml requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Trivet needs Python 3.11 or newer; set PYTHON=/path/to/python3.11"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.lock
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

demo: $(STAMP)   ## the whole loop on the sandbox, no credentials
	$(BIN)/trivet demo

test: lint types check-locks unit   ## everything that must pass

lint: $(STAMP)   ## ruff: rules and format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)  ## mypy, strict, on bot/
	$(BIN)/mypy

# Sorted by how many tests a file has, the long ones of few tests would come last. Without bytecode each command compiles us anew.
unit: $(STAMP)   ## the tests
	@mkdir -p $(SHORT); env -u PYTHONDONTWRITEBYTECODE $(BIN)/python -m pytest -n 2 --dist loadfile \
		--no-loadscope-reorder --basetemp=$(SHORT)/$$$$ $(PYTEST_ARGS); \
	status=$$?; rm -rf $(SHORT)/$$$$; exit $$status

locks: $(STAMP)  ## write the lock files anew
	$(BIN)/python tests/tools/locks.py write

check-locks: $(STAMP) ## the locks answer pyproject.toml, have hashes and no addresses
	$(BIN)/python tests/tools/locks.py check

ci-local: $(STAMP) ## install gitlab-ci-local, which the tests of templates/ need
	$(BIN)/python tests/tools/ci_local.py

helm: $(STAMP)   ## install Helm, which the tests of chart/ need
	$(BIN)/python tests/tools/helm.py

docs: $(STAMP)   ## write what in the documents is made from other files
	$(BIN)/python tests/tools/inputs_table.py
	$(BIN)/python tests/tools/values_table.py
	$(BIN)/python tests/tools/openapi.py

chaos: $(STAMP)  ## break it at random, and count what people see then; FULL=1: hours
	$(BIN)/python -m tests.chaos $(if $(FULL),--full)

hostile: $(STAMP) ## attack it, and count what gets through; FULL=1: long
	$(BIN)/python -m tests.hostile $(if $(FULL),--full)

bench: $(STAMP)  ## the performance table
	$(BIN)/python -m tests.bench

clean:           ## remove what the targets made
	rm -rf $(VENV) build .mypy_cache .pytest_cache .ruff_cache .hypothesis
