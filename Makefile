# Every target does its own set-up in .venv: Python, pip and make are all it takes.
SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= python3
# Where to take torch from when PyPI's build is not the one wanted, as in
#   make test TORCH_INDEX=https://download.pytorch.org/whl/cpu
TORCH_INDEX ?=
WORKERS ?= 2

VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.complete
DEMO_STAMP := $(VENV)/.demo
PINNED_TORCH := $(shell sed -n 's/^torch==/&/p' constraints.txt)
OLDEST_PYTEST := $(shell sed -n 's/.*"pytest>=\([0-9.]*\)".*/pytest==\1.*/p' pyproject.toml)
# The theme's announcement of another program is no warning of ours.
SITE := NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build --strict --quiet
ONE_THREAD := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1

.PHONY: help demo test test-oldest-pytest test-with dist static check docs bench everything fuzz mutation clean

help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-18s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# torch comes first and alone, so that no other package can pull another build of it.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(PINNED_TORCH)'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[all]'
	@touch $@

# The demo needs little: the rest is for tests.
$(DEMO_STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX)) '$(PINNED_TORCH)'
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[torch,terminal]' diffusers
	@touch $@

demo: $(if $(wildcard $(STAMP)),,$(DEMO_STAMP))  ## See three mistakes found, measured and corrected
	$(BIN)/vae-checked demo

# Compiled code is kept even where the environment says otherwise: each worker would compile all tests anew.
test: $(STAMP)  ## Run the tests
	PYTHONDONTWRITEBYTECODE= $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_FLAGS)

test-oldest-pytest: $(STAMP)  ## Run the plugin's tests with the oldest pytest that is supported
	$(BIN)/python -m pip install --quiet --upgrade --target $(VENV)/oldest-pytest '$(OLDEST_PYTEST)'
	PYTHONPATH=$(CURDIR)/$(VENV)/oldest-pytest $(ONE_THREAD) $(BIN)/python -m pytest -n $(WORKERS) $(PYTEST_FLAGS) tests/pytest_plugin/test_plugin.py

test-with:  ## Run the tests that import torch with other versions: TORCH=2.6.0 PYTHON=3.12
	$(ONE_THREAD) python3 benchmarks/test_with.py --torch $(or $(TORCH),$(patsubst torch==%,%,$(PINNED_TORCH))) --python $(PYTHON) $(WITH_FLAGS) $(TESTS)

dist: $(STAMP)  ## Build the source distribution and the wheel, and check what an index would refuse
	rm -rf dist
	$(BIN)/python -m hatchling build
	$(PYTHON) -m venv $(VENV)/twine
	$(VENV)/twine/bin/python -m pip install --quiet 'twine==7.*'
	$(VENV)/twine/bin/twine check --strict dist/*

static: $(STAMP)  ## Check format, style, types, and the links of the site: what no test does
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(SITE)

check: static  ## Check in addition house rules and generated pages, which `make test` does too
	$(ONE_THREAD) $(BIN)/python -m pytest -q tests/test_house.py
	$(BIN)/python docs/generate.py --check

docs: $(STAMP)  ## Write the generated pages and tables anew, and build the site in site/
	$(BIN)/python docs/generate.py
	$(SITE)

bench: $(STAMP)  ## Run the benchmarks; each prints ratios taken within one run
	@for bench in benchmarks/bench_*.py; do echo "== $$bench"; $(ONE_THREAD) $(BIN)/python $$bench || exit 1; done

everything: $(STAMP)  ## Lint the standard library, the installed packages and FOLDERS; nothing may crash or hang
	$(ONE_THREAD) $(BIN)/python benchmarks/lint_everything.py $(FOLDERS)

fuzz: $(STAMP)  ## Run the Hypothesis tests with many more examples, drawn anew each time
	$(ONE_THREAD) HYPOTHESIS_PROFILE=fuzz $(BIN)/python -m pytest -n $(WORKERS) -m hypothesis $(PYTEST_FLAGS)

mutation: $(STAMP)  ## Change the code in small ways and see whether its tests notice: a sample of mutants
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[mutation]'
	$(ONE_THREAD) $(BIN)/python benchmarks/mutation.py --children $(WORKERS) $(MUTATION_FLAGS)

clean:  ## Remove everything that these targets made
	rm -rf $(VENV) .venvs build dist mutants site *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
