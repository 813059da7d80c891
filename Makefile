# Everything a developer or an operator does, by name. `make help` lists it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV := .venv
BIN := $(VENV)/bin
MEMBERS := $(sort $(dir $(wildcard libs/*/pyproject.toml services/*/pyproject.toml clients/*/pyproject.toml demo/pyproject.toml)))
MANIFESTS := pyproject.toml constraints.txt $(addsuffix pyproject.toml,$(MEMBERS))
SERVICES := registry catalog sharing ingest_files gateway audit
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

# --- Run ----------------------------------------------------------------------------------------------------------
DIR ?= .run

.PHONY: run
run: $(VENV)/.run ## Start the whole exchange on this machine with demonstration data, and stay up (Ctrl-C stops it)
	@exec $(BIN)/python -m demo --dir $(DIR) run

.PHONY: demo
demo: $(VENV)/.run ## Play the story against what runs, or start and stop it around; writes build/demo.json
	@$(BIN)/python -m demo --dir $(DIR) play --output build/demo.json

.PHONY: down
down: $(VENV)/.run ## Stop what `make run` started
	@$(BIN)/python -m demo --dir $(DIR) down

.PHONY: clean
clean: ## Wipe data, secrets and logs of `make run`, and build/
	@if [ -x $(BIN)/python ]; then $(BIN)/python -m demo --dir $(DIR) clean; else rm -rf $(DIR); fi
	@rm -rf build

# --- Checks -------------------------------------------------------------------------------------------------------
.PHONY: fmt
fmt: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff check -q --fix . ; $(BIN)/ruff format -q .

.PHONY: lint
lint: $(VENV)/.dev ## ruff, mypy --strict, the import contracts, the locked schemas
	@mkdir -p build
	@echo "… ruff"; $(BIN)/ruff format -q --check . && $(BIN)/ruff check -q .
	@echo "… mypy"; $(BIN)/mypy --no-error-summary
	@echo "… imports"; $(BIN)/lint-imports --no-cache > build/imports.txt || { cat build/imports.txt; exit 1; }
	@echo "… schemas"; $(BIN)/python -m common.schemas check

.PHONY: docs
docs: $(VENV)/.dev ## Write the generated documents anew (docs/api, docs/events)
	@for service in $(SERVICES); do \
	  $(BIN)/python -m $$service asyncapi > docs/events/$$service.yaml; \
	  $(BIN)/python -m $$service openapi > docs/api/$$service.json; done
	@$(BIN)/python -m common.schemas lock && cp libs/common/common/entry.schema.json clients/shuqiao/shuqiao/schemas/entry.json

.PHONY: unit
unit: $(VENV)/.dev ## Unit tests: pure, seconds
	@$(BIN)/pytest -q tests/unit

.PHONY: integration
integration: $(VENV)/.dev ## Integration and contract tests on real servers
	@$(BIN)/pytest -q tests/integration tests/contract

.PHONY: system
system: $(VENV)/.dev ## System tests: the whole exchange, one story each
	@$(BIN)/pytest -q tests/system

.PHONY: vectors
vectors: $(VENV)/.dev ## Play golden cases: FILE=path, in a system of its own or URL=gateway PROFILE=file
	@$(BIN)/python -m tests.vectors --file '$(FILE)' $(if $(URL),--url '$(URL)') $(if $(PROFILE),--profile '$(PROFILE)')

.PHONY: test
test: $(VENV)/.dev ## Everything that CI runs
	@$(BIN)/python -m stack fetch
	@$(MAKE) --no-print-directory -j3 with-servers-calls with-servers-others without-servers

.PHONY: without-servers
without-servers: lint deploy-check
	@$(BIN)/pytest -q -m "not slow" tests/unit

# Two halves of about the same length, each with servers of its own.
CALLS := tests/contract $(addprefix tests/integration/,exchange gateway pushing)

.PHONY: with-servers-calls
with-servers-calls: $(VENV)/.dev
	@$(BIN)/pytest -q -m "not slow" $(CALLS)

.PHONY: with-servers-others
with-servers-others: $(VENV)/.dev
	@$(BIN)/pytest -q -m "not slow" --ignore=tests/unit $(CALLS:%=--ignore=%) tests

.PHONY: test-real
test-real: $(VENV)/.dev ## Files of the world: SHUQIAO_REAL_FILES=folder; an empty folder fails
	@test -n "$(SHUQIAO_REAL_FILES)" || { echo "SHUQIAO_REAL_FILES names no folder" >&2; exit 1; }
	@SHUQIAO_REAL_FILES='$(SHUQIAO_REAL_FILES)' $(BIN)/pytest -q tests/unit/sheets/test_files_of_the_world.py tests/unit/sheets/test_real_files.py

.PHONY: test-fault
test-fault: $(VENV)/.dev ## The fault matrix on real servers, every row that can be run yet; lists the others
	@$(BIN)/python -m stack fetch
	@$(BIN)/python -m tests.fault.matrix

.PHONY: bench
bench: $(VENV)/.dev ## Our path and the bare floor in one run; writes build/bench.json (needs Debian's wrk); ONLY=call|gateway|ingest
	@$(BIN)/python -m tests.bench --output build/bench.json $(if $(ONLY),--only $(ONLY))

.PHONY: deploy-check
deploy-check: $(VENV)/.dev ## The compose file and the Kubernetes manifests against their schemas, offline
	@$(BIN)/python -m tests.deploy
