# Python 3.11 or newer and make are all that a machine needs; everything else lands in .venv.
PYTHON ?= python3
BIN := .venv/bin
STAMP := .venv/installed

.PHONY: install demo test live check lock simulate fuzz bench bench-stats

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
	$(BIN)/python -m pytest -m "not slow and not live"

# The tests that take long: journeys, axe on every page, every route x role, the veil, drawn requests,
# whole roads by command line and HTTP, workers that die, worked pilots, rehearsals, slow passwords.
live: install
	$(BIN)/python -m pytest -m live tests/journeys tests/security tests/app tests/demo tests/jobs tests/rehearse

# Format, lint, types and the direction of imports.
check: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# Every call of the HTTP contract against 200 drawn requests of each kind.
fuzz: install
	$(BIN)/python -m tests.security.contract --examples 200

# Requests per second of the site on one core, beside a trivial route.
bench: install
	$(BIN)/python -m tests.benchmarks.site

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
