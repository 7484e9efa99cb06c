# Everything a newcomer runs. Python >= 3.11, make and pip are all it needs;
# Debian's python3 lacks ensurepip, so the environment is filled by the pip outside it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(PYTHON) -m pip --python $(BIN)/python --disable-pip-version-check
INSTALL := $(PIP) install --quiet --constraint constraints.txt --editable

.PHONY: lecture test test-long bench docs clean

lecture: $(VENV)/.lecture
	$(BIN)/steepest lecture

test: $(VENV)/.test
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright
	$(BIN)/pytest --numprocesses=auto --dist=worksteal

# With the compiler as users have it; `make test` has it cheaper (tests/conftest.py).
test-long: $(VENV)/.test
	XLA_FLAGS= STEEPEST_PROFILE=long $(BIN)/pytest --numprocesses=auto --dist=worksteal

bench: $(VENV)/.test
	@for b in benchmarks/*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

docs: $(VENV)/.docs
	$(BIN)/sphinx-build --fail-on-warning --quiet docs docs/_build/html
	@echo "docs/_build/html/index.html"

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "steepest needs Python 3.11 or newer; run make PYTHON=python3.x")'
	$(PYTHON) -m venv --without-pip $(VENV)

$(VENV)/.lecture $(VENV)/.test $(VENV)/.docs $(VENV)/.data $(VENV)/.frameworks $(VENV)/.torch $(VENV)/.worst-case: $(VENV)/.%: $(BIN)/python pyproject.toml constraints.txt
	@echo "installing steepest[$*] into $(VENV)"
	$(INSTALL) '.[$*]'
	@touch $@

clean:
	rm -rf $(VENV) out docs/_build
