# make demo    trains a classifier of handwritten digits        make test    lint, then all tests on the installed wheel
# make bench   speed against peers, written to benchmarks/      make lint    ruff, mypy, cython-lint
# make dev     editable build in .venv                          make clean   removes what was built
# make info    which kernels were chosen for this machine       make docs    the guides and the API, into build/docs
# make test-asan, make test-ubsan    the tests of compiled code, instrumented to find errors of memory and of C++
# make test-frameworks    the tests that need PyTorch and JAX; make test-tensorflow: those that need TensorFlow
# make test-ray          data-parallel training on Ray: workers and machines that are killed on the way;
#                        make test-ray-short in three minutes
# make test-spacy         spaCy trains and predicts on our wheel; make test-spacy-short in two minutes
# make wheels  wheels for distribution into wheelhouse/, each tested; WHEELS="--python 3.12 3.13" for some only
# make fuzz    hostile bytes for SECONDS=60 per target, guided by coverage

PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
DATA ?=
SOURCES = setup.py pyproject.toml MANIFEST.in README.md \
          $(shell find thinc include build_tools -name '*.py' -o -name '*.pyx' -o -name '*.pyi' -o -name '*.pxd' -o -name '*.hh' -o -name '*.cu' -o -path '*_isa/*.cpp')
PYTEST_ARGS ?= -q -n auto

# What goes through compiled code.
NATIVE_TESTS ?= tests/kernels tests/backends tests/layers tests/test_optimizers.py tests/test_loss.py tests/test_concurrency.py
SECONDS ?= 60
# In an environment of their own, for some are gigabytes: with pip's own index, PyTorch brings CUDA on Linux.
FRAMEWORKS ?= torch==2.13.0 jax flax equinox optax onnx onnxruntime "nvidia-cuda-nvrtc-cu12; sys_platform == 'linux'"
RAY ?= "ray[train]==2.60.0"
FRAMEWORK_TESTS = tests/shims tests/backends/test_convert.py tests/backends/test_convert_jax.py \
                  tests/backends/test_convert_tensorflow.py tests/layers/test_pytorchwrapper.py tests/test_compat.py \
                  tests/test_api.py tests/test_example_buffer.py tests/test_framework_examples.py tests/test_docs.py \
                  tests/distributed/test_shims.py tests/backends/test_cuda_sources.py tests/test_optimizer_kinds.py \
                  tests/test_optimizer_groups.py tests/test_loss_pytorch.py tests/layers/test_gated_and_rmsnorm.py \
                  tests/layers/test_gru.py tests/layers/test_conv1d.py tests/layers/test_transformers.py \
                  tests/test_onnx.py tests/test_onnx_sequences.py tests/test_onnx_ids.py

.PHONY: demo wheels test test-frameworks test-tensorflow test-ray test-ray-short test-spacy test-spacy-short test-asan test-ubsan fuzz bench info docs lint dev clean


demo: $(VENV)/wheel.stamp
	$(BIN)/python examples/digits/train.py $(if $(DATA),--data $(DATA))

test: lint $(VENV)/wheel.stamp
	THINC_TEST_INSTALLED=1 $(BIN)/pytest $(PYTEST_ARGS) tests

lint: $(VENV)/tools.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	PATH="$(abspath $(BIN)):$$PATH" $(BIN)/cython-lint thinc
	$(BIN)/mypy

test-tensorflow: FRAMEWORKS = tensorflow-cpu
test-frameworks test-tensorflow: ENVIRONMENT = $(VENV)-$(@:test-%=%)
test-frameworks test-tensorflow: $(VENV)/wheel.stamp
	$(PYTHON) -m venv $(ENVIRONMENT)
	$(ENVIRONMENT)/bin/pip install --quiet --upgrade pip
	$(ENVIRONMENT)/bin/pip install --quiet --force-reinstall --no-deps dist/thinc-*.whl
	$(ENVIRONMENT)/bin/pip install --quiet "$$(ls dist/thinc-*.whl)[test]" $(FRAMEWORKS)
	THINC_TEST_INSTALLED=1 $(ENVIRONMENT)/bin/pytest $(PYTEST_ARGS) $(FRAMEWORK_TESTS)

# Clusters of a few processes, which end with the test that has started them; with the release that is known to work.
test-ray test-ray-short: ENVIRONMENT = $(VENV)-ray
test-ray test-ray-short: export RAY_AUTH_MODE = disabled
test-ray test-ray-short: export RAY_USAGE_STATS_ENABLED = 0
test-ray: RAY_PACKAGES = "$$(ls dist/thinc-*.whl)[test,ray]" $(RAY) spacy==3.8.18
test-ray: RAY_TESTS = tests/distributed tests/test_docs.py
test-ray-short: RAY_PACKAGES = "$$(ls dist/thinc-*.whl)[ray]" $(RAY) pytest hypothesis
test-ray-short: RAY_TESTS = tests/distributed/test_ray.py
test-ray test-ray-short: $(VENV)/wheel.stamp
	$(PYTHON) -m venv $(ENVIRONMENT)
	$(ENVIRONMENT)/bin/pip install --quiet --upgrade pip
	$(ENVIRONMENT)/bin/pip install --quiet --force-reinstall --no-deps dist/thinc-*.whl
	$(ENVIRONMENT)/bin/pip install --quiet $(RAY_PACKAGES)
	THINC_TEST_INSTALLED=1 $(ENVIRONMENT)/bin/pytest -q $(RAY_TESTS)

