#!/usr/bin/env bash
# Every command crossed with every kind of subject and every kind of mistake, from --set, an option
# and the environment: the documented exit code, a message that names what was wrong, no signal, no
# finding of a sanitizer, nothing written.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"

# No code of ours, so that it is not taken for one.
export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}exitcode=99
export LSAN_OPTIONS=${LSAN_OPTIONS:+$LSAN_OPTIONS:}exitcode=99

# ---- The subjects ----

config=$scratch/tiny.ini space=$scratch/space.ini
{ printf '[model]\nfilters = 2\n[data]\ndirectory = tests/sample\n' && one_step; } >"$config"
{ cat "$config" && printf '[search]\ntrials = 1\n[space]\nmodel.filters = 2 | 3\n'; } >"$space"
works "a model to start from" train "$config" --run "$kept/run"
model=$kept/run/model.safetensors
mkdir "$kept/search" "$scratch/pictures"
cp "$space" "$kept/search/search.ini"
works "and pictures" mix "$kept/pictures" --count 1 --data tests/sample

long=$(printf '%0901d' 0)
count=0
before=$(fingerprint)

# expect CODE TEXT ARGUMENTS...: silent unless something is wrong
expect() {
    local code=$1 text=$2 wrong=
    shift 2
    count=$((count + 1))
    run "$@"
    if [ "$status" -ne "$code" ]; then
        wrong="exit code $status instead of $code"
    elif grep -qE 'Sanitizer|runtime error:' "$scratch/err"; then
        wrong="a sanitizer's finding"
    elif ! grep -qE '^unblend: ' "$scratch/err"; then
        wrong="no message"
    elif ! grep -qF -- "$text" "$scratch/err"; then
        wrong="the message should hold \"$text\""
    fi
    [ -z "$wrong" ] || report FAILED "$*: $wrong"
}

# done_with NAME: the calls since the last time were as expected, and nothing is different
last_failed=0
done_with() {
    [ "$(fingerprint)" = "$before" ] || report FAILED "$1: files have changed"
    [ "$failed" -gt "$last_failed" ] || report ok "$1 ($count calls)"
    last_failed=$failed count=0
}

# Whole command lines, without a mistake but for what is added. A command with --set takes the first
# group of mistakes, one with a device the second, one with data sets the third.
never=$kept/never
setting=(
    "info $config" "info $model" "selftest $config" "selftest $model" "selftest"
    "bench $config" "bench $model" "tune $config" "tune $model" "tune"
    "train $config --run $never" "search $space --run $never" "train --resume $kept/run")
computing=(
    "selftest $config" "selftest $model" "bench $config" "bench $model" "tune $config"
    "tune $model" "train $config --run $never" "search $space --run $never"
    "train --resume $kept/run" "search --resume $kept/search" "evaluate $model" "plot $kept/run"
    "separate $model $kept/pictures $never")
reading=("evaluate $model" "plot $kept/run" "mix $never")
other=("info $config" "info $model")

# ---- Settings ----

bad_settings() {
    expect 2 "did you mean model.filters" "$@" --set model.filter=3
    expect 2 "unknown key" "$@" --set "x\"y.z'=3"
    expect 2 "not a whole number" "$@" --set model.filters=abc
    expect 2 "out of range" "$@" --set model.filters=0
    expect 2 "(nothing)" "$@" --set model.filters=
    expect 2 "too few items" "$@" --set data.sources=
    expect 2 "renamed to data.names" "$@" --set data.name_a=x
    expect 2 "(nothing)" "$@" --set data.directory=
    expect 2 "3'" "$@" --set "model.filters=3'"
    expect 2 'relu"' "$@" --set 'model.activation=relu"'
    expect 2 'a\b' "$@" --set 'data.names=a\b,c'
    expect 2 "a?b" "$@" --set $'data.names=a\eb,c'
    expect 2 "are both fashion" "$@" --set data.names=fashion,fashion
    expect 2 "too long" "$@" --set "data.directory=$long"
    expect 2 "section.key=value" "$@" --set model.filters
    expect 2 "section.key=value" "$@" --set =3
    expect 2 "section.key=value" "$@" --set ""
}

for line in "${setting[@]}"; do
    read -ra words <<<"$line"
    bad_settings "${words[@]}"
done
done_with "bad --set"

# ---- Devices ----

for line in "${computing[@]}"; do
    read -ra words <<<"$line"
    for option in device platform; do
        expect 2 "no such $option" "${words[@]}" "--$option" "Bob's GPU\\\""
        expect 2 "the value is empty" "${words[@]}" "--$option" ""
        expect 2 "too long" "${words[@]}" "--$option" "$long"
    done
    UNBLEND_DEVICE="Bob's \"GPU\\" expect 2 "no such device" "${words[@]}"
    UNBLEND_PLATFORM=77 expect 2 "no such platform" "${words[@]}"
    UNBLEND_DEVICE=$long expect 2 "environment UNBLEND_DEVICE: device.device" "${words[@]}"
    UNBLEND_DATA=$long expect 2 "environment UNBLEND_DATA: data.directory" "${words[@]}"
done
done_with "bad devices"

for line in "${other[@]}" "${reading[@]}"; do
    read -ra words <<<"$line"
    UNBLEND_DATA=$long expect 2 "environment UNBLEND_DATA: data.directory" "${words[@]}"
    UNBLEND_PLATFORM=$long expect 2 "environment UNBLEND_PLATFORM" "${words[@]}"
