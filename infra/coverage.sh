#!/bin/sh
# Run the tests (or those that are named) under coverage, subprocesses included, and print what is not covered.
# Run as a whole, it fails where more than 1 % of the core, mlops/runs, is reached by no test.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

rm -rf .coverage
mkdir .coverage
begun=$(date +%s)
failed=0
$python -m coverage run -m pytest -q -n 2 -m "not faults and not real_lakefs and not readme" "$@" || failed=$?
$python -m coverage combine --quiet
echo
echo "mlops/runs: lines and branches that no test reaches"
$python -m coverage report --include 'mlops/runs/*' --show-missing --skip-covered
echo
total=$($python -m coverage report --format=total --precision=1)
runs=$($python -m coverage report --include 'mlops/runs/*' --format=total --precision=1)
echo "branch coverage: $total % of mlops, $runs % of mlops/runs ($(($(date +%s) - begun)) s)"
if [ "$#" -eq 0 ] && [ "$failed" -eq 0 ]; then
    $python -m coverage report --include 'mlops/runs/*' --format=total --fail-under=99 >/dev/null || {
        echo "more than 1 % of mlops/runs is reached by no test: see the lines above"
        exit 1
    }
fi
exit "$failed"
