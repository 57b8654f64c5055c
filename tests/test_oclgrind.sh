#!/usr/bin/env bash
# The kernels in Oclgrind, a simulator that sees what a device does not tell: reads and writes out of
# bounds, data races between work-items, values used before they were set. It must report nothing.
set -uo pipefail

build=${BUILD:-build}
scratch=$(mktemp -d "${TMPDIR:-/tmp}/unblend-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT

# Only tiny shapes: a simulated kernel takes seconds where a real one takes milliseconds.
export UNBLEND_TEST_SHAPES=2
# Binaries of other devices are of no use here.
export UNBLEND_NO_CACHE=1
unset UNBLEND_CACHE_DIR

if ! command -v oclgrind >/dev/null; then
    echo "SKIPPED: there is no oclgrind; install the package oclgrind"
    exit 0
fi
# Both AddressSanitizer and Oclgrind want to be the first library of the process.
if ldd "$build/tests/test_layers" | grep libasan >/dev/null; then # -q would cut ldd off, which pipefail minds
    echo "SKIPPED: Oclgrind cannot run programs built with AddressSanitizer"
    exit 0
fi

# oclgrind_writes.c keeps the simulator from losing track of what the host has written.
shim=$scratch/oclgrind_writes.so
"${CC:-cc}" -std=c11 -O2 -shared -fPIC -o "$shim" tests/oclgrind_writes.c -ldl || exit 1

# -cl-opt-disable: the optimizer makes "freeze" instructions, which Oclgrind does not know.
simulate() {
    # shellcheck disable=SC2016 # expanded inside, where LD_PRELOAD names the simulator
    oclgrind --data-races --uninitialized --build-options -cl-opt-disable \
        --log "$scratch/$1.reports" \
        sh -c 'LD_PRELOAD=$0:$LD_PRELOAD exec "$1"' "$shim" "$build/tests/$1" \
        >"$scratch/$1.output" 2>&1
    echo $? >"$scratch/$1.status"
}

check() {
    if [ "$(cat "$scratch/$1.status")" != 0 ]; then
        echo "FAILED: $1 in Oclgrind"
        cat "$scratch/$1.output"
    elif [ -s "$scratch/$1.reports" ]; then
        echo "FAILED: $1: Oclgrind has reports"
    else
        echo "ok: $1 in Oclgrind"
        return 0
    fi
    head -n 60 "$scratch/$1.reports"
    return 1
}

programs=(test_layers test_layers_transformer test_attention test_batches test_optimizer)
# CLBlast's kernels, which the tiled family calls for matrix products, are not ours to check.
simulate test_layers
UNBLEND_TEST_SHAPES=1 simulate test_layers_transformer
UNBLEND_TEST_SHAPES=3 UNBLEND_TEST_FAMILY=vector simulate test_attention
simulate test_batches
simulate test_optimizer
result=0
for program in "${programs[@]}"; do
    check "$program" || result=1
done
exit $result
