#!/usr/bin/env bash
# `unblend new`: what it says of folders of pictures, the config it writes, and what it refuses.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"

here=$PWD
pictures=$scratch/folders
mkdir "$pictures"

# picture FILE FORMAT WIDTH HEIGHT: black; P5 is gray, P6 coloured
picture() {
    local bytes=$(($3 * $4))
    [ "$2" = P5 ] || bytes=$((3 * bytes))
    { printf '%s %d %d 255\n' "$2" "$3" "$4" && head -c "$bytes" /dev/zero; } >"$1"
}
# folder NAME COUNT FORMAT WIDTH HEIGHT
folder() {
    local i
    mkdir -p "$pictures/$1"
    picture "$pictures/$1/000.ppm" "$3" "$4" "$5"
    for ((i = 1; i < $2; i++)); do cp "$pictures/$1/000.ppm" "$pictures/$1/$(printf %03d "$i").ppm"; done
}
# of CONFIG KEY VALUE: the config has that line
of() { grep -qxF -- "$2 = $3" "$1"; }

folder small 130 P5 28 20
folder digits 130 P5 28 20
folder photos 130 P6 150 100
folder "odd, 'name'" 130 P5 150 100

# ---- Two commands ----

cd "$kept" || exit 1
works "new" new "$pictures/small" "$pictures/digits"
check "says how many pictures there are" printed '^  pictures    130: [0-9]+ for training, [0-9]+ for valid'
check "of which size" printed '^  size        all 28 x 20 \(width x height\)$'
check "gray ones" printed '^  colour      all gray$'
check "names the next command" printed '^  unblend train unblend\.ini$'
check "and where the run will be" printed 'The run will be in runs/unblend\.'
check "and how to see blends" printed '^  unblend mix blends/ unblend\.ini$'
check "the config: size" of unblend.ini size 24x32
check "the config: fit" of unblend.ini fit pad
check "the config: channels" of unblend.ini channels 1
check "the config: names" of unblend.ini names "small, digits"
check "the config: sources" of unblend.ini sources '"small", "digits"'
check "the config: directory" of unblend.ini directory "\"$(cd "$pictures" && pwd -P)\""
works "the config describes a network" info unblend.ini

works "new, on IDX files" new "$here/tests/sample/mnist" "$here/tests/sample/fashion-mnist" --config idx.ini
check "counts their pictures" printed '^  pictures    2,500 in IDX files: 1,600 for training, 400 for valid'
check "and gives them a border" of idx.ini size 32x32
tiny=(--set model.filters=2 --set train.batch=4 --set train.steps_per_epoch=1 --set train.validation_steps=1
    --set train.epochs=1 --set device.selftest=false)
works "its config trains, from another directory" train idx.ini --run "$scratch/run" "${tiny[@]}"
mkdir -p runs/idx && touch runs/idx/something
works "new again, with --force" new "$here/tests/sample/mnist" "$here/tests/sample/fashion-mnist" --config idx.ini \
    --force
check "does not propose a run that is there" printed '^  unblend train idx\.ini --run runs/idx-2$'

# ---- What pictures are like ----

works "new, on photos" new "$pictures/small" "$pictures/photos" --config "it's.ini"
check "a colour for all" of "it's.ini" channels 3
check "scaled to the smaller ones" of "it's.ini" fit resize
check "the command is quoted" printed "^  unblend train 'it'\\\\''s\.ini'$"
works "new, with an odd name" new "$pictures/photos" "$pictures/odd, 'name'" --config odd.ini
check "a name of safe letters" of odd.ini names "photos, odd---name-"
check "cropped" of odd.ini fit crop
works "and trained on" train odd.ini --run "$scratch/odd" "${tiny[@]}"
check "mirrors are offered" grep -qx '# flip = true, true' odd.ini
works "odd folders in a config" info odd.ini

works "new, one folder twice" new "$pictures/photos" "$pictures/photos/" --config twice.ini
check "is said" printed 'train\.objective = permutation'
check "any order" of twice.ini objective permutation
check "two names" of twice.ini names "photos-1, photos-2"
works "it trains, too" train twice.ini --run "$scratch/twice" "${tiny[@]}"

