# Everything a developer or an operator does, by name. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := $(sort $(dir $(wildcard libs/*/pyproject.toml services/*/pyproject.toml clients/*/pyproject.toml demo/pyproject.toml)))
MANIFESTS := pyproject.toml constraints.txt $(addsuffix pyproject.toml,$(MEMBERS))
EDITABLE := $(foreach m,$(MEMBERS),-e $(m:/=))

.PHONY: help
help: ## List the commands
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):[^#]*## /\1\t/' | awk -F '\t' '{printf "  make %-14s %s\n", $$1, $$2}'

# --- Set-up -------------------------------------------------------------------------------------------------------
$(BIN)/uv: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(0 if (3, 11) <= sys.version_info < (3, 13) else "shuqiao needs Python 3.11 or 3.12; set PYTHON=/path/to/python3.11")'
	@echo "… making $(VENV) with $(PYTHON)"
	@$(PYTHON) -m venv $(VENV) || { echo "This Python cannot make virtual environments; on Debian: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip install -q --disable-pip-version-check -c constraints.txt uv
	@touch $@

$(VENV)/.run: $(BIN)/uv $(MANIFESTS)
	@echo "… installing the packages (pinned in constraints.txt)"
	@$(BIN)/uv pip install -q -p $(BIN)/python -c constraints.txt $(EDITABLE)
	@touch $@

$(VENV)/.dev: $(VENV)/.run
	@echo "… installing the tools of development"
	@$(BIN)/uv pip install -q -p $(BIN)/python -c constraints.txt --group dev
	@touch $@

.PHONY: setup
setup: $(VENV)/.dev ## Make the virtual environment with everything in it

.PHONY: constraints
constraints: $(BIN)/uv ## Pin anew what the packages ask for (constraints.txt)
	@$(BIN)/uv lock -q
	@{ echo "# Pins of everything that is installed; made by \`make constraints\`. It names no registry's address."; \
	  $(BIN)/uv export -q --no-hashes --no-annotate --no-header --no-emit-workspace --all-groups --all-packages; \
	  $(BIN)/uv --version | sed -E 's/^uv ([0-9.]+).*/uv==\1/'; } > constraints.new
	@rm -f uv.lock; mv constraints.new constraints.txt

# --- Checks -------------------------------------------------------------------------------------------------------
.PHONY: fmt
fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy --strict and the import contracts
	@$(BIN)/ruff format -q --check . && $(BIN)/ruff check -q . && $(BIN)/mypy && $(BIN)/lint-imports --no-cache > build/imports.txt || { cat build/imports.txt; exit 1; }
