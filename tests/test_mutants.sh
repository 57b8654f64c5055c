#!/usr/bin/env bash
# The mistakes of tests/mutants.list can still be put in: whoever changes code that one is about has to
# change the list too. Whether the tests notice them is what `make mutants` finds out.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

applies() { tools/mutants --check >"$scratch/out" 2>"$scratch/err"; }
spread() { [ "$(tools/mutants --list | sed -E 's/.* (src\/)?([a-z]+)\/.*/\2/' | sort -u | wc -l)" -ge 15 ]; }

check "every mistake can be put in" applies
check "there are a hundred at least" [ "$(tools/mutants --list | wc -l)" -ge 100 ]
check "and some in every room" spread
tools/mutants --check no-such-mistake >"$scratch/out" 2>"$scratch/err"
check "one that is not in the list is refused" [ $? -eq 2 ]
finish
