# What people type. `make demo` and `make test` set themselves up; everything stays in this folder.
SHELL := /bin/bash
.DEFAULT_GOAL := help
.SUFFIXES:

VENV := .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed
# The first Python that this project runs on; `make setup PYTHON=...` takes another one.
PYTHON := $(shell for p in python3.12 python3.11 python3.13 python3 python; do \
	$$p -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$p; break; }; done)
STORE := sqlite:///$(CURDIR)/mlflow.db
PORT := 5000
SERVE_PORT := 5001

export PATH := $(CURDIR)/$(BIN):$(PATH)
export KEDRO_DISABLE_TELEMETRY := 1
export MLFLOW_DISABLE_TELEMETRY := true
unexport PYTHONDONTWRITEBYTECODE # compiled files make every command faster by seconds

.PHONY: help setup data demo test lint smoke docs ui serve viz bench lock clean

help: ## what there is
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 10

setup: $(INSTALLED) ## .venv with everything, at the versions of requirements.lock

# uv where it is, or where pip can get it; pip otherwise.
$(INSTALLED): pyproject.toml requirements.lock
	@if [ -z "$(PYTHON)" ]; then \
		echo "Python 3.11, 3.12 or 3.13 is needed and was not found; name one: make setup PYTHON=..."; \
		exit 1; \
	fi
	@if [ ! -x $(BIN)/python ]; then \
		$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); uv venv --seed --python $(PYTHON) $(VENV); }; \
	fi
	@uv=$$(command -v uv || true); \
	if [ -z "$$uv" ] && $(BIN)/python -m pip install --quiet uv; then uv=$(BIN)/uv; fi; \
	if [ -n "$$uv" ] && $$uv pip install --python $(BIN)/python --compile-bytecode \
		--constraint requirements.lock --group dev --editable .; then :; else \
		$(BIN)/python -m pip install --upgrade 'pip>=25.1' && \
		$(BIN)/python -m pip install --constraint requirements.lock --group dev --editable .; \
	fi
	@touch $@

data: setup ## the embedded pictures, objects and weights, from the store in this repository
	dvc pull

demo: setup data ## pictures to 3D objects: the whole chain on the embedded data
	dvc repro
	@$(MAKE) --no-print-directory where

.PHONY: where
where: # what the demo has made
	@echo
	@echo "Pictures that were accepted or rejected   data/08_reporting/images/index.html"
	@echo "Everything that was measured, one page    data/08_reporting/report.html"
	@echo "Student beside the ground truth           data/08_reporting/evaluation/sheet.png"
	@echo "Measures                                  data/08_reporting/evaluation/table.md"
	@for folder in data/07_model_output/generated/*/; do \
		echo "3D object                                 $$folder"; \
	done
	@echo "  each with object.ply and object.splat (open them in any Gaussian splatting viewer),"
	@echo "  sheet.png (views from around) and turntable.webp (open it in a browser)"
	@if [ -f data/08_reporting/runs/distill.json ]; then \
		echo "Tracked run of the distillation           $$($(BIN)/python -c \
		'import json, sys; print(json.load(open(sys.argv[1]))["run_id"])' \
		data/08_reporting/runs/distill.json), shown by make ui"; \
	fi

test: setup ## the tests
	pytest

lint: setup ## style, types and import contracts
	ruff check .
	ruff format --check .
	mypy
	lint-imports

# The clone is thrown away: DVC knows one chain for each folder, and this one is only a test.
smoke: setup ## every pipeline at toy size, through `dvc repro`, in a fresh clone
	@clone=$$(mktemp -d) && trap 'rm -rf "$$clone"' EXIT && set -e && \
	git clone --quiet . "$$clone" && cd "$$clone" && \
	cp conf/smoke/stages.yaml dvc.yaml && rm -f dvc.lock && \
	export PYTHONPATH="$$clone/src" KEDRO_ENV=smoke OMP_NUM_THREADS=1 && \
	for notebook in $$(git ls-files 'notebooks/*.ipynb'); do \
		! jupyter-execute "$$notebook" 2> early.log && grep -q 'Run `make demo`' early.log || exit 1; \
	done && \
	dvc repro && \
	dvc repro | tee again.log && \
	{ ! grep -q 'Running stage' again.log || { echo "an unchanged chain ran again"; exit 1; }; } && \
	dvc metrics show && \
	for notebook in $$(git ls-files 'notebooks/*.ipynb'); do jupyter-execute "$$notebook"; done && \
	kedro viz build --include-previews | tee viz.log && grep -q Success viz.log

docs: $(VENV)/.docs ## the pages and the core's docstrings as a site, site/index.html
	mkdocs build

$(VENV)/.docs: $(INSTALLED)
	@uv=$$(command -v uv || true); \
	if [ -n "$$uv" ]; then $$uv pip install --quiet --python $(BIN)/python \
		--constraint requirements.lock --group docs; else \
		$(BIN)/python -m pip install --quiet --constraint requirements.lock --group docs; \
	fi
	@touch $@

ui: setup ## tracked runs in the browser, http://127.0.0.1:5000
	mlflow ui --backend-store-uri "$(STORE)" --host 127.0.0.1 --port $(PORT) --workers 1

serve: setup ## the champion behind http://127.0.0.1:5001/invocations
	MLFLOW_TRACKING_URI="$(STORE)" kedro serve --port $(SERVE_PORT)

viz: setup ## pipelines in the browser, http://127.0.0.1:4141
	kedro viz run --host 127.0.0.1 --port 4141

bench: setup ## how long things take
	pytest -n 0 --timeout 0 $(wildcard benchmarks/bench_*.py)

lock: ## resolve requirements.lock anew
	@printf '%s\n' '# Versions that work together, for `make setup`. Made by `make lock`.' > $@.new
	uv pip compile pyproject.toml --all-extras --group dev --group docs --universal --python-version 3.11 \
		--no-header --no-annotate --no-emit-index-url --no-emit-find-links --quiet >> $@.new
	@mv $@.new requirements.lock

clean: ## caches; lists what no longer belongs to anything (REMOVE=1: removes it); the rest stays
	rm -rf build dist site .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .benchmarks
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
	@if [ -x $(BIN)/kedro ]; then kedro leftovers $(if $(REMOVE),--remove); fi
