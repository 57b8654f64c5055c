# shellcheck shell=bash
# What the tests that call unblend by its command line share; sourced by them, after `set -uo
# pipefail`. A case prints "ok: NAME" or "FAILED: NAME"; each ends with finish.

cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1

unblend=$(realpath "${BUILD:-build}")/unblend
scratch=$(mktemp -d "${TMPDIR:-/tmp}/unblend-test-XXXXXX") || exit 1
trap 'rm -rf "$scratch"' EXIT
kept=$scratch/kept # what the good calls make and the bad ones must not touch
bad=$scratch/bad   # broken input
mkdir "$kept" "$bad"
export UNBLEND_PROFILE_DIR=$scratch/profiles UNBLEND_PICTURES=$scratch/pictures # not the user's own
unset UNBLEND_PLATFORM UNBLEND_DEVICE UNBLEND_DEVICE_CLASS UNBLEND_DATA
passed=0 failed=0

# ---- Checking ----

report() {
    if [ "$1" = ok ]; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        sed 's/^/  | /' "$scratch/out" "$scratch/err"
    fi
    echo "$1: $2"
}

# check NAME COMMAND...: the command succeeds
check() {
    if "${@:2}"; then report ok "$1"; else report FAILED "$1"; fi
}

# run ARGUMENTS...: unblend, its output in $scratch/out and err, its exit code in $status
run() {
    status=0
    "$unblend" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
}

works() {
    local name=$1
    shift
    run "$@"
    check "$name" [ "$status" -eq 0 ]
}

fingerprint() { (cd "$kept" && find . | sort && find . -type f -exec sha256sum {} + | sort); }

# refuses NAME CODE TEXT TEXT ARGUMENTS...: exits with the code, the message holds both texts, and
# nothing in $kept is different afterwards
refuses() {
    local name=$1 code=$2 first=$3 second=$4 before
    shift 4
    before=$(fingerprint)
    run "$@"
    if [ "$status" -ne "$code" ]; then
        report FAILED "$name: exit code $status instead of $code"
    elif ! grep -qF -- "$first" "$scratch/err" || ! grep -qF -- "$second" "$scratch/err"; then
        report FAILED "$name: the message should hold \"$first\" and \"$second\""
    elif [ "$(fingerprint)" != "$before" ]; then
        report FAILED "$name: files have changed"
    else
        report ok "$name"
    fi
}

printed() { grep -qE -- "$1" "$scratch/out"; }
told() { grep -qE -- "$1" "$scratch/err"; }
not() { ! "$@"; }

# ---- In the background ----

# begin ARGUMENTS...: unblend in the background, as run() does; its number in $pid. What runs in a
# script's background ignores SIGINT, if it is not told otherwise.
begin() {
    : >"$scratch/err" # before the process can, so that nobody reads the last one's
    env --default-signal=INT "$unblend" "$@" >"$scratch/out" 2>"$scratch/err" </dev/null &
    pid=$!
}

# wait_for COMMAND...: until it succeeds or the process has ended
wait_for() {
    until "$@" 2>/dev/null || ! kill -0 "$pid" 2>/dev/null; do
        sleep 0.01
    done
}

# end: what became of the process, in $status
end() {
    status=0
    wait "$pid" 2>/dev/null || status=$?
}

# leave_half FOLDER: what a process that is no more has left there when it was killed; its path in $half
leave_half() {
    half=$1/.unblend-tmp-$(bash -c 'echo $$')-0@$(uname -n | sed 's/[^A-Za-z0-9.-]/_/g')
    echo half >"$half"
}

# ---- Configs ----

# A config of the smallest network that has all layers of a U-Net, on the sample; its other sections are
# read from standard input.
tiny_model_and() {
    cat <<END
[model]
filters = 2
modules = 2
convolutions = 1
activation = sigmoid
[data]
directory = tests/sample
END
    cat
}

# The rest of such a config: one step, nothing else.
one_step() {
    cat <<END
[train]
batch = 4
steps_per_epoch = 1
validation_steps = 0
epochs = 1
[device]
selftest = false
END
}

# ---- Runs ----

# What a run recorded, without how long it took.
record_of() { grep -vE '"(seconds|images_per_second)"' "$1/history.json"; }

# Two run directories are of the same training, to the bit.
same_run() {
    cmp "$1/model.safetensors" "$2/model.safetensors" &&
        cmp "$1/checkpoint.safetensors" "$2/checkpoint.safetensors" &&
        [ "$(record_of "$1")" = "$(record_of "$2")" ]
}

# Its braces and brackets pair up, and it holds every text. (No JSON program need be installed.)
json_holds() {
    local file=$1 text
    shift
    [ "$(tr -dc '{[' <"$file" | wc -c)" -eq "$(tr -dc '}]' <"$file" | wc -c)" ] || return 1
    for text in "$@"; do
        grep -qF -- "$text" "$file" || return 1
    done
}

# The script's own exit status.
finish() {
    echo "$passed passed, $failed failed"
    [ "$failed" -eq 0 ]
}
