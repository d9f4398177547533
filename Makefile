# make demo   set everything up and run the main job on an invented archive (or ARCHIVE=path)
# make desk   set everything up and open the arrivals desk
# make test   set everything up and pass the tests
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
READY_DESK := $(VENV)/.ready-desk
READY_DEV := $(VENV)/.ready-dev
OUT ?= demo-out
ARCHIVE ?=

.PHONY: demo desk test prove lint bench docs lock browser postgres axe styles clean

$(READY): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "Python 3.11 or newer is needed"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing what Safeconduct needs (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps --no-build-isolation -e .
	@touch $@

$(READY_DESK): $(READY) requirements-desk.lock
	@echo "Installing what the desk needs (once) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-desk.lock
	@touch $@

$(READY_DEV): $(READY) requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes -r requirements-dev.lock
	@touch $@

demo: $(READY)
	@$(BIN)/python -m safeconduct.demo --out $(OUT) $(if $(ARCHIVE),--archive "$(ARCHIVE)")

desk: $(READY_DESK)
	@$(BIN)/safeconduct desk

browser:
	@command -v chromium >/dev/null && command -v chromedriver >/dev/null || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends chromium chromium-driver >/dev/null; } \
	  || echo "No Chromium here and no right to install it: the browser tests will say so and be skipped."

postgres:
	@command -v initdb >/dev/null || ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || { \
	  test "$$(id -u)" = 0 && command -v apt-get >/dev/null && apt-get -qq update && \
	  DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends postgresql >/dev/null; } \
	  || echo "No PostgreSQL here and no right to install it: its tests will say so and be skipped."

# The newest accessibility checks, for the tests only; nothing of it is kept here or installed with Safeconduct.
axe:
	@test -f node_modules/axe-core/axe.min.js || { command -v npm >/dev/null && \
	  npm install --silent --no-save --no-package-lock --no-audit --no-fund axe-core@latest; } \
	  || echo "No npm here, or no network: the accessibility tests will say so and be skipped."

# The look of the desk, from src/safeconduct_desk/styles; only after a change there
styles:
	@command -v npm >/dev/null || { echo "Node 20 or newer is needed for this, and only for this"; exit 1; }
	cd src/safeconduct_desk/styles && npm ci --silent --no-audit --no-fund && npm run --silent build

test: $(READY_DEV) browser postgres axe lint
	$(BIN)/pytest -n 2 -m "not prove"

prove: $(READY_DEV) browser postgres axe
	$(BIN)/pytest -m "prove or not prove" tests tests/desk/prove_kills.py

lint: $(READY_DEV)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

bench: $(READY_DEV)
	$(BIN)/python -m bench

docs: $(READY_DEV)
	$(BIN)/python docs/generate.py

lock:
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --group build pyproject.toml -o requirements.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --extra desk --group build pyproject.toml -c requirements.lock -o requirements-desk.lock
	$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-annotate --no-header --extra desk --group dev --group build pyproject.toml -c requirements-desk.lock -o requirements-dev.lock

clean:
	rm -rf $(VENV) $(OUT) .mypy_cache .ruff_cache .pytest_cache .hypothesis