mkdir -p "$pictures/classes/cats" "$pictures/classes/dogs"
cp "$pictures/small"/0* "$pictures/classes/cats"
cp "$pictures/small"/1* "$pictures/classes/dogs"
works "new, with sub-folders" new "$pictures/classes" "$pictures/digits" --config classes.ini
check "they count" of classes.ini subfolders true
check "which is said" printed '^Sub-folders '
works "new, with four" new "$pictures"/{small,digits,photos,classes} --config four.ini
check "four names" of four.ini names "small, digits, photos, classes"

mkdir "$pictures/some"
cp "$pictures/small"/00* "$pictures/some"
echo text >"$pictures/some/notes.txt"
echo "no picture" >"$pictures/some/broken.png"
works "new, with a broken picture" new "$pictures/small" "$pictures/some" --config some.ini
check "warns of it" told 'some: 1 of the 11 pictures that were looked at cannot be read'
check "and says why" told 'broken\.png: not a picture'
check "warns of few" told 'only [0-9]+ pictures to train on'
check "counts the others" printed '^  others      1 file that is no picture$'

OCL_ICD_VENDORS=/nonexistent works "new, without a driver" new "$pictures/small" "$pictures/digits" \
    --config driver.ini
check "warns of that" told 'no OpenCL device'
check "for a CPU" of driver.ini filters 32

# ---- What is refused ----

two=("$pictures/small" "$pictures/digits")
refuses "new, no folder" 2 "argument is missing" "FOLDER" new
refuses "new, one folder" 2 "argument is missing" "FOLDER" new "$pictures/small" --config one.ini
refuses "new, five folders" 2 "one argument too many" "small" \
    new "$pictures"/{small,digits,photos,classes,small} --config five.ini
refuses "a config that is there" 2 "unblend.ini: already exists" "--force" new "${two[@]}"
refuses "a directory as config" 2 "$scratch: is a directory" "--config" new "${two[@]}" --config "$scratch" --force
refuses "a config in no directory" 2 "there is no directory" "nowhere" new "${two[@]}" --config nowhere/a.ini
refuses "a config below a file" 2 "unblend.ini: not a directory" "" new "${two[@]}" --config unblend.ini/a.ini
refuses "an empty name of a config" 2 "--config" "empty" new "${two[@]}" --config ""
refuses "a device as config" 2 "/dev/null" "" new "${two[@]}" --config /dev/null --force
refuses "a device that is not there" 2 "no such device" "none" new "${two[@]}" --config never.ini --device none
refuses "a missing folder" 3 "$scratch/none: there is no such folder" "" \
    new "$pictures/small" "$scratch/none" --config never.ini
refuses "a file for a folder" 3 "000.ppm" "not a directory" \
    new "$pictures/small" "$pictures/small/000.ppm" --config never.ini
mkdir "$bad/empty" "$bad/others" "$bad/one" "$bad/damaged" "$bad/closed"
touch "$bad/others/a.txt"
cp "$pictures/small/000.ppm" "$bad/one"
for i in 1 2 3; do echo text >"$bad/damaged/$i.png"; done
refuses "an empty folder" 3 "empty: holds no picture" "" new "$bad/empty" "$pictures/small" --config never.ini
refuses "a folder of other files" 3 "others: holds no picture" "1 other files" \
    new "$pictures/small" "$bad/others" --config never.ini
refuses "a folder with one picture" 3 "one: holds only one picture" "" \
    new "$pictures/small" "$bad/one" --config never.ini
refuses "a folder of damaged pictures" 3 "none of the 3 pictures" "not a picture" \
    new "$pictures/small" "$bad/damaged" --config never.ini
if [ "$(id -u)" -ne 0 ]; then
    chmod 000 "$bad/closed"
    refuses "a closed folder" 3 "closed: this folder cannot be read" "Permission denied" \
        new "$pictures/small" "$bad/closed" --config never.ini
    chmod 500 "$bad/closed"
    refuses "a config where none may be written" 1 "closed" "Permission denied" \
        new "${two[@]}" --config "$bad/closed/a.ini"
    chmod 700 "$bad/closed"
fi
if [ -w /dev/full ]; then
    "$unblend" new "${two[@]}" --config full.ini >/dev/full 2>"$scratch/err"
    check "a full disk is no success" [ $? -eq 1 ]
fi

cd "$here" || exit 1
finish
