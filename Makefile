# `make run` and `make test` work in a fresh clone; everything else is for those who stay longer.
SHELL := /bin/sh
PYTHON ?= python3
VENV := .venv/bin/python

export PYTHONUNBUFFERED := 1

.PHONY: run stop reset test lint format bench screens help
.DEFAULT_GOAL := help

help:  ## Show what can be asked for
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/:.*## / /' | while read -r name text; do printf '  make %-9s%s\n' "$$name" "$$text"; done

run:  ## Set everything up, load the sample company, start the site and the worker
	@$(PYTHON) -m scripts.prepare --steps 9 && exec $(VENV) -m scripts.run

stop:  ## Stop the site, the worker and the embedded PostgreSQL; the data stays
	@test ! -x $(VENV) || $(VENV) -m scripts.stop

reset:  ## Stop everything and delete var/: the next start begins anew
	@test ! -x $(VENV) || $(VENV) -m scripts.stop --delete

test:  ## Set everything up, then linters, types, contracts and tests
	@$(PYTHON) -m scripts.prepare --dev --steps 10 && exec $(VENV) -m scripts.check --first 4 --steps 10

lint:  ## Linters, types, import contracts and the migrations check
	@$(PYTHON) -m scripts.prepare --dev --steps 9 && exec $(VENV) -m scripts.check --first 4 --steps 9 --no-tests

format:  ## Write the code in the project's format
	@$(PYTHON) -m scripts.prepare --dev --steps 3
	@$(VENV) -m ruff format . && $(VENV) -m ruff check --fix .

bench:  ## Measure the ledger against its speed bars
	@$(PYTHON) -m scripts.prepare --dev --steps 3
	@$(VENV) -m tests.benchmarks.run

screens:  ## Photograph the main pages into var/screens
	@$(PYTHON) -m scripts.prepare --dev --steps 3
	@$(VENV) -m tests.screens
