# `make` alone lists the targets. Nothing here reads from the terminal.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help install lab run test test-fast attack clean

VENV   := .venv
PYBIN  := $(VENV)/bin/python
STAMP  := $(VENV)/.installed
PYTHON ?=
CHAPTER ?=
MINUTES ?= 10

# Two workers, one thread each: more would compete for the cores, and counts of threads change float32 results.
# Tests never download: a chapter whose images are not on disk is run but not compared, and reported as such.
PYTEST := LLCOURSE_THREADS=1 OMP_NUM_THREADS=1 LLCOURSE_PROGRESS=0 LLCOURSE_OFFLINE=1 \
          $(PYBIN) -m pytest -q -rfEs -n 2 --dist loadscope
RUFF   := $(PYBIN) -m ruff check --quiet

help:
	@echo "make lab               install, fetch CIFAR-10, open JupyterLab on chapter 00"
	@echo "make run [CHAPTER=03]  execute one chapter, or all, without a browser (results in executed/)"
	@echo "make test              ruff and every test: unit, property, guards, all chapters with their outputs compared"
	@echo "make test-fast         the same without the chapters, under 2 minutes"
	@echo "make attack            public calls with arguments of any type, ten minutes long (or MINUTES=1); workers killed"
	@echo "make install           only set up .venv   (PYTHON=/path/to/python3 chooses the interpreter)"
	@echo "make clean             remove executed chapters and caches; keeps .venv and data/"

install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@set -e; \
	if ! $(PYBIN) -m pip --version >/dev/null 2>&1; then \
	  for p in $(or $(PYTHON),python3.16 python3.15 python3.14 python3.13 python3.12 python3.11 python3 python); do \
	    if "$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then found=$$p; break; fi; \
	  done; \
	  if [ -z "$$found" ]; then \
	    echo "llcourse needs Python 3.11 or newer; $(or $(PYTHON) is not (or does not start),none was found on PATH)." >&2; \
	    echo "Install one, then: make $(or $(MAKECMDGOALS),install) PYTHON=/path/to/python3" >&2; exit 1; \
	  fi; \
	  echo "Creating $(VENV) with $$("$$found" --version)"; \
	  "$$found" -m venv $(VENV) || { \
	    rm -rf $(VENV); echo "$$found cannot create a virtual environment (Debian, Ubuntu: install python3-venv)." >&2; exit 1; }; \
	fi; \
	echo "Installing the versions of requirements.lock (torch is large: minutes on a first time)"; \
	$(PYBIN) -m pip install $$([ -t 1 ] || echo --quiet) --disable-pip-version-check -r requirements.lock; \
	$(PYBIN) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .; \
	touch $(STAMP)

lab: install
	@$(PYBIN) -m llcourse data cifar10 || echo "Opening the course all the same: its chapters say what they run on."
	@# A container has no display, and its root needs Jupyter's leave.
	$(PYBIN) -m jupyter lab --ServerApp.ip=127.0.0.1 \
	  $$([ "$$(uname)" = Darwin ] || [ -n "$$DISPLAY$$WAYLAND_DISPLAY" ] || echo --no-browser) \
	  $$([ "$$(id -u)" != 0 ] || echo --allow-root) --LabApp.default_url=/lab/tree/notebooks/00_start_here.ipynb

run: install
	$(PYBIN) -m llcourse run $(CHAPTER)

test: install
	$(RUFF)
	$(PYTEST) -p tests.nbval_hooks --nbval --nbval-current-env --nbval-cell-timeout=300 tests notebooks

test-fast: install
	$(RUFF)
	$(PYTEST) tests

attack: install
	LLCOURSE_ATTACK=$$((60 * $(MINUTES))) $(PYTEST) --dist load tests/faults tests/distributed/test_launch.py

clean:
	rm -rf executed build .pytest_cache .ruff_cache .hypothesis
	find llcourse tests notebooks -name __pycache__ -o -name .ipynb_checkpoints | xargs rm -rf