# Wheels of spaCy on ours; the long form also exchanges pipelines with the published package and runs spaCy's tests.
test-spacy: $(VENV)/wheel.stamp
	$(BIN)/python tests/spacy_client/run.py

test-spacy-short: $(VENV)/wheel.stamp
	$(BIN)/python tests/spacy_client/run.py --short

# An instrumented copy of the package in build/; the first finding ends the process and so the run. Python itself
# is not instrumented: it must load the library of AddressSanitizer first, and does not free everything at its end.
test-asan: export THINC_SANITIZE = address
test-asan: PRELOAD = LD_PRELOAD="$$(g++ -print-file-name=libasan.so) $$(g++ -print-file-name=libstdc++.so)"
test-ubsan: export THINC_SANITIZE = undefined
test-asan test-ubsan: export ASAN_OPTIONS = detect_leaks=0:allocator_may_return_null=1:max_allocation_size_mb=1500
test-asan test-ubsan: $(VENV)/wheel.stamp
	$(BIN)/pip install --quiet "setuptools>=77" "Cython>=3.1"
	$(BIN)/python setup.py --quiet build --build-lib build/$$THINC_SANITIZE/lib --build-temp build/$$THINC_SANITIZE/temp
	$(PRELOAD) PYTHONPATH=build/$$THINC_SANITIZE/lib $(BIN)/pytest $(PYTEST_ARGS) $(NATIVE_TESTS)

fuzz: $(VENV)/wheel.stamp
	$(BIN)/pip install --quiet atheris
	for target in model optimizer checkpoint config ; do \
	    $(BIN)/python tests/fuzz/run.py $$target -max_total_time=$(SECONDS) || exit 1 ; \
	done
	THINC_EXAMPLES=4000 $(BIN)/pytest $(PYTEST_ARGS) tests/test_hostile_bytes.py tests/test_properties.py

bench: $(VENV)/wheel.stamp
	$(BIN)/python benchmarks/run.py --write
	$(BIN)/python benchmarks/threads.py --write
	$(BIN)/python benchmarks/memory.py --write
	$(BIN)/python benchmarks/run.py --table --write

# Away from the source tree, which shadows what is installed.
info: $(VENV)/wheel.stamp
	cd / && $(abspath $(BIN))/python -m thinc info

# Warnings are errors: also a link that leads nowhere, and a name in the text that does not exist.
docs: $(VENV)/docs.stamp
	$(BIN)/sphinx-build -W --keep-going --quiet --builder html docs build/docs

# Compiled for glibc 2.17 whatever this machine has, each tested with the oldest and the newest NumPy.
wheels: $(VENV)/wheel-tools.stamp
	$(BIN)/python -m build_tools.wheels $(WHEELS)

dev: $(VENV)/tools.stamp
	$(BIN)/pip install --quiet "setuptools>=77" "Cython>=3.1" "numpy>=2" cymem preshed murmurhash blis
	$(BIN)/pip install --no-build-isolation --editable ".[test,demo]"

clean:
	rm -rf build dist wheelhouse out thinc/include $(VENV) $(VENV)-* *.egg-info
	find thinc -name '*.so' -delete
	find thinc -name '*.pyx' | sed 's/\.pyx$$/.cpp/' | xargs rm -f

$(VENV)/created.stamp:
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --upgrade pip
	touch $@

# What is built must hold for everyone: an isolated build of the wheel, then an ordinary installation of it.
$(VENV)/wheel.stamp: $(VENV)/created.stamp $(SOURCES)
	rm -rf build/lib* build/bdist* dist
	@echo "Compiling the kernels: some minutes, in which nothing is printed"
	$(BIN)/pip wheel --quiet --no-deps --wheel-dir dist .
	$(BIN)/pip uninstall --quiet --yes thinc
	$(BIN)/pip install --quiet "$$(ls dist/thinc-*.whl)[test,demo]"
	touch $@

$(VENV)/docs.stamp: $(VENV)/wheel.stamp
	$(BIN)/pip install --quiet "$$(ls dist/thinc-*.whl)[docs]"
	touch $@

$(VENV)/wheel-tools.stamp: $(VENV)/created.stamp build_tools/wheels/requirements.txt
	$(BIN)/pip install --quiet --requirement build_tools/wheels/requirements.txt
	touch $@

$(VENV)/tools.stamp: $(VENV)/created.stamp build_tools/lint-requirements.txt
	$(BIN)/pip install --quiet --requirement build_tools/lint-requirements.txt
	command -v node >/dev/null || $(BIN)/pip install --quiet "pyright[nodejs]" || true  # else one test is skipped
	touch $@
