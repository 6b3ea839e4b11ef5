# make demo    trains a classifier of handwritten digits        make test    lint, then all tests on the installed wheel
# make bench   speed against peers, written to benchmarks/      make lint    ruff, mypy, cython-lint
# make dev     editable build in .venv                          make clean   removes what was built
# make info    which kernels were chosen for this machine

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DATA ?=
SOURCES = setup.py pyproject.toml MANIFEST.in README.md \
          $(shell find thinc include build_tools -name '*.py' -o -name '*.pyx' -o -name '*.pyi' -o -name '*.pxd' -o -name '*.hh' -o -path '*_isa/*.cpp')
PYTEST_ARGS ?= -q -n auto

.PHONY: demo test bench info lint dev clean

demo: $(VENV)/wheel.stamp
	$(BIN)/python examples/digits/train.py $(if $(DATA),--data $(DATA))

test: lint $(VENV)/wheel.stamp
	THINC_TEST_INSTALLED=1 $(BIN)/pytest $(PYTEST_ARGS) tests

lint: $(VENV)/tools.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint thinc
	$(BIN)/mypy

bench: $(VENV)/wheel.stamp
	$(BIN)/python benchmarks/run.py --write

# Away from the source tree, which shadows what is installed.
info: $(VENV)/wheel.stamp
	cd / && $(abspath $(BIN))/python -m thinc info

dev: $(VENV)/tools.stamp
	$(BIN)/pip install --quiet "setuptools>=77" "Cython>=3.1" "numpy>=2" cymem preshed murmurhash blis
	$(BIN)/pip install --no-build-isolation --editable ".[test,demo]"

clean:
	rm -rf build dist out $(VENV) *.egg-info
	find thinc -name '*.so' -delete
	find thinc -name '*.pyx' | sed 's/\.pyx$$/.cpp/' | xargs rm -f

$(VENV)/created.stamp:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

# What is built must hold for everyone: an isolated build of the wheel, then an ordinary installation of it.
$(VENV)/wheel.stamp: $(VENV)/created.stamp $(SOURCES)
	rm -rf build/lib* build/bdist* dist
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/pip uninstall --quiet --yes thinc
	$(BIN)/pip install --quiet "$$(ls dist/thinc-*.whl)[test,demo]"
	touch $@

$(VENV)/tools.stamp: $(VENV)/created.stamp build_tools/lint-requirements.txt
	$(BIN)/pip install --quiet --requirement build_tools/lint-requirements.txt
	command -v node >/dev/null || $(BIN)/pip install --quiet "pyright[nodejs]" || true  # else one test is skipped
	touch $@
