# Every target sets up what it needs. `make help` lists them.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
STACK ?=
ARGS ?=
READY ?=
VENV := .venv
BIN := $(VENV)/bin
# Which stack: STACK=, or the one that Pulumi has selected, in every command.
NAMED = $(if $(STACK),--stack $(STACK))

# Container images forbid bytecode. Each process then compiles the SDKs anew, which doubles the time of a plan.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help plan test test-engine walk test-cluster lint format bench up down verify doctor acceptance lock docs state clean ready

help: ## Show this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 22

# --- environments -------------------------------------------------------------------------------

# All of this happens once, is quiet and speaks on standard error: `make plan ARGS=--json > plan.json` is JSON
# on the first run too.

SUPPORTED := -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))'

$(BIN)/python:
	@$(PYTHON) $(SUPPORTED) || \
	  { echo "Python 3.11 to 3.14 is needed; $(PYTHON) is $$($(PYTHON) --version 2>&1). Name another: make PYTHON=python3.12 ..." >&2; exit 1; }
	@$(PYTHON) -m venv $(VENV) >&2 || \
	  { rm -rf $(VENV); echo "python -m venv failed. On Debian or Ubuntu: sudo apt-get install python3-venv" >&2; exit 1; }

# A lock is installed as it is: without a resolver, so that no newer release matters, and every file by its hash.
# uv takes a fifth of pip's time, but knows nothing of pip's own settings (a mirror, a certificate, a proxy):
# where uv cannot, pip does the same and says what is wrong.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps
UV := $(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps
define locked
  $(UV) $(1) >/dev/null 2>&1 || { [ -e $(VENV)/.pip ] || echo "uv could not install them; pip does, which takes some minutes ..." >&2; \
    touch $(VENV)/.pip; $(PIP) $(1) >&2; }
endef

$(VENV)/.runtime: requirements-uv.txt requirements.txt pyproject.toml | $(BIN)/python
	@$(BIN)/python $(SUPPORTED) || \
	  { echo "$(VENV) was made with $$($(BIN)/python --version 2>&1); Python 3.11 to 3.14 is needed. Make it anew: make clean, then make plan" >&2; exit 1; }
	@echo "Installing the locked packages into $(VENV): once, half a minute on most machines ..." >&2
	@$(PIP) --require-hashes -r requirements-uv.txt >&2
	@$(call locked,--require-hashes -r requirements.txt)
	@$(call locked,--no-build-isolation -e .)
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.runtime
	@echo "Installing the test tools into $(VENV): once, some seconds ..." >&2
	@$(call locked,--require-hashes -r requirements-dev.txt)
	@touch $@

# --- without an account -------------------------------------------------------------------------

plan: $(VENV)/.runtime ## Show what the program would build: no account, no Pulumi CLI
	@$(BIN)/python -m ops plan $(NAMED) $(ARGS)

# A file's tests stay on one core: they share what they have recorded. On one core alone nothing is handed out.
test: $(VENV)/.dev ## Run the tests: no account
	@$(BIN)/python -m pytest -n auto --dist loadfile $(ARGS)

test-engine: $(VENV)/.dev ## Run the program in the real Pulumi engine against stand-in providers: no account
	@folder=$$(.ci/install-pulumi) && PATH="$$folder:$$PATH" $(BIN)/python -m pytest -n auto --dist loadfile -m engine tests/engine $(ARGS)

walk: $(VENV)/.dev ## Walk from settings to settings in that engine (ARGS="--seed 7 --walks 2 --steps 12")
	@folder=$$(.ci/install-pulumi) && PATH="$$folder:$$PATH" $(BIN)/python -m tests.engine.walks $(ARGS)

test-cluster: $(VENV)/.dev ## Run what Kubernetes runs on a real control plane without machines: no account
	@kubernetes=$$(.ci/install-kubernetes) && pulumi=$$(.ci/install-pulumi) && \
	  provider=$$(.ci/install-pulumi-kubernetes) && \
	  PATH="$$kubernetes:$$pulumi:$$provider:$$PATH" $(BIN)/python -m pytest -m cluster tests/cluster $(ARGS)

bench: $(VENV)/.runtime ## Measure what evaluating the program costs for 1 to 200 hybrid nodes, and beside loading the SDK
	@$(BIN)/python -m bench.speed $(ARGS)

lint: $(VENV)/.dev ## Check format, lint and types
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/ty check

format: $(VENV)/.dev ## Format the code
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .

# --- with an account ----------------------------------------------------------------------------

ready: $(VENV)/.runtime ## Say what this machine and the account lack for a deployment
	@$(BIN)/python -m ops ready $(NAMED) $(READY)

# Pulumi writes what it does to a file too, as it does for its Automation API: `make doctor` reads it.
define run
  umask 077; mkdir -p .cache/runs; events=.cache/runs/$$(pulumi stack --show-name $(NAMED)).events; \
  PULUMI_DEBUG_COMMANDS=true pulumi $(1) $(NAMED) --event-log "$$events" $(ARGS) || \
    { code=$$?; echo "pulumi $(1) did not end well. Why: make doctor$(if $(STACK), STACK=$(STACK))" >&2; exit $$code; }
endef

up: $(VENV)/.runtime ## Build the stack (asks before it does; READY='--skip RE' leaves checks out)
	@$(BIN)/python -m ops which $(NAMED)
	@$(BIN)/python -m ops ready $(NAMED) $(READY)
	@$(call run,up)

down: $(VENV)/.runtime ## Remove everything that the stack built (asks before it does)
	@$(BIN)/python -m ops which $(NAMED)
	@$(BIN)/python -m ops ready $(NAMED) --down
	@$(call run,destroy)

verify: $(VENV)/.runtime ## Prove a deployed network, or say what is wrong with it
	@$(BIN)/python -m ops verify $(NAMED) $(ARGS)

doctor: $(VENV)/.runtime ## Explain a deployment that failed, or a node that never joined
	@$(BIN)/python -m ops doctor $(NAMED) $(ARGS)

acceptance: $(VENV)/.dev ## Build, prove, change and remove a stack of its own (asks before it does)
	@$(BIN)/python -m pytest -m acceptance tests/acceptance --capture=no -q -W default $(ARGS)

# --- upkeep -------------------------------------------------------------------------------------

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header

lock: $(VENV)/.dev ## Pin every dependency anew, with hashes
	@$(COMPILE) --upgrade --group setup -o requirements-uv.txt
	@$(COMPILE) --upgrade --extra ops pyproject.toml -o requirements.txt
	@$(COMPILE) --all-extras --constraint requirements.txt pyproject.toml -o requirements-dev.txt

docs: $(VENV)/.dev ## Write anew what the documents take from the program: tables and the picture
	@$(BIN)/python -m bench.docs
	@$(BIN)/python -m ops plan --stack dev --picture docs/dev.svg >/dev/null

state: $(VENV)/.dev ## Save what a stack of this release looks like, for the tests of the next one
	@folder=$$(.ci/install-pulumi) && PATH="$$folder:$$PATH" $(BIN)/python -m tests.engine.saved_states "$$($(BIN)/python -m ops --version)"

clean: ## Remove what make has made
	@rm -rf $(VENV) .cache .pytest_cache .ruff_cache .hypothesis .coverage *.egg-info build
