# Everything runs from here. `make demo` and `make test` do all on a fresh machine; the rest is for working on it.
SHELL := /bin/bash
.DEFAULT_GOAL := help
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
FRESHLINE := $(BIN)/freshline
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONUNBUFFERED := 1

.PHONY: help setup demo up down status test check unit live long bench bench-labels bench-push bench-retrieval \
  chaos leaks lock clean

help:  ## What can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 17

$(VENV)/.installed: requirements.lock pyproject.toml
	@command -v $(PYTHON) >/dev/null || { echo "Python 3.11 is needed: install python3.11 with its venv module, or set PYTHON=..."; exit 1; }
	@echo "setting up $(VENV): Python packages, pinned by hash"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

setup: $(VENV)/.installed  ## Python packages, server programs, the local model
	@$(FRESHLINE) setup

demo: setup  ## The main job on real input, step by step
	@$(FRESHLINE) demo

up: setup  ## Start the stack, the stream job and the API; they keep running
	@$(FRESHLINE) up

down:  ## Stop all of it
	@test ! -x $(FRESHLINE) || $(FRESHLINE) down

status: $(VENV)/.installed  ## What runs
	@$(FRESHLINE) status

check: $(VENV)/.installed  ## Format, lint, types, import direction
	@$(BIN)/ruff format --check --quiet .
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy
	@MYPYPATH=examples $(BIN)/mypy --strict examples/*.py
	@$(BIN)/lint-imports --no-cache >/dev/null || $(BIN)/lint-imports --no-cache

unit: $(VENV)/.installed  ## Unit tests: no sockets, seconds
	@$(BIN)/pytest tests/unit -q --disable-socket --allow-unix-socket

live: setup  ## Live tests: the real stack
	@$(BIN)/pytest tests/live -q -m 'not long'

long: setup  ## Live tests that take minutes: rebuild, chaos, outages of minutes, dropped columns
	@$(BIN)/pytest tests/live -q -m long

test: check unit live  ## Everything CI runs

BENCHES := ingest-new ingest-mix freshness search scale correctness ranking authorize
bench: setup  ## All benchmarks beside rivals and limits, under 30 minutes on two cores; one: bench-ingest-new and so on
	@$(BIN)/python -m bench all $(if $(QUICK),--quick)

# One of them: bench-NAME for each of BENCHES. QUICK=1: a small one, to see that it runs.
.PHONY: $(addprefix bench-,$(BENCHES))
$(addprefix bench-,$(BENCHES)): bench-%: setup
	@$(BIN)/python -m bench $* $(if $(QUICK),--quick)

bench-labels: setup  ## How large a search's filter gets, simulated, and what labels cost: into docs/scaling.md
	@$(BIN)/python -m bench.labels

bench-push: setup  ## Commit to push, by stream and by webhook
	@$(BIN)/python -m bench.push

bench-retrieval: setup  ## Dense, BM25 and hybrid on labelled questions: nDCG@10
	@$(BIN)/python -m bench.retrieval

SECONDS ?= 300
chaos: setup  ## Random changes and faults at once, and what went wrong: SECONDS=300 SEED=1
	@$(FRESHLINE) chaos --seconds $(SECONDS) $(if $(SEED),--seed $(SEED))

ANSWERS ?= 20000
REVOCATIONS ?= 200
leaks: setup  ## Random companies and questions against an oracle, and revocations timed: ANSWERS=20000 SEED=1
	@$(FRESHLINE) leaks --answers $(ANSWERS) --revocations $(REVOCATIONS) $(if $(SEED),--seed $(SEED))

lock:  ## Pin the dependencies of pyproject.toml anew
	@$(BIN)/python -m pip install --quiet uv
	@$(BIN)/uv pip compile pyproject.toml --all-extras --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --no-emit-find-links --no-header --quiet --output-file requirements.lock

clean: down  ## Remove what was set up and all local data
	@for home in .freshline/chaos .freshline/leaks .freshline .freshline-live; do \
	  test ! -x $(FRESHLINE) -o ! -d $$home || FRESHLINE_HOME=$$home $(FRESHLINE) down --erase; done
	@rm -rf $(VENV) .freshline .freshline-live
