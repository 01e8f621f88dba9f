# Needs Python 3.11 or later and make; no root. `make demo` and `make test` are all a newcomer needs.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)
# Ansible refuses a locale that is not UTF-8.
export LC_ALL ?= C.UTF-8

.PHONY: demo test check lint docs bench crash proof-blackbox proof-runbooks clean

demo: $(VENV)/runtime
	@$(BIN)/runbook sandbox demo

test: $(VENV)/develop
	$(BIN)/python -m pytest -n 2 -m "not slow" $(ARGS)

check: lint test

lint: $(VENV)/develop
	$(BIN)/ruff format --check src tests benchmarks
	$(BIN)/ruff check src tests benchmarks
	$(BIN)/mypy
	$(BIN)/lint-imports

docs: $(VENV)/develop
	$(BIN)/runbook docs --write docs/actions

bench: $(VENV)/develop
	$(BIN)/python benchmarks/run.py

# Every point at which a run can be killed (about half an hour); ARGS="--points 60 --seed 7" takes a sample.
crash: $(VENV)/develop
	$(BIN)/python tests/crash/matrix.py $(ARGS)

# Every attack on the black box at two thousand random places each, in twenty logs (a few minutes).
proof-blackbox: $(VENV)/develop
	$(BIN)/python -m pytest tests/blackbox $(ARGS)

# The runbooks over real SSH that take minutes; `make test` has one of each.
proof-runbooks: $(VENV)/develop
	$(BIN)/python -m pytest -m slow tests/library $(ARGS)

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .hypothesis .import_linter_cache

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or later is needed, this is " + sys.version.split()[0])'
	@echo "making a virtual environment in $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/runtime: pyproject.toml constraints.txt | $(BIN)/python
	@echo "installing (about a minute the first time)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sandbox]'
	@touch $@

$(VENV)/develop: pyproject.toml constraints.txt | $(VENV)/runtime
	@echo "installing what the tests need"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[sandbox,dev]'
	@touch $@
