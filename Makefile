# Every command of the project; `make help` lists them. The tools live in .venv, made from requirements-dev.lock.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

# Which of environments/ the playbooks talk to: `make verify-openstack ENV=example`
ENV ?= devcloud
# Which gates `make test` runs, and which integration targets or molecule scenarios; all when empty
GATES ?=
TARGETS ?=
# Against which Magnum the integration targets and scenarios run: 20, 22 (the cloud's own) or 23
MAGNUM ?=

export PATH := $(CURDIR)/.venv/bin:$(PATH)
export ANSIBLE_COLLECTIONS_PATH := $(CURDIR)/.build/collections
export TARGETS MAGNUM
ifeq ($(ENV),devcloud)
export OS_CLIENT_CONFIG_FILE ?= $(CURDIR)/.devcloud/clouds.yaml
endif
# The test cloud is on loopback, where no proxy of the user's can reach it
comma := ,
direct := $(or $(NO_PROXY),$(no_proxy))
export NO_PROXY := $(if $(direct),$(direct)$(comma))127.0.0.1,localhost
export no_proxy := $(NO_PROXY)
# With it, every start of a tool would parse all of its code again
unexport PYTHONDONTWRITEBYTECODE

PLAYBOOK = ansible-playbook -i environments/common -i environments/$(ENV)

.PHONY: help run test faults check cloud-up cloud-down verify-openstack docs-site build release format lock venv

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-18s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: export PROMETHEUS_CLUSTERS = [{"name": "devcloud", "url": "http://127.0.0.1:19090"}]
run: venv ## Start a real OpenStack on this machine, place a workload on a cluster made for it, and show what this uses
	python -m devcloud up --with-telemetry
	$(PLAYBOOK) kcloud.infrastructure.place_workload
	python -m devcloud telemetry --profile 'ml-training-*=half'
	$(PLAYBOOK) kcloud.infrastructure.status

test: venv ## Run every gate; some by GATES="sanity lint", some targets by TARGETS="magnum_cluster", another Magnum by MAGNUM=20
	@python -m tools.gates $(GATES)

faults: venv ## The whole suite of faults against the test cloud, about half an hour; its table goes into .build/faults.md
	@apt-get install --yes -qq --no-install-recommends mitmproxy >/dev/null 2>&1 || command -v mitmdump >/dev/null
	@PYTHONPATH=$(ANSIBLE_COLLECTIONS_PATH) python -m tests.faults --tier 3 --report .build/faults.md

check: venv ## The inner loop, in seconds: style and unit tests
	@ruff check --quiet .
	@ruff format --quiet --check .
	@yamllint --strict . & style=$$!; \
	PYTHONPATH=$(ANSIBLE_COLLECTIONS_PATH) PROPERTY_EXAMPLES=$${PROPERTY_EXAMPLES:-10} \
		python -m pytest --quiet --numprocesses auto tests/unit && wait $$style

format: venv ## Put style right where the tools can
	@ruff check --quiet --fix . || true
	@ruff format --quiet .

cloud-up: venv ## Start the test cloud (again); prints how to use it
	python -m devcloud up

cloud-down: venv ## Stop the test cloud; its clusters are there again after the next cloud-up
	python -m devcloud down

verify-openstack: venv ## Check that an OpenStack cloud has what the collection needs: ENV=devcloud or one of yours
	$(PLAYBOOK) kcloud.infrastructure.verify_openstack

docs-site: venv ## Build the documentation's site, of every module, role, playbook and guide, into .build/docsite/html
	@python -m tools.docsite

build: venv ## Build the collection's tarball into .build/artifact, checked as Galaxy would
	@python -m tools.gates build

release: venv ## Turn the changelog fragments into CHANGELOG.md for the version in galaxy.yml
	@cd .build/collections/ansible_collections/kcloud/infrastructure && \
		antsibull-changelog release --update-existing --reload-plugins

lock: venv ## Bring the locked versions of the tools up to date
	@for name in requirements-dev requirements-galaxy-importer; do \
		uv pip compile $$name.in --upgrade --quiet --python-version 3.11 --no-annotate --no-header -o $$name.lock; \
	done

venv: ## Make or update .venv (every target that needs it does so by itself)
	@python3 tools/bootstrap.py
