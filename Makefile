# `make compare` and `make test` need python3 (3.11 or newer), make and a package index, nothing else.

PYTHON ?= python3
SCENARIO ?= scenarios/noisy-neighbour.yaml
ARGS ?=
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
JOBS ?= 2
LITELLM := .venv-litellm
LITELLM_VERSION := 1.106.2
LITELLM_STAMP := $(LITELLM)/.installed
EXIT_CODE_FILE ?=

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup compare test coverage check format bench golden docs samples live-litellm constraints clean

help:  ## list what make can do
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

setup: $(STAMP)  ## make .venv with everything at the pinned versions

# The build backend comes from the pins too, hence no build isolation.
$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { \
	  echo "There is no '$(PYTHON)'. keystorm needs Python 3.11 or newer: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "keystorm needs Python 3.11 or newer, and '$(PYTHON)' is $$($(PYTHON) --version 2>&1)."; \
	  echo "Name another one: make PYTHON=/path/to/python3.12 ..."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
	  echo "'$(PYTHON)' can't make virtual environments: install its venv package (Debian: apt-get install python3-venv)."; exit 1; }
	@echo "Setting up $(VENV) (a minute or two the first time) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(PIP) install -c constraints.txt hatchling
	@$(PIP) install -c constraints.txt --no-build-isolation -e '.[live,serve,dev]'
	@touch $@

compare: $(STAMP)  ## compare the configurations of SCENARIO (ARGS adds flags) and say where the report is
	@$(BIN)/keystorm compare $(SCENARIO) $(ARGS); code=$$?; \
	if [ $$code -eq 99 ]; then echo "The comparison is done; at least one objective of the scenario is missed (keystorm's exit code 99)."; \
	else exit $$code; fi

test: $(STAMP)  ## run the whole suite
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder $(ARGS); code=$$?; \
	if [ -n "$(EXIT_CODE_FILE)" ]; then echo $$code > "$(EXIT_CODE_FILE)"; else exit $$code; fi

# Tracing every line costs much time, hence apart.
coverage: $(STAMP)  ## run the whole suite, and say which lines it reaches
	@$(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder --cov --cov-report=term $(ARGS)

check: $(STAMP)  ## lint, format, types, import direction
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.import_direction

format: $(STAMP)  ## let ruff format and fix what it can
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP)  ## measure speed ratios, side by side in one run, into reports/benchmarks.md
	@$(PIP) install -c constraints.txt -e '.[bench]' --no-build-isolation || echo "Ciw can't be installed: it is left out."
	@$(BIN)/python -m tests.benchmarks $(ARGS)

golden: $(STAMP)  ## write the golden files anew, to be read in the diff
	@KEYSTORM_GOLDEN=write $(BIN)/python -m pytest tests/golden -q $(ARGS)

docs: $(STAMP)  ## write the generated pages of docs/ anew
	@$(BIN)/python -m tests.generated_docs

samples: $(STAMP)  ## run the sample reports of reports/samples/ again (ARGS names some, or --render)
	@$(BIN)/python -m tests.samples $(ARGS)

# The proxy needs other versions than keystorm does, and is only ever talked to over HTTP: it lives in an environment of its own.
$(LITELLM_STAMP): constraints-litellm.txt
	@echo "Setting up LiteLLM in $(LITELLM) (about 750 MB, some minutes the first time) ..."
	@$(PYTHON) -m venv $(LITELLM)
	@$(LITELLM)/bin/python -m pip --disable-pip-version-check --quiet install -c constraints-litellm.txt 'litellm[proxy]'
	@touch $@

live-litellm: $(STAMP) $(LITELLM_STAMP)  ## compare a LiteLLM proxy with what the simulator predicts (ARGS adds flags)
	@$(BIN)/keystorm gateway $(SCENARIO) --configuration shared --configuration projects --litellm $(LITELLM)/bin/litellm $(ARGS)

# A resolver that answers for all platforms at once; it lives outside .venv. Your pip settings don't reach the file.
constraints:  ## pin every dependency anew, at the newest versions that pyproject.toml allows
	@$(PYTHON) -m venv build/pin
	@build/pin/bin/python -m pip --disable-pip-version-check --quiet install uv
	@{ echo "# Every dependency, pinned, for Python 3.11 and newer on Linux and macOS. Made by: make constraints"; \
	  build/pin/bin/uv pip compile --quiet --upgrade --python-version 3.11 --all-extras --no-header --no-annotate \
	    --no-emit-package keystorm pyproject.toml; } > build/constraints.txt
	@mv build/constraints.txt constraints.txt
	@{ echo "# The LiteLLM proxy of make live-litellm, pinned, in an environment of its own. Made by: make constraints"; \
	  echo 'litellm[proxy]==$(LITELLM_VERSION)' | build/pin/bin/uv pip compile --quiet --upgrade --python-version 3.11 \
	    --no-header --no-annotate -; } > build/constraints-litellm.txt
	@mv build/constraints-litellm.txt constraints-litellm.txt

clean:  ## remove what make made, but not reports/
	rm -rf $(VENV) $(LITELLM) build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.*
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
