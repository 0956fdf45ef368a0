# Python 3.11 or newer and make are all that a machine needs; everything else lands in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: install demo test live check lock simulate fuzz bench bench-large bench-posts bench-intake \
	bench-stats bench-customers faults faults-fast

# Prepare .venv from the locked dependencies; a second call does nothing.
install: $(STAMP)

$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Pilotbook needs Python 3.11 or newer")'
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-build-isolation --no-deps --editable .
	@touch $(STAMP)

# Build the demo company, run its three pilots, print their verdicts, and serve its site.
demo: install
	$(BIN)/pilotbook demo

# Every test but the slow studies and those of `make live`.
test: install
	$(BIN)/python -m pytest -m "not slow and not live and not spark"

# The tests that take long: journeys, axe on every page, every route x role, the veil, drawn requests,
# whole roads by command line and HTTP, workers that die, worked pilots, rehearsals, slow passwords.
live: install
	$(BIN)/python -m pytest -m live tests/journeys tests/security tests/app tests/demo tests/jobs tests/rehearse \
		tests/intake tests/record tests/ledger tests/objects

# Format, lint, types and the direction of imports.
check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every call of the HTTP contract against 200 drawn requests of each kind.
fuzz: install
	$(BIN)/python -m tests.security.contract --examples 200

# Faults on purpose, at full size: processes killed at any moment, torn files, a full disk, writers
# beside compaction; one line each, and out/faults/results.jsonl. Hours; the fast ones are tests.
faults: install
	$(BIN)/python -m tests.faults

faults-fast: install
	$(BIN)/python -m pytest tests/faults

# Requests per second of the site on one core, beside a trivial route; then an analysis of a ledger
# of 50 million rows beside a scan of it and beside tea-tasting.
bench: install .venv/peers/tea-tasting/installed
	$(BIN)/python -m tests.benchmarks.site
	$(BIN)/python -m tests.benchmarks.ledger

# The same of 200 million rows: some 10 GB in TMPDIR.
bench-large: install .venv/peers/tea-tasting/installed
	$(BIN)/python -m tests.benchmarks.ledger --rows 200000000 --growth 50000000

# Ten million customers drawn, enrolled and listed, beside a copy of their file.
bench-customers: install
	$(BIN)/python -m tests.benchmarks.customers

# Rows acknowledged a second, posted alone by 50 clients: plain, under a key, with an event id.
bench-posts: install
	$(BIN)/python -m tests.benchmarks.posts

# Rows a second from CSV, Parquet and NDJSON into the ledger, beside DuckDB's copy of the CSV file to
# Parquet; then the memory that a CSV file of 2 GB takes.
bench-intake: install
	$(BIN)/python -m tests.benchmarks.intake
	$(BIN)/python -m tests.benchmarks.intake --big

# 10,000 comparisons beside two other libraries, and a whole pilot.
bench-stats: install .venv/peers/tea-tasting/installed .venv/peers/gbstats/installed
	$(BIN)/python -m tests.benchmarks.comparisons

# An environment each: they ask for different versions of NumPy.
VERSION_tea-tasting := 1.14.0
VERSION_gbstats := 0.8.0

.venv/peers/%/installed: Makefile
	$(PYTHON) -m venv .venv/peers/$*
	.venv/peers/$*/bin/pip install --quiet --disable-pip-version-check $*==$(VERSION_$*)
	@touch $@

# Error rates of every method, each tail apart: resumes where it stopped, writes
# tests/studies/RESULTS.md; then the slow studies. With QUICK=1 few replicates, and nothing is kept.
simulate: install
	$(BIN)/python -m tests.studies $(if $(QUICK),--quick)
	$(if $(QUICK),,$(BIN)/python -m pytest -m slow -s -n 0)

# Renew requirements.lock (hashes, no addresses).
lock:
	$(PYTHON) -m venv .venv/lock
	.venv/lock/bin/pip install --quiet --disable-pip-version-check uv
	.venv/lock/bin/uv pip compile pyproject.toml --group dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock

# The same digits on DuckDB and on a Spark cluster of two workers, started for it; needs Java 17.
# With QUICK=1 the small set: the cluster as an engine, and one pilot with every kind of metric.
PYSPARK := 4.0.5
QUICK_SPARK := tests/engines tests/spark/test_cluster.py tests/spark/test_every_kind.py

.PHONY: test-spark
test-spark: install .venv/pyspark-$(PYSPARK)
	$(BIN)/python -m pytest -n 0 -m spark $(if $(QUICK),$(QUICK_SPARK),tests/engines tests/spark)

.venv/pyspark-$(PYSPARK):
	$(BIN)/python -m pip install --quiet --disable-pip-version-check pyspark==$(PYSPARK)
	@touch $@
