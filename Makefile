# Two commands matter: `make demo` runs the whole job, `make test` runs all tests. The others are for developers.
# Needs Python 3.11 to 3.13, make, and a package registry that pip can reach.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
LAKE ?= local
SCALE ?= 1

# The fault matrix has a separate target; its building blocks are tested with everything else.
MATRIX := --ignore tests/faults/test_matrix.py --ignore tests/faults/test_in_process.py
# The 2,000 sequences have a separate target too.
SEQUENCES := tests/customer_match_delivery/test_sequences.py
# Needs an environment of its own, with Airflow's Amazon provider.
S3 := tests/airflow_microsoft_advertising/lake/test_s3.py
SCHEDULES := tests/system/test_schedules.py

# One pytest worker per core.
ALONE := not slow and not system and not browser and not azurite and not cluster and not compose
FAST := -m "$(ALONE)" -n auto
# The tests of a file stay together. Those of the running installation are alone: its SQLite takes one writer at a time.
SPREAD := -n auto --dist loadfile --no-loadscope-reorder
FULL ?=
ROUNDS ?= 1
SHORT ?=
SEED ?=
ARGS ?=
TAG ?=
REPOSITORY ?=

export PYTHONPATH := $(CURDIR):$(CURDIR)/include:$(CURDIR)/plugins
# Always write compiled Python files: otherwise each process of Airflow and each test worker compiles about a thousand
# modules again, which takes 12 seconds of CPU time.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help demo up down docs test test-fast test-long test-schedules test-installed test-matrix matrix-report lint format bench bench-report cluster-test compose-test sequences chaos reliability soak live-check secrets audit release-check lock clean install

help: ## show this help
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: install ## run an export under a real Airflow against the simulator, and check every hash (LAKE=azurite: on Azure storage)
	$(BIN)/python -m customer_match_demo show --lake $(LAKE) --scale $(SCALE)

up: install ## start the same stack and leave it running, with Airflow's pages
	$(BIN)/python -m customer_match_demo up

down: install ## stop the stack that `make up` started
	$(BIN)/python -m customer_match_demo down

test: install ## run all tests, except long ones with separate targets
	$(BIN)/pytest $(FAST)
	$(BIN)/pytest -m "(slow or system or browser or azurite) and not lengthy" $(MATRIX) --ignore tests/system --ignore tests/installed --ignore $(SEQUENCES) --ignore $(S3) $(SPREAD)
	$(BIN)/pytest tests/system -m "not lengthy"

test-fast: install ## run the tests that need no other program (1.5 min)
	$(BIN)/pytest $(FAST)

test-long: install ## run the tests that take longest: the life of an export on the pages, batches, workspaces put back, large files
	$(BIN)/pytest -m lengthy --ignore tests/system $(SPREAD)
	$(BIN)/pytest tests/system -m lengthy --ignore $(SCHEDULES)

test-schedules: install ## test runs that follow data, and deadlines, under a real Airflow (6 min, nearly all of it waits)
	$(BIN)/pytest $(SCHEDULES)

test-installed: install ## install the wheel beside plain Airflow 3.3 and 3.4's beta, run other people's DAGs, and read S3 (4 min)
	$(BIN)/pytest tests/installed $(S3)

test-matrix: install ## run the fast tests on each supported Python, dependency and Airflow version (ARGS='lowest --workers 2')
	$(BIN)/python -m tools.support_matrix --tests "$(ALONE)" $(ARGS)

matrix-report: install ## generate docs/support.md from the results of `make test-matrix`
	$(BIN)/python -m tools.support_matrix --report > docs/support.md.new
	mv docs/support.md.new docs/support.md

