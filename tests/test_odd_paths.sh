#!/usr/bin/env bash
# Directories by any name that a file system takes: quotes, a backslash, comment marks, control
# characters, a line end, UTF-8 and what is none. From a config, an option and the environment,
# through everything that is written and read again.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"

odd=$'it\'s "a" \\ C#;x|$x\t\n\x01\xff\xc3\xbc'
if ! mkdir "$scratch/$odd" 2>/dev/null; then
    odd=$'it\'s "a" \\ C#;x|$x\t\xc3\xbc'
    echo "the file system takes no name that is not UTF-8: tried with one that is"
    mkdir "$scratch/$odd" || exit 1
fi
here=$PWD
cd "$scratch/$odd" || exit 1 # short names, and all of them below an odd one
data=$scratch/$odd/$odd-data
ln -s "$here/tests/sample" "$data"

# What stands in "..." for a text.
escaped() {
    printf '%s' "$1" | LC_ALL=C od -An -v -tx1 | tr -d ' \n' | sed 's/../\\x&/g'
}

config() {
    printf '[model]\nfilters = 2\n[data]\n%s\n[train]\nbatch = 4\nsteps_per_epoch = 1\n' "$1"
    printf 'validation_steps = 0\nepochs = 2\n[device]\nselftest = false\n'
}
# Of the temporary directory only the odd part is escaped, or the text would be too long.
config "directory = \"$scratch/$(escaped "$odd/$odd")-data\"" >"$odd.ini"
config "" >plain.ini
config $'directory = \'/a\\b"c#d\'' >"single.ini"

works "a config takes '...' as it is" info single.ini --json
check "without a change" json_holds "$scratch/out" 'directory = \"/a\\\\b\\x22c#d\"'

run_odd=$odd-run
works "train, from a config" train "$odd.ini" --run "$run_odd"
works "train, from --set" train plain.ini --run set --set "data.directory=$data"
UNBLEND_DATA=$data works "train, from the environment" train plain.ini --run environment
for other in set environment; do
    check "the same model: $other" cmp "$run_odd/model.safetensors" "$other/model.safetensors"
    check "the same config: $other" cmp "$run_odd/config.ini" "$other/config.ini"
done
LC_ALL=C check "a config on lines of its own" [ "$(grep -c '^directory = ".*-data"$' "$run_odd/config.ini")" -eq 1 ]
works "its own config trains again" train "$run_odd/config.ini" --run again
check "the same model once more" cmp "$run_odd/model.safetensors" again/model.safetensors
works "a run goes on" train --resume "$run_odd" --set train.epochs=3
model=$run_odd/model.safetensors

works "info --json" info "$model" --json
check "is JSON" json_holds "$scratch/out" '"config"'
works "evaluate" evaluate "$model" --runs 1 --samples 5 --json
works "evaluate, from --data" evaluate "$model" --runs 1 --samples 5 --json --data "$data"
works "plot" plot "$run_odd"
works "mix" mix "$odd-pictures" --count 2 --data "$data"
cp "$odd-pictures/0001.png" "$odd-pictures/$odd.png"
works "separate" separate "$model" "$odd-pictures" "$odd-parts" --json
check "into names that are as odd" [ -s "$odd-parts/$odd.mnist.png" ]
check "with a manifest" json_holds "$odd-parts/manifest.json" '"complete": true'

{ config "directory = 'nowhere'" && printf '[search]\ntrials = 1\n[space]\ndata.directory = "%s"\n' \
    "$scratch/$(escaped "$odd/$odd")-data"; } >space.ini
works "search" search space.ini --run "$odd-search"
check "writes a record" json_holds "$odd-search/trials.json" '"data.directory"'
works "the winner's config" train "$odd-search/best.ini" --run best
check "trains the same model" cmp set/model.safetensors best/model.safetensors
works "and goes on" search --resume "$odd-search"

if command -v python3 >/dev/null; then
    for file in "$odd-parts/manifest.json" "$run_odd/history.json" "$odd-search/trials.json"; do
        check "JSON: ${file##*/}" python3 -c 'import json, sys; json.load(open(sys.argv[1], encoding="utf-8"))' "$file"
    done
fi

finish
