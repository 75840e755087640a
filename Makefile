# `make demo` and `make test` set everything up by themselves. To use an environment that you have:
#   make demo PYTHON=/path/to/python
# To choose the interpreter of the new environment: make demo BOOTSTRAP_PYTHON=python3.12

BOOTSTRAP_PYTHON ?= python3
PYTHON ?= .venv/bin/python
DEMO ?= full
TASK ?= detection
ZOO ?= full
MODELS ?=
CLANG_FORMAT = $(dir $(PYTHON))clang-format
CPP_FILES = $(shell find groupnet_det/csrc -name '*.[hc]*') $(wildcard tests/csrc/*.[hc]*)

.DEFAULT_GOAL := help
.PHONY: help setup demo web zoo test test-slow test-engine test-arm test-sanitize groupnet-run groupnet-run-static groupnet-run-arm benchmark-arm benchmark-native docs lint format clean

help:
	@echo "make demo         set up, train and evaluate a binary detector, draw what it finds (8 to 14 minutes)"
	@echo "make demo TASK=segmentation   the same for a binary segmenter: a class for each pixel (some 10)"
	@echo "make demo DEMO=quick   the same, end to end, in about two minutes"
	@echo "make web          packed models on your own pictures, in a browser"
	@echo "make zoo          set up, train a small model per task into zoo/ (about 12 minutes; goes on where it stopped)"
	@echo "make zoo ZOO=quick     a few iterations of each, into zoo/quick;  MODELS=\"NAME ...\" chooses some"
	@echo "make test         set up and run the tests;  make test-slow runs the long ones too"
	@echo "make test-engine  the packed engine's own tests;  make test-arm on an emulated 64-bit ARM;  make test-sanitize with sanitizers, at length"
	@echo "make groupnet-run the command and the C library into build/native;  make groupnet-run-arm for 64-bit ARM;"
	@echo "                  make groupnet-run-static also makes a command that needs no library"
	@echo "make benchmark-arm  build/aarch64/benchmark/groupnet-benchmark: one file with models inside, to copy to a 64-bit ARM and to run there;"
	@echo "                  make benchmark-native builds and runs the same here"
	@echo "make docs         these pages and the references of config and API, as a site, into build/docs"
	@echo "make lint         ruff, mypy, clang-format;             make format rewrites the layout"
	@echo "make clean        remove .venv and build products (data, models and results stay)"

# A finished environment is recognised by its stamp in a moment, so each target may ask for it.
setup:
ifeq ($(PYTHON),.venv/bin/python)
	@test -x $(PYTHON) && $(PYTHON) -m pip --version >/dev/null 2>&1 || $(BOOTSTRAP_PYTHON) -m venv --clear .venv
endif
	@$(PYTHON) tools/setup_environment.py

demo: setup
	$(PYTHON) demo/photo_digits.py --task $(TASK) --preset $(DEMO)

# MODELS="FILE.gnp ..." offers those alone.
web: setup
	@$(PYTHON) tools/setup_environment.py --extra web
	$(PYTHON) demo/app.py $(if $(MODELS),--models $(MODELS))

zoo: setup
	$(PYTHON) tools/train_zoo.py --preset $(ZOO) $(if $(MODELS),--models $(MODELS))

# Two processes with a thread each: two threads of one process wait for each other most of the time.
# A test that fails beside others runs once more without them; the first failure stays shown.
test: setup
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile -m "not slow and not alone" || \
	  $(PYTHON) -m pytest -m "not slow" --last-failed --last-failed-no-failures none
	$(PYTHON) -m pytest -m "alone and not slow"

test-slow: setup
	OMP_NUM_THREADS=1 $(PYTHON) -m pytest -n 2 --dist loadfile -m "not alone"
	$(PYTHON) -m pytest -m alone

# The engine's own tests, without torch in them: here and with sanitizers in short, on an emulated
# ARM, and with sanitizers at length.
test-engine: setup
	$(PYTHON) tools/test_engine.py
	$(PYTHON) tools/test_engine.py --sanitize --short

test-arm: setup
	$(PYTHON) tools/test_engine.py --arm

test-sanitize: setup
	$(PYTHON) tools/test_engine.py --sanitize --mutations 10000
	$(PYTHON) tools/test_engine.py --sanitize-threads

# Packed models without Python: a command and a C library, docs/use/c-api.md.
groupnet-run: setup
	$(PYTHON) tools/build_groupnet_run.py

groupnet-run-static: setup
	$(PYTHON) tools/build_groupnet_run.py --static

groupnet-run-arm: setup
	$(PYTHON) tools/build_groupnet_run.py --arm

# One static program with models inside, which times them: docs/understand/benchmarks.md.
benchmark-arm: setup
	$(PYTHON) tools/build_groupnet_run.py --arm --benchmark

benchmark-native: setup
	$(PYTHON) tools/build_groupnet_run.py --benchmark
	build/native/benchmark/groupnet-benchmark

# A warning is an error. Works offline once the packages of the extra are installed.
docs: setup
	@$(PYTHON) tools/setup_environment.py --extra docs
	$(PYTHON) -m sphinx -W --keep-going --fresh-env --write-all docs build/docs
	@echo "open build/docs/index.html"

lint: setup
	$(PYTHON) -m ruff check .
	$(PYTHON) -m ruff format --check .
	$(PYTHON) -m mypy
	$(CLANG_FORMAT) --dry-run --Werror $(CPP_FILES)

format: setup
	$(PYTHON) -m ruff check --fix .
	$(PYTHON) -m ruff format .
	$(CLANG_FORMAT) -i $(CPP_FILES)

clean:
	rm -rf .venv build dist *.egg-info
