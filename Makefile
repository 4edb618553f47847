# make run                          set up once, run the default study, print the report's path
# make run STUDY=studies/other.toml another study
# make gallery                      run the bundled studies that two cores can, reports into build/gallery
# make test                         set up what is missing, run all tests (Python and R)
# make bench                        measure against the peers (installed into build/), write bench/results
# make validate                     recovery study of the models on simulated data, write docs/validation.md
STUDY ?= studies/world-facts.toml
GALLERY ?= world-facts tiny-world statements-and-questions popular-facts salience two-hop-order two-hop-graft \
  two-hop-scores two-hop-layers biographies biographies-imbalance biographies-new associative-memory world-corpus \
  pretraining-series mutual-information
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

.PHONY: run gallery test setup setup-test lint test-python test-r bench validate clean

run: setup
	@$(BIN)/factsurv run $(STUDY)

gallery: setup
	@for study in $(GALLERY); do $(BIN)/factsurv run $$study || exit 1; done
	@$(BIN)/python -m factsurv.reports.gallery build/gallery $(GALLERY)

setup:
	@setup/setup.sh run $(STUDY)

setup-test:
	@setup/setup.sh test

test: setup-test
	@$(MAKE) --no-print-directory -j2 lint test-r  # mypy keeps one core busy, and R's check another
	@$(MAKE) --no-print-directory test-python

lint:
	ruff check .
	lint-imports --config pyproject.toml
	mypy

test-r:
	Rscript tests/r.R

test-python:  # a process per core; a file's tests stay together, since they share what it has run
	python -m pytest -n logical --maxprocesses=4 --dist=loadfile --no-loadscope-reorder

bench: setup-test
	python bench/bridge.py --write
	python bench/survival.py --write
	python bench/memory.py
	python bench/probe.py --peers
	python bench/finetune.py --peers
	python bench/scratch.py
	python bench/gpu.py
	python bench/scale.py --rows 1000 5000 20000 100000 --format arrow --probes 500 2000 5000 20000 --write

validate: setup-test
	nice Rscript stats/tests/validation/validate.R

clean:
	rm -rf .venv .r  # results stay: they are hours of work
