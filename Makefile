# For a newcomer: `make finetune`, `make quick`, `make test`, `make docs`. Each sets up .venv first, once; tests need more packages.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
TESTS_READY := $(VENV)/.ready-for-tests
DOCS_READY := $(VENV)/.ready-for-docs
export TF_CPP_MIN_LOG_LEVEL ?= 2
# TensorFlow turns it on by itself with AVX-512 only; tests then compute as the commands do, in half of the time.
export TF_ENABLE_ONEDNN_OPTS ?= 1

# Two workers share two cores: with a thread each they take a seventh less time.
TWO_WORKERS := TF_NUM_INTRAOP_THREADS=1 TF_NUM_INTEROP_THREADS=1 OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2

.PHONY: finetune quick test test-all lint tables docs clean

finetune: $(READY)
	$(BIN)/python scripts/finetune.py $(ARGS)

# In minutes, while working: lint, and what starts no process and takes not long, of grids a sample, on TensorFlow.
quick: $(TESTS_READY) lint
	$(TWO_WORKERS) -m "not slow and not alone and not process and not long"

test: $(TESTS_READY) lint
	$(BIN)/python -m pytest -m alone tests
	$(TWO_WORKERS) -m "not slow and not alone"
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 tests/layers tests/kinds
	KERAS_BACKEND=jax $(BIN)/python -m pytest -n 2 -m "not long" tests/fitting

# What `make test` leaves out: every case of the grids, and every constructor beside keras.applications.
test-all: test
	$(TWO_WORKERS) -m "slow and not alone"
	$(BIN)/python -m pytest -m "slow and alone"

lint: $(TESTS_READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

tables: $(TESTS_READY)
	$(BIN)/python scripts/docs/model_table.py
	$(BIN)/python scripts/docs/paper_tables.py

# The site, in site/. Warnings are errors.
docs: $(DOCS_READY)
	$(BIN)/python scripts/docs/build_site.py

$(READY): EXTRAS := lite,train
$(TESTS_READY): EXTRAS := test
$(DOCS_READY): EXTRAS := docs

# The stamps are newer than what they depend on, so a second `make` installs nothing.
$(READY) $(TESTS_READY) $(DOCS_READY): setup.py constraints.txt
	test -d $(VENV) || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable ".[$(EXTRAS)]"
	touch $@

clean:
	rm -rf $(VENV) build site *.egg-info
