# Needs python3 >= 3.11 with venv, and nothing else: each target makes the environment it runs in.
# pip's own settings (PIP_INDEX_URL, PIP_FIND_LINKS, ...) are honoured.

PYTHON ?= python3
# Further words for pytest, or for the command that a target runs.
ARGS ?=
CONFIG ?= fast
RUN ?= runs/$(CONFIG)
# Of the evaluations: a second folder of another kind, hosts of each folder, where the report goes.
PARIS ?=
LIMIT ?= 12
REPORT ?= build/report
FUZZ_RUNS ?= 10000
KILLS ?= 160

SHELL := /bin/sh
.DEFAULT_GOAL := help
.PHONY: help demo web test test-all fuzz kills lint format docs bench train evaluate evaluate-full report \
    named-data clean
.DELETE_ON_ERROR:

define CHECK_PYTHON
@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
    echo "make: needs Python 3.11 or newer, but $(PYTHON) is" \
        "$$($(PYTHON) --version 2>/dev/null || echo not there);" \
        "name another, as in: make PYTHON=python3.12" >&2; \
    exit 1; }
@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
    echo "make: $(PYTHON) cannot make virtual environments;" \
        "on Debian or Ubuntu: apt install python3-venv" >&2; \
    exit 1; }
endef

# .venv is what a user of the tool has, plus what tests it, without torch; .venv-all has everything.
# A stamp is newer than what it was installed from, so that the second run starts at once.
TOOL := .venv/.installed-tool
WEB := .venv/.installed-web
TEST := .venv/.installed-test
DOCS := .venv/.installed-docs
ALL := .venv-all/.installed-dev
SOURCES := pyproject.toml constraints.txt hatch_build.py $(wildcard src/isn/kernels/*.[ch])
INSTALL := -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable

help: ## this list
	@echo "usage: make TARGET [ARGS='...'] [PYTHON=python3.12]"
	@echo
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  %-14s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

demo: $(TOOL) ## hide photos in a photo, get them back, write build/demo
	.venv/bin/isn demo -o build/demo --overwrite $(ARGS)

web: $(WEB) ## the page that hides and reveals, on this machine alone
	.venv/bin/isn web $(ARGS)

# The matrices of BLAS are small here, and its threads wait by spinning.
test: $(TEST) ## all tests that are quick and need no torch
	OPENBLAS_NUM_THREADS=1 .venv/bin/python -m pytest -m "not slow" $(ARGS)

test-all: $(ALL) ## every test, with torch (on Linux a download of 3 GB)
	.venv-all/bin/python -m pytest $(ARGS)

fuzz: $(TEST) ## [FUZZ_RUNS=10000] damaged files of every kind, so often to each reader; for hours
	FUZZ_RUNS=$(FUZZ_RUNS) .venv/bin/python -m pytest tests/fuzz $(ARGS)

kills: $(ALL) ## [KILLS=160] commands killed at random moments, each so often; for an hour
	KILLS=$(KILLS) .venv-all/bin/python -m pytest tests/kills $(ARGS)

lint: $(ALL) ## ruff, clang-format, mypy --strict, the order of imports
	.venv-all/bin/ruff check
	.venv-all/bin/ruff format --check
	.venv-all/bin/clang-format --dry-run --Werror src/isn/kernels/*.[ch]
	.venv-all/bin/mypy --strict
	.venv-all/bin/lint-imports

format: $(ALL) ## repair what ruff and clang-format can
	.venv-all/bin/ruff check --fix
	.venv-all/bin/ruff format
	.venv-all/bin/clang-format -i src/isn/kernels/*.[ch]

# Torch is not needed: what imports it is described without it.
docs: $(DOCS) ## the documentation as a site, with every docstring, in build/docs
	.venv/bin/python -m sphinx --fail-on-warning --keep-going --quiet docs build/docs $(ARGS)
	@echo "build/docs/index.html"

# Those that need nothing but the repository; benchmarks/README.md tells of the others.
bench: $(ALL) ## speed and memory, StegExpose, training throughput
	@set -e; for name in speed stegexpose throughput; do \
	    echo "== benchmarks/$$name.py"; .venv-all/bin/python "benchmarks/$$name.py" $(ARGS); done

train: named-data $(ALL) ## DATA=folder [CONFIG=fast] [RUN=runs/fast]: train a model
	.venv-all/bin/isn train $(CONFIG) --data $(DATA) --out $(RUN) $(ARGS)

# As large a crop as street views of 227 x 227 allow, so that both folders are measured alike.
EVALUATE = .venv-all/bin/isn evaluate --data $(DATA) $(if $(PARIS),--data $(PARIS)) --crop 224

evaluate: named-data $(ALL) ## DATA=folder [PARIS=folder] [LIMIT=12] [REPORT=build/report]: measure
	$(EVALUATE) --limit $(LIMIT) -o $(REPORT) $(ARGS)

evaluate-full: named-data $(ALL) ## the same on all images of the folders
	$(EVALUATE) -o $(REPORT) $(ARGS)

report: named-data $(ALL) ## the project's own: as evaluate, into docs/report
	$(EVALUATE) --limit $(LIMIT) --sheets demo -o docs/report $(ARGS)

# Apart from what needs it, so that a missing word is told before an installation of minutes.
named-data:
	@test -n "$(DATA)" || { \
	    echo "make $(firstword $(MAKECMDGOALS)): name a folder of photos, as in:" \
	        "make $(firstword $(MAKECMDGOALS)) DATA=~/photos" >&2; \
	    exit 2; }

clean: ## remove environments, caches and what was built; runs/ stays
	rm -rf .venv .venv-all build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache \
	    .hypothesis
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +

$(TOOL): $(SOURCES)
	$(CHECK_PYTHON)
	@echo "installing the tool into .venv (once; about a minute)"
	@$(PYTHON) -m venv .venv
	@.venv/bin/python $(INSTALL) .
	@touch $@

$(WEB): $(TOOL)
	@.venv/bin/python $(INSTALL) '.[web]'
	@touch $@

$(TEST): $(TOOL)
	@echo "installing what the tests need into .venv (once)"
	@.venv/bin/python $(INSTALL) '.[test]'
	@touch $@

$(DOCS): $(TOOL)
	@echo "installing what the documentation needs into .venv (once)"
	@.venv/bin/python $(INSTALL) '.[docs]'
	@touch $@

$(ALL): $(SOURCES)
	$(CHECK_PYTHON)
	@echo "installing everything, torch included, into .venv-all (once; minutes)"
	@$(PYTHON) -m venv .venv-all
	@.venv-all/bin/python $(INSTALL) '.[dev]'
	@touch $@
