# Two commands do everything on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
BIN := .venv/bin
.DEFAULT_GOAL := demo
.PHONY: demo test check long benchmark lock clean

demo: .venv/runtime
	$(BIN)/demandgeo run configs/west_yorkshire.yaml
	$(BIN)/demandgeo run configs/made_city.yaml

test: .venv/dev
	$(BIN)/python -m pytest

check: .venv/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

long: .venv/dev
	$(BIN)/python -m pytest -m long
	HYPOTHESIS_PROFILE=long $(BIN)/python -m pytest tests/sources/test_ledger.py tests/domain -k "ledger or balance"

benchmark: .venv/dev
	for room in density priority significance roads travel deployment; do $(BIN)/python benchmarks/run.py $$room; done

# A stamp per lock file: the environment is brought up to date when a lock changes.
.venv/runtime: requirements/runtime.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	test -f .venv/dev || $(BIN)/python -m pip install --quiet --require-hashes -r requirements/runtime.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@

.venv/dev: requirements/dev.lock pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --require-hashes -r requirements/dev.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	touch $@ .venv/runtime

# Needs uv (pip install uv). The locks hold hashes for every platform and Python, and no index address.
lock:
	uv pip compile pyproject.toml requirements/build.in --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements/runtime.lock
	uv pip compile pyproject.toml requirements/build.in --extra dev --universal --python-version 3.11 --generate-hashes \
		--no-emit-index-url --no-header --no-annotate -q -o requirements/dev.lock

clean:
	rm -rf .venv results .demandgeo
