#!/usr/bin/env bash
# Every mistake of tests/mutants.list can still be put into the code. Whether the tests notice them is what
# `make mutants` says.
cd "$(dirname "$0")/.." || exit 1
if tools/mutants --check; then
    echo "ok: every mistake can be put in"
else
    echo "FAILED: every mistake can be put in"
    exit 1
fi
