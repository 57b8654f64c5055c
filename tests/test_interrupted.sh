#!/usr/bin/env bash
# What commands do to files, call by call (see tests/file_faults.c): nothing gets its name before it
# is on the disk, and what a killed command leaves is in nobody's way and goes with the next.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

shim=$scratch/file_faults.so
calls=$scratch/calls

# watched DIRECTORY ARGUMENTS...: unblend, the calls below the directory in $calls; with $kill_at set
# it is killed at that call
watched() {
    local below=$1
    shift
    : >"$calls"
    status=0
    env FAULT_BELOW="$below" FAULT_LOG="$calls" FAULT_AT="${kill_at:-0}" FAULT_KIND=kill \
        LD_PRELOAD="$shim" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$unblend" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
    # the shell tells of killed processes, but not of those it waits for without a word
    wait $! 2>/dev/null || status=$?
}

left_over() { find "$1" -name '.unblend-tmp-*' | grep -q .; }

check "the library of faults compiles" \
    "${CC:-cc}" -std=c11 -O2 -shared -fPIC -o "$shim" tests/file_faults.c -ldl

# ---- The order of calls ----

# Every rename is of a file that was written, then synced, and not touched since; the next call syncs
# the directory that it went into.
in_order() {
    awk '
        function directory_of(path) { sub(/\/[^\/]*$/, "", path); return path }
        after != "" && !($2 == "fsync" && $3 == after) { bad = bad "\nnot synced: " after }
        { after = "" }
        $2 == "open" || $2 == "write" || $2 == "fsync" { last[$3] = $2 }
        $2 == "rename" {
            renames++
            if (last[$4] != "fsync") bad = bad "\nnot synced: " $4 " before it was " $3
            after = directory_of($3)
        }
        END {
            if (after != "") bad = bad "\nnot synced: " after
            print renames + 0 " renames" bad
            exit bad != "" || renames < '"$1"'
        }' "$calls" >"$scratch/out"
}

watched "$scratch/mixed" mix "$scratch/mixed" --count 2 --seed 4 --data tests/sample
check "mix" [ "$status" -eq 0 ]
check "its six files are on the disk before they have their names" in_order 6
check "new directories are on the disk, too" \
    [ "$(head -n 1 "$calls")" = "1 fsync $scratch/mixed" ]

# ---- Mix, killed ----

sum() { (cd "$1" && find . -type f | sort | xargs sha256sum); }

# The number of the call number N of that kind.
call_number() { awk -v call="$1" -v n="$2" '$2 == call && !--n { print $1; exit }' "$calls"; }

kill_at=$(call_number write 2)
watched "$scratch/cut" mix "$scratch/cut" --count 2 --seed 4 --data tests/sample
check "mix is killed as it writes" [ "$status" -eq 137 ]
check "and leaves half a file" left_over "$scratch/cut"
works "mix again" mix "$scratch/cut" --count 2 --seed 4 --data tests/sample --force
check "clears it away" not left_over "$scratch/cut"
check "and has all its files" [ "$(sum "$scratch/cut")" = "$(sum "$scratch/mixed")" ]
rm -rf "${scratch:?}/cut"
mkdir "$scratch/cut"
leftover=$(sh -c 'echo $$')-0@$(uname -n | tr -c 'A-Za-z0-9.\n-' _)
: >"$scratch/cut/.unblend-tmp-$leftover"
works "a folder with nothing but a leftover is empty" \
    mix "$scratch/cut" --count 1 --data tests/sample
check "and swept" not left_over "$scratch/cut"

# ---- Train and separate, killed ----

tiny=$scratch/tiny.ini
cat >"$tiny" <<END
[model]
filters = 2
modules = 2
convolutions = 1
activation = sigmoid
[data]
directory = tests/sample
[train]
batch = 4
steps_per_epoch = 2
validation_steps = 0
epochs = 1
[device]
selftest = false
END
mkdir -p "$scratch/run"
: >"$scratch/run/.unblend-tmp-$leftover"
works "train into a folder with a leftover" train "$tiny" --run "$scratch/run"
check "sweeps it" not left_over "$scratch/run"
model=$scratch/run/model.safetensors
: >"$scratch/run/.unblend-tmp-$leftover"
works "plot" plot "$scratch/run"
check "sweeps as well" not left_over "$scratch/run"

works "mix five" mix "$scratch/in" --count 5 --data tests/sample
rm -rf "${scratch:?}/in/truth"
kill_at=
watched "$scratch/whole" separate "$model" "$scratch/in" "$scratch/whole"
check "separate" [ "$status" -eq 0 ]
check "its files are on the disk before they have their names" in_order 12
cp "$calls" "$scratch/all"
works "separate again, over its own results" separate "$model" "$scratch/in" "$scratch/whole"

# Killed before its first result has its name, between the two of a picture, in the last manifest.
for place in "write 2" "rename 3" "write 4" "rename 12"; do
    rm -rf "${scratch:?}/parts"
    cp "$scratch/all" "$calls"
    # shellcheck disable=SC2086 # call and number
    kill_at=$(call_number $place)
    watched "$scratch/parts" separate "$model" "$scratch/in" "$scratch/parts"
    check "separate is killed at $place" [ "$status" -eq 137 ]
    check "leaving half a file" left_over "$scratch/parts"
    works "it goes on from $place" separate "$model" "$scratch/in" "$scratch/parts"
    check "clears up" not left_over "$scratch/parts"
    check "and has all results" diff -r -x manifest.json "$scratch/whole" "$scratch/parts"
done

# ---- Search, killed ----

sed 's/^epochs = 1/epochs = 2/' "$tiny" >"$scratch/space.ini"
cat >>"$scratch/space.ini" <<END
[search]
strategy = random
trials = 1
[space]
train.learning_rate = 1e-4 .. 1e-2 log
END
works "search" search "$scratch/space.ini" --run "$scratch/search"
: >"$scratch/search/.unblend-tmp-$leftover"
works "search goes on" search --resume "$scratch/search"
check "and sweeps" not left_over "$scratch/search"

finish
