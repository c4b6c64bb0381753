# The commands of this repository. `make town` and `make test` need Python >= 3.11, make and the network; nothing else.
PYTHON ?= python3
IN_TREE := $(PYTHON) deploy/local/bootstrap.py
# The longest first, since four run at a time: they wait more than they compute.
SUITES := tests/proof shared/tests/cli tests/journeys tests/faults shared/tests/bus services/notifications/tests tests/subscribers shared/tests/casework \
	shared/tests/http services/schooling/tests services/registration/tests shared/tests/contracts services/permits/tests \
	services/portal/tests services/offices/tests shared/tests/web shared/tests/desk shared/tests/procedures tests/procedures \
	tests/contracts shared/tests/auth $(wildcard shared/tests/test_*.py) tests/architecture deploy/local/tests
SERVICES := $(notdir $(wildcard services/*))

.DEFAULT_GOAL := help
.PHONY: help town test test-browser lint format types imports contracts suites alone proof scenarios bench clean

help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

town: ## Start the whole city here and play a day in it; Ctrl-C stops it
	@$(IN_TREE) town up

test: ## Everything that has to hold: style, types, import rules, contracts, all suites on real servers
	@$(MAKE) --no-print-directory lint types imports contracts suites

lint: ## Style: ruff's rules and format
	@$(IN_TREE) ruff check .
	@$(IN_TREE) ruff format --check .

format: ## Put style right where ruff can
	@$(IN_TREE) ruff check --fix .
	@$(IN_TREE) ruff format .

types: ## Types: mypy, strict
	@$(IN_TREE) mypy

imports: ## Who may import whom
	@$(IN_TREE) lint-imports

contracts: ## The committed contracts are those of the code, and break no subscriber
	@$(IN_TREE) amtsbus contracts check

suites: ## All tests, four suites at a time, with one PostgreSQL and one Kafka for all of them
	@$(IN_TREE) python -m amtsbus.testing.servers \
		$(MAKE) --no-print-directory --keep-going --jobs=4 --output-sync=target $(addprefix suite-in/,$(SUITES))

# Each suite is a run of its own: a department's tests know nothing of another's.
suite-in/%:
	@echo "== $*"
	@pytest $* $(PYTEST_ARGUMENTS)

test-browser: ## What only a browser shows, in a town with all offices; needs Debian's chromium (apt install chromium)
	@$(IN_TREE) pytest -m browser tests/browser $(PYTEST_ARGUMENTS)

alone: ## Each department's tests where nothing is installed, or lies there, but it and amtsbus
	@$(IN_TREE) python -m amtsbus.testing.servers \
		$(MAKE) --no-print-directory --keep-going --output-sync=target $(addprefix alone-in/,$(SERVICES))

# Of the others only pyproject.toml goes along: the lock file is that of all. The environment is made in the scratch folder.
alone-in/%:
	@echo "== $* alone"
	@set -eu; folder=$$(mktemp -d); trap 'rm -rf "$$folder"' EXIT; trap 'exit 130' INT TERM; \
	for project in pyproject.toml services/*/pyproject.toml deploy/local/pyproject.toml; do \
		mkdir -p "$$folder/$${project%pyproject.toml}"; cp "$$project" "$$folder/$$project"; \
	done; \
	cp uv.lock "$$folder"; cp -R shared "$$folder"; cp -R services/$* "$$folder/services"; \
	PATH="$(CURDIR)/.uv/bin:$$PATH"; python=$(CURDIR)/.venv/bin/python; cd "$$folder"; \
	AMTSBUS_OFFICES= uv run --quiet --locked --python "$$python" --package amtsbus-$* pytest services/$*/tests $(PYTEST_ARGUMENTS)

proof: ## Everything breaks under load and no promise may: make proof FAULTS=40 SEED=7 MINUTES=8
	@$(IN_TREE) python -m tests.proof --faults $(or $(FAULTS),40) $(if $(SEED),--seed $(SEED)) \
		$(if $(MINUTES),--minutes $(MINUTES)) $(if $(KEEP),--keep $(KEEP))

scenarios: ## What is proven in minutes only: the ten-minute outage, and that the campaign sees three sabotages
	@$(IN_TREE) python -m amtsbus.testing.servers pytest -m proof tests $(PYTEST_ARGUMENTS)

bench: ## How near to the limit of this machine the chassis runs (ARGS=--quick, ARGS=--write, ARGS="--only relay")
	@$(IN_TREE) python -m tests.bench $(ARGS)

clean: ## Remove what can be made again: the environment, caches and the (stopped) town's data
	@if [ -x .venv/bin/town ]; then .venv/bin/town down; fi
	rm -rf .venv .uv .town .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
