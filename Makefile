# Every target sets up what it needs, once. `make demo` and `make test` are all that a fresh machine has to run.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
EXTRAS := deep,iqa,dask,docs,dev,parity

.PHONY: install demo test lint types docs bench clean

install: $(READY)

# torch goes first and pinned, so that nothing that depends on it can choose another build.
$(READY): pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt torch
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt --editable '.[$(EXTRAS)]'
	touch $(READY)

demo: $(READY)
	rm -rf demo
	$(BIN)/metameric metamer camera --model LuminanceGainControl --size 256 --seed 0 --out demo

test: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal --cov=metameric --cov-branch --cov-report=term:skip-covered

lint: $(READY)
	$(BIN)/ruff format --check src tests benchmarks docs tools
	$(BIN)/ruff check src tests benchmarks docs tools

types: $(READY)
	$(BIN)/mypy

docs: $(READY)
	OMP_NUM_THREADS=1 $(BIN)/python -m sphinx -W --keep-going -q -b html docs docs/_build/html

bench: $(READY)
	for table in benchmarks/[a-z]*.py; do $(BIN)/python $$table || exit 1; done

clean:
	rm -rf $(VENV) build dist docs/_build docs/gallery docs/api/generated demo