done
done_with "bad environment"

# ---- Data ----

for line in "${reading[@]}"; do
    read -ra words <<<"$line"
    expect 3 "Bob's \"\\data/" "${words[@]}" --data "Bob's \"\\data"
    expect 2 "the value is empty" "${words[@]}" --data ""
    expect 2 "too long" "${words[@]}" --data "$long"
    UNBLEND_DATA="Bob's \"\\data" expect 3 "Bob's \"\\data/" "${words[@]}"
done
expect 3 "Bob's \"\\data/" train "$config" --run "$never" --set "data.directory=Bob's \"\\data"
UNBLEND_DATA="Bob's \"\\data" expect 3 "Bob's \"\\data/" train "$config" --run "$never"
done_with "bad data directories"

# ---- Subjects that are something else ----

printf 'PK\3\4\24\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\20\0\0\0archive/data.pkl' >"$bad/net.pt"
: >"$bad/empty"
head -c 2000 "$model" >"$bad/cut.safetensors"
mkdir "$bad/folder"
for line in "evaluate @" "separate @ $kept/pictures $never"; do
    subject() { read -ra words <<<"${line/@/$1}"; }
    subject "$config" && expect 3 "a config, and a model is needed" "${words[@]}"
    subject "$space" && expect 3 "a config, and a model is needed" "${words[@]}"
    subject "$kept/run" && expect 3 "the model in it is $model" "${words[@]}"
    subject "$bad/folder" && expect 3 "a directory" "${words[@]}"
    subject "$bad/net.pt" && expect 3 "a PyTorch file" "${words[@]}"
    subject "$kept/run/checkpoint.safetensors" && expect 3 "a checkpoint" "${words[@]}"
    subject "$bad/cut.safetensors" && expect 3 "cut.safetensors" "${words[@]}"
    subject "$bad/empty" && expect 3 "$bad/empty" "${words[@]}"
    subject "$bad/none" && expect 3 "No such file" "${words[@]}"
    subject "$kept/run/panel.png" && expect 3 "a picture (PNG)" "${words[@]}"
done
for command in info selftest bench tune; do
    expect 2 "[search] belongs to the space of a search" "$command" "$space"
    expect 3 "the model in it is $model" "$command" "$kept/run"
    expect 3 "a directory" "$command" "$bad/folder"
    expect 3 "a PyTorch file" "$command" "$bad/net.pt"
    expect 3 "a checkpoint" "$command" "$kept/run/checkpoint.safetensors"
    expect 3 "cut.safetensors" "$command" "$bad/cut.safetensors"
    expect 2 "No such file" "$command" "$bad/none"
    expect 3 "No such file" "$command" "$bad/none.safetensors"
    expect 3 "a picture (PNG)" "$command" "$kept/run/panel.png"
done
expect 2 "[search] belongs to the space of a search" train "$space" --run "$never"
expect 2 "the config in it is $kept/run/config.ini" train "$kept/run" --run "$never"
expect 2 "nothing to search" search "$config" --run "$never"
expect 2 "the space in it is $kept/search/search.ini" search "$kept/search" --run "$never"
for command in train search; do
    expect 2 "take models" "$command" "$model" --run "$never"
    expect 2 "a PyTorch file" "$command" "$bad/net.pt" --run "$never"
    expect 2 "a directory" "$command" "$bad/folder" --run "$never"
    expect 2 "No such file" "$command" "$bad/none" --run "$never"
    expect 2 "a picture (PNG)" "$command" "$kept/run/panel.png" --run "$never"
    expect 2 "no such run" "$command" --resume "$bad/none"
done
expect 2 "plot takes the directory of a run" plot "$model"
expect 2 "plot takes the directory of a run" plot "$config"
expect 2 "plot takes the directory of a run" plot "$bad/empty"
done_with "subjects that are something else"

# ---- What is no mistake ----

UNBLEND_DATA="Bob's" works "a quote in UNBLEND_DATA is no fault of a model" info "$model"
TMPDIR=$config works "no temporary directory is needed for a model" info "$model"
TMPDIR=/nonexistent works "nor for a config" info "$config"
printf '[model]\nfilters = 2\n[data]\ndirectory = /data/C#/x ; there\n' >"$bad/hash.ini"
works "a # inside a value" info "$bad/hash.ini" --json
check "belongs to it" json_holds "$scratch/out" 'directory = \"/data/C#/x\"'
check "which is said" told 'hash.ini:4: data.directory = /data/C#/x: the # belongs to the value'
sed -i 's|/data/C#/x|"&"|' "$bad/hash.ini"
works "or said by quotes" info "$bad/hash.ini"
check "without a warning" not told warning
# A zero is no text, wherever it is: in the middle of a line or at its end.
printf '[model]\nfilters = 2\n[data]\ndirectory = tests/sample\0\n' >"$bad/zero.ini"
refuses "a zero byte in a config" 2 "$bad/zero.ini:4:" "column 25" info "$bad/zero.ini"
{ cat "$bad/zero.ini" && printf '[space]\nmodel.filters = 2\n'; } >"$bad/space.ini"
refuses "a zero byte in a space" 2 "$bad/space.ini:4:" "column 25" \
    search "$bad/space.ini" --run "$never"

finish
