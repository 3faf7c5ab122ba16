# Every command of the project; `make help` lists them. The tools live in .venv, made from requirements-dev.lock.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help venv lock

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: ## Make or update .venv and .build/collections (every target that needs them does it by itself)
	@python3 tools/bootstrap.py

lock: venv ## Bring requirements-dev.lock up to date with requirements-dev.in
	@.venv/bin/uv pip compile requirements-dev.in --upgrade --quiet --python-version 3.11 --no-annotate --no-header -o requirements-dev.lock
