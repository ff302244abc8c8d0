# make run: the whole runbook for params/demo.yaml on the practice clouds. make test: every check.
PYTHON ?= python3
BIN := .venv/bin
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.PHONY: help run lab test survive bench notebooks clean

help:
	@echo "make run        run every chapter for params/demo.yaml on the practice clouds"
	@echo "make lab        open JupyterLab on the notebooks, practice clouds running"
	@echo "make test       lint, types, tests, notebooks"
	@echo "make survive    the run cut off at every call, every fault at every call, 200 partners (hours)"
	@echo "make bench      practice clouds: speed, memory, start-up; batches against plain papermill"
	@echo "make notebooks  renew the committed notebooks' outputs, params/schema.json, notebooks/CALLS.md"
	@echo "make clean      remove the virtual environment"

.venv/ready: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 or newer is needed; set PYTHON to it." if sys.version_info < (3, 11) else 0)'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet -r requirements.txt
	@touch $@

run: .venv/ready
	@$(BIN)/byoc run params/demo.yaml

lab: .venv/ready
	@$(BIN)/byoc sandbox start
	@cd notebooks && ../$(BIN)/jupyter lab

test: .venv/ready
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/pytest -q -n 3

survive: .venv/ready
	BYOC_TEST_FULL=1 $(BIN)/pytest -q -rP -n 4 --dist worksteal tests/test_survive.py
	BYOC_TEST_FULL=1 $(BIN)/pytest -q -rP tests/test_many.py tests/test_cluster.py

bench: .venv/ready
	$(BIN)/python tests/bench_sandbox.py
	$(BIN)/python tests/bench_batch.py

notebooks: .venv/ready
	$(BIN)/python -m byoc_helpers.authoring

clean:
	rm -rf .venv