lint: install ## check style, types, the Compose file and the workflows
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yaml
	$(BIN)/check-jsonschema --builtin-schema vendor.github-workflows .github/workflows/*.yaml

docs: install ## build the documentation as a site in build/docs; broken links fail
	$(BIN)/sphinx-build --nitpicky --fail-on-warning --fresh-env --quiet -b html docs build/docs

format: install ## format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

sequences: install ## test 2,000 random sequences of runs, crashes, faults and user actions (2 min)
	$(BIN)/pytest $(SEQUENCES) -n auto

chaos: install ## inject faults under a real scheduler, and compare every audience hash by hash (SHORT=1: some rows; ARGS='-k NAME')
	$(BIN)/pytest tests/faults/test_in_process.py tests/faults/test_matrix.py $(if $(SHORT),-m "not long") $(ARGS)

reliability: install ## generate docs/reliability.md from the results of `make chaos`
	$(BIN)/python -m tests.faults.reliability > docs/reliability.md.new
	mv docs/reliability.md.new docs/reliability.md

soak: install ## 50 runs with random churn, faults and kills, exact at the end (10 min; SHORT=1: 2 min; SEED=n repeats one)
	$(BIN)/python -m tests.soak $(if $(SHORT),--runs 14 --seconds 120) $(if $(SEED),--seed $(SEED)) --workspace $(LAKE)

cluster-test: install ## Celery, PostgreSQL, Redis, Azure storage: one and two workers, one killed (ROUNDS=n repeats the figures)
	.ci/cluster-packages
	ROUNDS=$(ROUNDS) $(BIN)/pytest tests/cluster -m cluster

compose-test: install ## every service of docker-compose.yaml without Docker, exports and backfills on it (as root, on Linux)
	.ci/compose-packages
	$(BIN)/python -c 'from customer_match_demo import azurite; azurite.install()'
	unshare --mount --net --ipc --pid --fork --kill-child --mount-proc $(BIN)/pytest tests/compose -m compose $(ARGS)

bench: install ## measure everything beside baselines into .bench/results.json (FULL=1: large sizes; ARGS='--list', '--check')
	$(BIN)/python -m benchmarks $(if $(FULL),--full) $(ARGS)

bench-report: install ## generate docs/performance.md and its pictures from the results of `make bench`
	$(BIN)/python -m benchmarks --stored --report

live-check: install ## check a real or sandbox account against the simulator's table (ARGS='--help'; see docs/live-checklist.md)
	$(BIN)/python -m airflow_microsoft_advertising.cli.live_check $(ARGS)

secrets: install ## look for secrets in all files, offline (ARGS=--accept: what was found is none)
	$(BIN)/python -m tools.secret_scan $(ARGS)

audit: install ## compare the locked packages with known vulnerabilities (needs the internet)
	$(BIN)/uv tool run --quiet pip-audit@2.10.1 --strict --requirement requirements.txt --no-deps --disable-pip --progress-spinner off

release-check: install ## check version, changelog and tag, and build a release into dist/ (TAG=v0.2.0, REPOSITORY=URL)
	$(BIN)/python -m tools.release_check --tag "$(TAG)" $(if $(REPOSITORY),--repository "$(REPOSITORY)")

lock: ## resolve pyproject.toml and requirements.in into requirements.txt for Python 3.11 to 3.13
	$(BIN)/uv pip compile pyproject.toml requirements.in --all-extras --universal --python-version 3.11 --no-annotate --upgrade --quiet -o requirements.txt
	$(BIN)/uv pip compile tests/microsoft_advertising_simulator/msads.in --universal --python-version 3.11 --no-annotate --upgrade --quiet -o tests/microsoft_advertising_simulator/msads.txt
	$(BIN)/uv pip compile tests/airflow_microsoft_advertising/lake/s3.in -c requirements.txt --universal --python-version 3.11 --no-annotate --upgrade --quiet -o tests/airflow_microsoft_advertising/lake/s3.txt
	for airflow in 3_3 3_4; do $(BIN)/uv pip compile pyproject.toml --extra soap tests/installed/airflow_$$airflow.in --universal --python-version 3.11 --no-annotate --prerelease=if-necessary-or-explicit --upgrade --quiet -o tests/installed/airflow_$$airflow.txt; done

clean: ## delete everything that make created here, including the virtual environment
	-$(BIN)/python -m customer_match_demo down
	rm -rf $(VENV) .airflow .airflow_3_3 .airflow_3_4 .azurite .bench .cluster .demo .faults .hypothesis .matrix .msads .mypy_cache .pytest_cache .ruff_cache .s3 .simulator .soak .tutorial build dist *.egg-info

install: $(VENV)/installed ## create the virtual environment

# Reinstalled when the lock or pyproject.toml changes.
$(VENV)/installed: requirements.txt pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit("Python 3.11 to 3.13 is needed, but this is " + sys.version.split()[0] + ". Run make PYTHON=python3.12 …" if not (3, 11) <= sys.version_info[:2] <= (3, 13) else 0)'
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet -r requirements.txt
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/uv pip install --quiet --no-deps -e .
	rm -rf include/*.egg-info  # left by the build: on PYTHONPATH it is a second description of the same plugin
	touch $@
