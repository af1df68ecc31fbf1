# What CI runs is what a developer runs. `just` alone lists the recipes.

set shell := ["sh", "-eu", "-c"]

python := ".venv/bin/python"

# List the recipes.
[private]
default:
    @{{ just_executable() }} --list --unsorted

# Set everything up and run the main job on real data in a scratch store (at most 90 s after installation).
demo *ARGS: setup
    @{{ python }} -m mlops.cli demo {{ ARGS }}

# Set everything up and run the tests (15 to 20 minutes on two cores); with MLOPS_COVERAGE=1, under coverage.
test *ARGS: setup
    @if [ -n "${MLOPS_COVERAGE:-}" ]; then sh infra/coverage.sh {{ ARGS }}; else \
        {{ python }} -m pytest -n 2 -m "not faults and not real_lakefs and not readme" {{ ARGS }}; fi

# The inner loop: the fast tests, without those that need a server for each of their many cases.
check *ARGS: setup
    @{{ python }} -m pytest -q -n 2 -m "not slow and not faults and not real_lakefs and not readme" \
        --ignore tests/contract --ignore tests/orchestration --ignore tests/lakeserver/hooks --ignore tests/model {{ ARGS }}

# Format, lint, types, import contracts, generated files.
lint: setup
    @.venv/bin/ruff format --check --quiet
    @.venv/bin/ruff check --quiet
    @.venv/bin/basedpyright --level error
    @.venv/bin/lint-imports --no-cache
    @{{ python }} -m mlops.lakeserver.coverage --check
    @{{ python }} -m mlops.enforcer --check

# Rewrite the code in the project's format, and generated files.
format: setup
    @.venv/bin/ruff format --quiet
    @.venv/bin/ruff check --fix --quiet
    @{{ python }} -m mlops.lakeserver.coverage --write
    @{{ python }} -m mlops.enforcer --write

# Kill real processes at every call (at most 30 minutes on two cores).
test-faults *ARGS: setup
    @{{ python }} -m pytest -n 2 --dist worksteal -m "faults" {{ ARGS }}

# The contract, protocol and fuzz (--seeds N) tests against the lakeFS program on PATH; fails without one.
test-real *ARGS: setup
    @MLOPS_REAL_LAKEFS=1 {{ python }} -m pytest -m "real_lakefs" {{ ARGS }}

# Run the commands of README and docs in the order printed, and the built wheel, in fresh folders.
test-readme *ARGS: setup
    @{{ python }} -m pytest -m "readme" {{ ARGS }}

# Measure branch coverage, subprocesses included; 1.2 to 1.8 times as long as the tests alone. Paths narrow it down.
coverage *ARGS: setup
    @sh infra/coverage.sh {{ ARGS }}

# Measure what is bounded: a table of ratios, and .mlops/bench.json.
bench *ARGS: setup
    @{{ python }} -m tests.benchmarks {{ ARGS }}

# Measure the lake server beside a real lakeFS, where one is on PATH; .mlops/bench-lake.json (about 10 minutes).
bench-lake *ARGS: setup
    @{{ python }} -m tests.benchmarks.lake {{ ARGS }}

# Measure mlops serve beside MLflow's scoring server and a bare application; .mlops/bench-serve.json (3 minutes).
bench-serve *ARGS: setup
    @{{ python }} -m tests.benchmarks.serving {{ ARGS }}

# Build the documentation into site/, strictly: no broken link, no page outside the navigation, no network.
docs *ARGS: setup
    @sh infra/setup.sh docs
    @# Without --quiet, which hides the warnings that a strict build counts.
    @NO_MKDOCS_2_WARNING=1 {{ python }} -m mkdocs build --strict {{ ARGS }}

# Serve the documentation on this machine, and build it again at each change.
docs-serve *ARGS: setup
    @sh infra/setup.sh docs
    @NO_MKDOCS_2_WARNING=1 {{ python }} -m mkdocs serve {{ ARGS }}

# Build wheel and source distribution into dist/; with a TAG such as v1.2.3, only if it names this version.
build TAG="": setup
    @{{ python }} -c 'import sys, mlops; sys.exit(sys.argv[1] not in ("", f"v{mlops.__version__}") \
        and f"{sys.argv[1]} is not the tag of version {mlops.__version__}")' "{{ TAG }}"
    @{{ python }} -m hatchling build --directory dist

# Lock the newest versions that pyproject.toml allows (needs uv).
lock:
    @uv pip compile pyproject.toml --extra dev --extra postgres --extra duckdb --universal --python-version 3.11 --upgrade \
        --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements.lock
    @uv pip compile --group docs --constraint requirements.lock --universal --python-version 3.11 --upgrade \
        --generate-hashes --no-emit-index-url --no-header --quiet --output-file requirements-docs.lock

# Create .venv and install the locked requirements; re-used if it is up to date.
setup:
    @sh infra/setup.sh
