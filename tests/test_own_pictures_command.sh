#!/usr/bin/env bash
# Training on folders of pictures by the command line: from folders to a model and what is done with it, resumed
# to the bit while pictures are streamed, and everything that can be wrong with such folders.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}verify_asan_link_order=0

# ---- Pictures ----

own=$scratch/own # its folders: pages and photos in colour, larger than what the network sees
mkdir -p "$own"
works "pictures" mix "$scratch/pool" --count 24 --data tests/sample --set data.size=44x52
mkdir "$own/pages" "$own/photos"
cp "$scratch"/pool/truth/*.mnist.png "$own/pages/"
cp "$scratch"/pool/truth/*.fashion.png "$own/photos/"
{ printf 'P6 30 20 255\n' && head -c 1800 tests/sample/mnist/train-images-idx3-ubyte*; } >"$own/photos/colour.ppm"
printf 'P2 3 2 255\n0 50 100 150 200 250\n' >"$own/photos/tiny.pgm"
printf 'P2 1 1 255\n7\n' >"$own/pages/dot.pgm"

config=$scratch/own.ini
write_config() {
    cat <<END
[model]
filters = 2
modules = 2
convolutions = 1
[data]
directory = $own
sources = pages, photos
size = 16x16
channels = 3
flip = false, true
rotate = true, false
[mix]
kind = weights
weight = 0.3 .. 0.7
noise = 0.02
gamma = 2.2
clean = 0.1
[train]
batch = 4
steps_per_epoch = 20
validation_steps = 2
epochs = 3
[device]
selftest = false
END
}
write_config >"$config"

# ---- From folders to a model ----

works "train on folders" train "$config" --run "$kept/resident"
check "says where decoded pictures are" told "pages: 25 pictures decoded, .* MiB in $scratch/pictures/.*may be removed"
check "leaves a panel" [ -s "$kept/resident/panel.png" ]
works "again" train "$config" --run "$scratch/again"
check "decodes nothing again" not told "decoded"
check "is the same to the bit" same_run "$kept/resident" "$scratch/again"
model=$kept/resident/model.safetensors
works "evaluate" evaluate "$model" --runs 1 --samples 20 --json
check "scores both sources" printed '"photos"'
works "evaluate --clean" evaluate "$model" --runs 1 --samples 20 --clean
check "says what it scores" printed "nothing blended in"
works "mix by the model's rule" mix "$scratch/mixed" "$model" --count 3
works "mix by the config's" mix "$scratch/mixed2" "$config" --count 3
check "which is the same" diff -r "$scratch/mixed" "$scratch/mixed2"
works "separate" separate "$model" "$scratch/mixed" "$scratch/parts"
check "into the sources" [ -s "$scratch/parts/0003.pages.png" -a -s "$scratch/parts/0003.photos.png" ]
works "plot" plot "$kept/resident" --count 2
for command in info bench selftest; do
    works "$command CONFIG" "$command" "$config"
    works "$command MODEL" "$command" "$model"
done
{ cat "$config" && printf '[search]\ntrials = 2\n[space]\nmodel.filters = 2 | 3\n'; } >"$scratch/space.ini"
works "search" search "$scratch/space.ini" --run "$scratch/search" --set train.epochs=1

# ---- Streamed ----

streamed=(--set data.memory=1 --set data.cache=none --set data.cache_limit=0)
works "streamed from the files" train "$config" --run "$kept/streamed" "${streamed[@]}"
check "says so" told "pictures are streamed"
check "the same losses" [ "$(record_of "$kept/resident")" = "$(record_of "$kept/streamed")" ]
works "a part of it" train "$config" --run "$scratch/parted" "${streamed[@]}" --set train.epochs=1
works "resumed" train --resume "$scratch/parted" --set train.epochs=3
check "the same to the bit" same_run "$kept/streamed" "$scratch/parted"

check "without a warning" not told "warning"
mv "$own/pages/0003.mnist.png" "$scratch/"
works "resumed without one of the pictures" train --resume "$scratch/parted" --set train.epochs=4
check "which is said" told "pictures have been added, removed or renamed since the training began"
mv "$scratch/0003.mnist.png" "$own/pages/"

begin train "$config" --run "$scratch/stopped" "${streamed[@]}" --set train.steps_per_epoch=4000
wait_for [ -e "$scratch/stopped/config.ini" ]
sleep 1
kill -INT "$pid"
end
check "a signal ends it" [ "$status" -eq 130 ]
check "in good order" told "go on with: unblend train --resume"

begin train "$config" --run "$scratch/fleeting" "${streamed[@]}" --set train.steps_per_epoch=100000 --set train.time_limit=6
wait_for [ -e "$scratch/fleeting/config.ini" ]
sleep 1
mkdir "$scratch/away"
for file in "$own"/photos/000[1-7]*; do mv "$file" "$scratch/away/"; done
for file in "$own"/photos/001[0-5]*; do cp "$file" "$scratch/away/" && : >"$file"; done
end
cp "$scratch"/away/* "$own/photos/"
check "files may vanish and break meanwhile" [ "$status" -eq 0 ]
check "which is counted" told "could not be read and was replaced by another, [0-9]+ times in all"

# ---- The cache ----

"${CC:-cc}" -std=c11 -O2 -shared -fPIC -o "$scratch/faults.so" tests/file_faults.c -ldl || exit 1
full() {
    FAULT_BELOW=$scratch/small-disk FAULT_KIND=full FAULT_AT=$1 LD_PRELOAD=$scratch/faults.so \
        works "a disk that is full at call $1" train "$config" --run "$scratch/full$1" --force \
        --set "data.cache=$scratch/small-disk"
    check "says so and goes on" told "No space left on device; decoded pictures are kept in memory"
    check "to the same result" [ "$(record_of "$kept/resident")" = "$(record_of "$scratch/full$1")" ]
}
for call in 2 3 4 5; do
    rm -rf "${scratch:?}/small-disk"
    mkdir "$scratch/small-disk"
    full "$call"
done
check "and leaves no half of a file" [ -z "$(find "$scratch/small-disk" -name '.unblend-tmp*')" ]
works "a file in its place" train "$config" --run "$scratch/nowhere" --set "data.cache=$config"
check "is only a warning" told "kept in memory"

# ---- What is wrong with folders ----

# with NAME=VALUE...: the config with other keys, at $scratch/other.ini
with() {
    local set
    cp "$config" "$scratch/other.ini"
    for set in "$@"; do
        sed -i "s|^${set%%=*} = .*|${set%%=*} = ${set#*=}|" "$scratch/other.ini"
    done
}
never=$kept/never
# bad_folder NAME CODE TEXT TEXT SOURCES
bad_folder() {
    with "sources=$5"
    refuses "train: $1" "$2" "$3" "$4" train "$scratch/other.ini" --run "$never"
    refuses "mix: $1" "$2" "$3" "$4" mix "$never" "$scratch/other.ini"
}

bad_folder "a folder that is not there" 3 "$own/none: no such folder" "pictures" "pages, none"
mkdir "$own/empty" "$own/texts" "$own/damaged" "$own/nested" "$own/nested/inner"
bad_folder "an empty folder" 3 "$own/empty" "nor any picture" "pages, empty"
echo text >"$own/texts/a.txt"
bad_folder "no picture in it" 3 "$own/texts" "nor any picture" "texts, pages"
for i in 1 2 3 4 5 6 7; do echo no >"$own/damaged/$i.png"; done
bad_folder "all damaged" 3 "$own/damaged: none of its 7 pictures can be read" "" "pages, damaged"
cp "$own"/pages/*.png "$own/nested/inner/"
bad_folder "pictures in sub-folders" 3 "$own/nested" "data.subfolders = true" "pages, nested"
bad_folder "the same folder twice" 2 "two sources are both pages" "give them different names" "pages, pages"
bad_folder "one source" 2 "too few items" "" "pages"
bad_folder "five sources" 2 "too many items" "" "pages, photos, a, b, c"
: >"$own/a-file"
bad_folder "a file" 3 "$own/a-file" "" "pages, a-file"
mkdir -p "$own/untaught/test" "$own/untaught/train"
cp "$own"/pages/0001*.png "$own/untaught/test/"
bad_folder "an empty train/" 3 "train is empty" "" "pages, untaught" 2>/dev/null

mkdir "$own/half"
cp tests/sample/mnist/train-images-idx3-ubyte* "$own/pages/0001.mnist.png" "$own/pages/0002.mnist.png" "$own/half/"
with "sources=half, photos" "size=32x32" "channels=1"
works "IDX files beside pictures" train "$scratch/other.ini" --run "$scratch/half"
refuses "are no test set with them" 3 "half/t10k-images-idx3-ubyte" "no such file" mix "$never" "$scratch/other.ini"

mkdir "$own/odd"
for i in 1 2 3 4 5 6 7 8; do
    { printf 'P5 13 11 255\n' && tail -c "$((143 * i))" "$own/pages/0001.mnist.png" | head -c 143; } >"$own/odd/$i.pgm"
done
with "sources=odd, odd" "fit=pad"
sed -i 's/^channels = 3/channels = 1\nfit = pad\nnames = x, y/' "$scratch/other.ini"
works "pictures with an odd border" train "$scratch/other.ini" --run "$scratch/odd"
works "give a model that opens" info "$scratch/odd/model.safetensors"
works "and separates such pictures" separate "$scratch/odd/model.safetensors" "$own/odd" "$scratch/odd-parts"

with "sources=pages, nested"
works "sub-folders if asked" train "$scratch/other.ini" --run "$scratch/nested" --set data.subfolders=true
with "sources=pages, pages"
works "the same folder twice with names" train "$scratch/other.ini" --run "$scratch/twice" \
    --set data.names=one,two --set train.objective=permutation
works "evaluate it" evaluate "$scratch/twice/model.safetensors" --runs 1 --samples 10
check "in the better order" printed "better order"
refuses "--clean of it" 2 "--clean" "permutation" evaluate "$scratch/twice/model.safetensors" --clean

mkdir "$own/mixed-lot" "$own/single"
cp "$own"/pages/*.png "$own/mixed-lot/"
head -c 300 "$own/pages/0001.mnist.png" >"$own/mixed-lot/cut.png"
printf 'P5 70000 20 255\n' >"$own/mixed-lot/wide.pgm"
head -c 1400000 /dev/zero >>"$own/mixed-lot/wide.pgm"
{ printf 'P5 2 2 65535\n' && printf '\0\1\2\3\4\5\6\7'; } >"$own/mixed-lot/deep.pgm" # 16 bits: a good one
ln -s nowhere "$own/mixed-lot/link.jpg"
mkdir "$own/mixed-lot/folder.png"
with "sources=mixed-lot, photos"
works "bad pictures among good ones" train "$scratch/other.ini" --run "$scratch/lot"
check "are counted" told "3 of 28 pictures cannot be read and are left out"
check "and listed" told "cut.png: damaged PNG"
check "each" told "wide.pgm: too large"
check "of them" told "link.jpg"
works "again they are" train "$scratch/other.ini" --run "$scratch/lot2"
check "listed again" told "cut.png: damaged PNG"
cp "$own/pages/0002.mnist.png" "$own/single/"
with "sources=single, photos"
works "one picture in a folder" train "$scratch/other.ini" --run "$scratch/one"
check "is trained on" told "single: none of its 1 pictures is held out for validation"
refuses "and cannot be a test" 3 "single/test" "data.test" evaluate "$scratch/one/model.safetensors"

with size=17x17
refuses "a size that does not divide" 2 "17" "" train "$scratch/other.ini" --run "$never"
with size=512x512
refuses "too little memory" 5 "data.memory" "train.batch or data.size" train "$scratch/other.ini" --run "$never" \
    --set data.memory=1 --set model.modules=1 --set model.filters=1
refuses "--project with a rule of its own" 2 "--project" "average" evaluate "$model" --project
for bad in "mix.weight=0.7 .. 0.3" "mix.weight=a .. b" "mix.weight=0 .. 2" "mix.gamma=0" \
    "mix.noise=2" "data.fit=squeeze" "data.rotate=true" "data.longest_side=-1"; do
    refuses "$bad" 2 "${bad%%=*}" "" train "$config" --run "$never" --set "$bad"
done
refuses "consistent outputs of drawn weights" 2 "mix.kind" "consistent" train "$config" --run "$never" \
    --set mix.clean=0 --set model.consistent=true

finish
