#!/usr/bin/env bash
# tests/mutants.list keeps up with the code: every mistake in it can still be put in, and there are
# tests for it. Whether they notice is what `make mutants` takes its time to find out.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

tools/mutants --check >"$scratch/out" 2>"$scratch/err"
check "every mistake can be put in" [ $? -eq 0 ]
check "there are a hundred, at least" [ "$(tools/mutants --list | wc -l)" -ge 100 ]
# A list that fell behind would be said to be so.
sed 's|^- load_block(&r);|- load_brick(\&r);|' tests/mutants.list >"$bad/mutants.list"
check "the list is made wrong" not cmp -s tests/mutants.list "$bad/mutants.list"
MUTANTS_LIST=$bad/mutants.list tools/mutants --check >"$scratch/out" 2>"$scratch/err"
check "which is noticed" [ $? -eq 1 ]
check "and named" told 'its old text is not in'

finish
