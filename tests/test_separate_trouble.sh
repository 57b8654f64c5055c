#!/usr/bin/env bash
# unblend separate (and mix, and data sets) where something is wrong with a picture, a name, a folder:
# what is one picture's matter stays that picture's, results and manifest agree, and unblend knows its
# own results again.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

one_step | tiny_model_and >"$scratch/tiny.ini"
works "a model" train "$scratch/tiny.ini" --run "$scratch/run"
model=$scratch/run/model.safetensors
works "pictures" mix "$scratch/pool" --count 4 --data tests/sample
in=$scratch/in out=$scratch/separated
mkdir "$in"

put() { cp "$scratch/pool/$1.png" "$in/$2"; }
separates() { # NAME CODE
    run separate "$model" "$in" "$out"
    check "$1: exit $2" [ "$status" -eq "$2" ]
}
results_of() { (cd "$out" && printf '%s ' "$1".*.png); }
has_both() { [ "$(results_of "$1")" = "$1.fashion.png $1.mnist.png " ]; }
has_none() { [ ! -e "$out/$1.fashion.png" ] && [ ! -e "$out/$1.mnist.png" ]; }
manifest_says() { json_holds "$out/manifest.json" "$@"; }

# ---- One picture, well, damaged, away, well again ----

put 0001 cat.png
put 0002 dog.png
separates "two pictures" 0
check "both have results" eval 'has_both cat && has_both dog'
echo "no picture any more" >"$in/cat.png"
separates "one damaged" 8
check "its old results are gone" has_none cat
check "the other's are there" has_both dog
check "the manifest says so" manifest_says '"status": "failed"' 'cat.png: not a picture'
put 0001 cat.png
separates "repaired" 0
check "has results again" has_both cat
rm "$in/cat.png"
separates "one away" 0
check "its results are still there" has_both cat
check "and listed as earlier ones" manifest_says '"earlier"' '"output": "cat.mnist.png"'
put 0003 cat.png
separates "back again" 0
check "no result is an earlier one" not manifest_says '"output": "cat.mnist.png"'
mkdir "$scratch/other" && put 0004 ../other/cat.png
refuses "another folder's picture of that name" 2 "cat.mnist.png" "choose another" \
    separate "$model" "$scratch/other" "$out"
echo mine >"$out/eel.mnist.png"
put 0001 eel.png
refuses "a file that is not ours" 2 "eel.mnist.png" "choose another" separate "$model" "$in" "$out"
check "stays" grep -qx mine "$out/eel.mnist.png"
rm "$out/eel.mnist.png" "$in/eel.png"

# ---- Names ----

long=$(printf 'n%.0s' {1..235}) # its results' names are just short enough
longer=$(printf 'm%.0s' {1..250})
put 0001 "$long.png"
separates "a name of 239 bytes" 0
check "has results" has_both "$long"
put 0002 "$longer.png"
separates "results whose names are too long" 8
check "is said" told "too long"
check "the others are done" has_both "$long"
rm "$in/$longer.png" "$in/$long.png"
put 0003 owl.png
mkdir "$out/owl.mnist.png"
separates "a folder in the way of a result" 8
check "is named" told 'owl.mnist.png: cannot be written: not a regular file'
check "half a result is none" [ ! -e "$out/owl.fashion.png" ]
check "the others are done" has_both dog
run separate "$model" "$in" "$out" --strict
check "--strict stops there" [ "$status" -eq 3 ]
rmdir "$out/owl.mnist.png"
separates "out of the way" 0
check "and it has results" has_both owl

# ---- Links, other files ----

ln -s nowhere "$in/broken.png"
ln -s loop.png "$in/loop.png"
echo text >"$in/notes.txt"
put 0004 no-ending
put 0004 old.jfif
separates "links that lead nowhere" 8
check "are listed" manifest_says 'broken.png: a link that leads nowhere' 'loop.png: '
check "a picture by any name is one" eval 'has_both no-ending && has_both old'
check "what is none is counted" told '^1 file in .*/in is no picture and left out: notes\.txt$'
check "and listed" manifest_says '"not_pictures"' '"notes.txt"'
rm "$in/broken.png" "$in/loop.png"
ln -s circle "$scratch/circle"
refuses "a folder that is a circle of links" 3 "$scratch/circle" "symbolic links" \
    separate "$model" "$scratch/circle" "$out"
UNBLEND_DATA=$scratch/circle refuses "data sets there" 3 "$scratch/circle" "symbolic links" \
    mix "$scratch/never"
UNBLEND_DATA=$in/notes.txt refuses "data sets in a file" 3 "notes.txt" "not a directory" \
    mix "$scratch/never"
check "no advice that does not help" not told "make data"
mkdir -p "$scratch/dots/mnist" "$scratch/dots/fashion-mnist"
for set in mnist fashion-mnist; do
    cp "tests/sample/$set/t10k-images-idx3-ubyte.gz" "$scratch/dots/$set/t10k-images.idx3-ubyte.gz"
done
works "sets with a dot in their names" mix "$scratch/dotted" --count 1 --data "$scratch/dots"

# ---- Killed ----

leave_half "$out"
separates "after a kill" 0
check "separate sweeps" [ ! -e "$half" ]
leave_half "$scratch/dotted"
works "mix after a kill" mix "$scratch/dotted" --count 1 --data "$scratch/dots" --force
check "mix sweeps" [ ! -e "$half" ]
mkdir "$scratch/unmixed" "$scratch/untrained"
leave_half "$scratch/unmixed"
works "mix that was killed at once, again" mix "$scratch/unmixed" --count 1 --data "$scratch/dots"
check "and swept" [ ! -e "$half" ]
leave_half "$scratch/untrained"
works "so with train" train "$scratch/run/config.ini" --run "$scratch/untrained"
check "and swept, too" [ ! -e "$half" ]
leave_half "$scratch/run"
works "train after a kill" train --resume "$scratch/run"
check "train sweeps" [ ! -e "$half" ]

# The first manifest is written before the first result: a run that was cut off can go on.
cut=$scratch/cut
mkdir "$scratch/many"
for i in {1..600}; do ln "$scratch/pool/0001.png" "$scratch/many/$i.png"; done
has_begun() { find "$cut" -name '*.mnist.png' | grep -q .; }
begin separate "$model" "$scratch/many" "$cut" --batch 1
wait_for has_begun
kill -s KILL "$pid"
end
check "killed among the pictures" [ "$status" -eq 137 ]
works "the same again goes on" separate "$model" "$scratch/many" "$cut"
check "to its end" [ "$(find "$cut" -name '*.png' | wc -l)" -eq 1200 ]

finish
