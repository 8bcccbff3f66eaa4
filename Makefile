# make demo, make test: the set-up from nothing. `make` alone lists the targets.
#   PYTHON     the interpreter .venv is made with:    make demo PYTHON=/opt/python3.11/bin/python3.11
#   PIP_FLAGS  more for `pip install`, an index say:  make demo PIP_FLAGS='--extra-index-url URL'

PYTHON ?= python3.11
PIP_FLAGS ?=

VENV := .venv
PY := $(VENV)/bin/python
RUN_STAMP := $(VENV)/.installed
TEST_STAMP := $(VENV)/.installed-test
# pip's bars on a terminal; in a log only what went wrong (GNU make sets MAKE_TERMOUT on a terminal)
PIP_QUIET := $(if $(MAKE_TERMOUT),,--quiet)
PIP_INSTALL = $(PY) -m pip install --disable-pip-version-check $(PIP_QUIET) $(PIP_FLAGS) \
	--constraint constraints.txt

.PHONY: help demo test slow lint clean

help:
	@echo "make demo    set up .venv, train on the bundled poems, evaluate, print ten poems"
	@echo "make test    set up .venv with the test extra, run the tests (under 5 minutes)"
	@echo "make slow    the long tests: kills, soaks, long training, the installed wheel"
	@echo "make lint    ruff check, ruff format --check, mypy"
	@echo "make clean   remove caches and build outputs; .venv and runs/ stay"

demo: $(RUN_STAMP)
	@echo "== 1/4 pretrain: maximum likelihood, then the discriminator"
	@$(PY) cli.py pretrain
	@echo "== 2/4 adversarial: SeqGAN, from the run just made"
	@$(PY) cli.py adversarial
	@echo "== 3/4 evaluate"
	@$(PY) cli.py evaluate
	@echo "== 4/4 sample"
	@$(PY) cli.py sample --count 10 --temperature 0.7 --report

test: $(TEST_STAMP)
	@$(PY) -m pytest --numprocesses auto --dist loadfile

slow: $(TEST_STAMP)
	@$(PY) -m pytest -m slow

lint: $(TEST_STAMP)
	@$(PY) -m ruff check .
	@$(PY) -m ruff format --check .
	@$(PY) -m mypy

clean:
	@rm -rf build dist .pytest_cache .ruff_cache .mypy_cache .hypothesis
	@find . -path ./$(VENV) -prune -o -name __pycache__ -type d -prune -exec rm -rf {} +

# No prerequisites: python's own date says nothing about this folder's age.
$(PY):
	@command -v $(PYTHON) >/dev/null || { echo "error: $(PYTHON) not found; install Python 3.11" \
	"or name one: make PYTHON=/path/to/python3.11" >&2; exit 2; }
	@echo "== making $(VENV) with $$($(PYTHON) --version)"
	@$(PYTHON) -m venv $(VENV)

$(RUN_STAMP): pyproject.toml constraints.txt | $(PY)
	@echo "== installing pinned dependencies into $(VENV) (torch and about 70 more packages; minutes)"
	@$(PIP_INSTALL) --editable .
	@touch $@

$(TEST_STAMP): pyproject.toml constraints.txt | $(PY)
	@echo "== installing pinned dependencies and the test extra into $(VENV) (minutes)"
	@$(PIP_INSTALL) --editable '.[test]'
	@touch $(RUN_STAMP) $@
