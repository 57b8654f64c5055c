#!/usr/bin/env bash
# Every command by its own command line, as a person or a script calls it: what it leaves behind and
# prints when all is well; exit code and message when something is not, and that nothing which stood
# before is changed then.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"

# A PNG's width is in the four bytes from the 16th on.
png_width() { od -An -tu1 -j19 -N1 "$1" | tr -d ' '; }
# The numbers under a key of the JSON in $scratch/out, in their order.
numbers() { grep -oE "\"$1\": [0-9]+" "$scratch/out" | grep -oE '[0-9]+$'; }
# of_unit BYTES UNIT: as tables print it
of_unit() { awk -v bytes="$1" -v unit="$2" 'BEGIN { printf "%.1f", bytes / unit }'; }

is_png_of_width() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] && [ "$(png_width "$1")" = "$2" ]; }

# ---- Without a driver ----

works "--help" --help
check "--help lists the commands" printed '^  selftest '
works "--version" --version
check "--version prints it" printed '^unblend [0-9]+\.[0-9]+\.[0-9]+$'
for command in devices new train separate evaluate mix info selftest bench tune; do
    works "$command --help" "$command" --help
    check "$command --help shows the usage" printed "^Usage: unblend $command"
done
works "help config" help config
check "help config lists keys" printed '^learning_rate = '

export OCL_ICD_VENDORS=/nonexistent
works "--help without a driver" --help
works "--version without a driver" --version
works "train --help without a driver" train --help
refuses "no driver" 4 "no OpenCL device" "pocl-opencl-icd" devices
refuses "training without a driver" 4 "no OpenCL device" "pocl-opencl-icd" \
    train configs/demo.ini --run "$kept/never"
unset OCL_ICD_VENDORS

works "devices" devices
check "devices prints indices" printed '^Platform 0: '
works "devices --json" devices --json
check "devices --json is JSON" json_holds "$scratch/out" '"devices"' '"platform_index": 0' \
    '"max_allocation"'
memory=$(of_unit "$(numbers global_memory | head -n 1)" 1073741824)
largest=$(of_unit "$(numbers max_allocation | head -n 1)" 1073741824)
works "devices, the first one's memory" devices
check "is that of JSON, and its largest buffer" printed "^ +0 .* $memory GiB +$largest GiB "

# ---- Train ----

tiny=$scratch/tiny.ini
cat >"$tiny" <<END
[model]
filters = 2
[data]
directory = tests/sample
[train]
batch = 4
steps_per_epoch = 6
validation_steps = 2
epochs = 2
END

works "train" train "$tiny" --run "$kept/run" --set train.learning_rate=2e-3 --seed 5
model=$kept/run/model.safetensors
check "train writes the model" [ -s "$model" ]
check "train writes its history" json_holds "$kept/run/history.json" \
    '"epochs"' '"loss"' '"val_loss"' '"mnist"' '"fashion"'
check "train writes the config it used" grep -qx 'learning_rate = 0.002' "$kept/run/config.ini"
check "with the seed" grep -qx 'seed = 5' "$kept/run/config.ini"
works "that config trains again" train "$kept/run/config.ini" --run "$kept/again"
check "same seed, same model" cmp "$model" "$kept/again/model.safetensors"
works "another seed" train "$kept/run/config.ini" --run "$kept/other" --seed 6
check "another model" [ "$(sha256sum <"$model")" != "$(sha256sum <"$kept/other/model.safetensors")" ]
(cd "$scratch" && run train tiny.ini --set train.epochs=1 --set train.validation_steps=0 \
    --set device.selftest=false)
check "without --run, the run is named after the config" [ -s "$scratch/runs/tiny/model.safetensors" ]
works "train --force" train "$tiny" --run "$kept/again" --force
here=$PWD
cd / && works "the kernels are found from anywhere" evaluate "$model" --runs 1 --samples 5 \
    --data "$here/tests/sample"
cd "$here" || exit 1

# ---- Evaluate ----

works "evaluate" evaluate "$model" --runs 2 --samples 30
check "evaluate prints every head" printed '^fashion '
works "evaluate --json" evaluate "$model" --runs 2 --samples 30 --seed 3 --json
check "evaluate --json has the keys" json_holds "$scratch/out" \
    '"mse"' '"mean"' '"sd"' '"heads"' '"runs"' '"mnist"' '"fashion"'
cp "$scratch/out" "$scratch/first"
works "evaluate with the same seed" evaluate "$model" --runs 2 --samples 30 --seed 3 --json
check "gives the same numbers" cmp "$scratch/out" "$scratch/first"

# ---- Mix and separate ----

works "mix" mix "$kept/mixed" --count 3 --seed 4 --data tests/sample
check "mix writes mixtures" is_png_of_width "$kept/mixed/0003.png" 32
check "mix writes truths" is_png_of_width "$kept/mixed/truth/0003.mnist.png" 32
works "mix again" mix "$scratch/mixed" --count 3 --seed 4 --data tests/sample
check "same seed, same pictures" diff -r "$kept/mixed" "$scratch/mixed"

cp -r "$kept/mixed" "$kept/pictures"
{ printf 'P5\n# a comment\n28 28\n255\n' && head -c 784 /dev/zero; } >"$kept/pictures/bag.pgm"
base64 -d >"$kept/pictures/cat.JPG" <<'END' # 28 x 28, a gray square
/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABsSFBcUERsXFhceHBsgKEIrKCUlKFE6PTBCYFVlZF9VXVtqeJmBanGQc1tdhbWGkJ6j
q62rZ4C8ybqmx5moq6T/wAALCAAcABwBAREA/8QAFwABAQEBAAAAAAAAAAAAAAAAAAUEBv/EACUQAAAGAQMDBQAAAAAAAAAAAAAB
AgMEERMFBhIUFWEhIzFCcf/aAAgBAQAAPwDmQAAHWwocVUKOpUZk1G2kzM0FZ+gmbjYZZ6fE0hu+V8UkV/AigLUfcGGO210vLggk
3kq6L8GTVNS7hi9nHjv7Xd148DAAAA//2Q==
END
works "separate" separate "$model" "$kept/pictures" "$kept/parts"
check "separate: a PNG of 32 x 32" is_png_of_width "$kept/parts/0001.mnist.png" 32
check "separate: its other source" is_png_of_width "$kept/parts/0001.fashion.png" 32
check "separate: a PGM of 28 x 28" is_png_of_width "$kept/parts/bag.mnist.png" 28
check "separate: a JPEG of 28 x 28" is_png_of_width "$kept/parts/cat.fashion.png" 28
check "separate: the manifest" json_holds "$kept/parts/manifest.json" \
    '"cat.JPG"' '"cat.mnist.png"' '"complete": true'
works "separate one at a time" separate "$model" "$kept/pictures" "$scratch/parts" --batch 1
check "gives the same pictures" diff -r -x manifest.json "$kept/parts" "$scratch/parts"
works "separate names sources as the config does" train "$tiny" --run "$kept/named" \
    --set data.names=digit,clothes --set train.epochs=1
works "as the model says" separate "$kept/named/model.safetensors" "$kept/mixed" "$kept/digits"
check "digit" [ -s "$kept/digits/0001.digit.png" ]
check "and clothes" [ -s "$kept/digits/0001.clothes.png" ]

# ---- Info and selftest ----

works "info of a model" info "$model"
check "info prints layers" printed '^encoder1/conv1 +conv2d +4x32x32x2'
check "info prints totals" printed '2,246.*2,166'
works "info of a config" info configs/unet.ini
check "the published size" printed '8,272,130.*8,267,010'
works "info of a schedule of freezing" info configs/unet-small.ini --set train.epochs=9 \
    --set 'train.freeze=encoder*' --set 'unfreeze.3=encoder3/*' --set 'unfreeze.5=*'
check "info prints what is frozen first" printed '^ +1 +[0-9,]+  encoder1, encoder2, encoder3$'
check "info prints what is freed" printed '^ +3 +[0-9,]+  encoder1, encoder2$'
check "info prints that all is freed" printed '^ +5 +[0-9,]+  nothing$'
works "info --json of a schedule" info configs/unet-small.ini --set train.epochs=9 --json \
    --set 'train.freeze=encoder*' --set 'unfreeze.3=encoder3/*/kernel'
check "info --json says what is frozen when" json_holds "$scratch/out" '"encoder2"' '"encoder3 (part)"'
works "info --json" info "$model" --json
check "info --json is JSON" json_holds "$scratch/out" '"layers"' '"trainable": 2166'
check "with the number of all parameters" [ "$(numbers parameters | tail -n 1)" -eq 2246 ]
mapfile -t planned < <(numbers planned_bytes) # of inference, of training
works "info, memory" info "$model"
check "of inference" printed "^inference +$(of_unit "${planned[0]}" 1048576) MiB planned"
check "of training, which is more" printed "^training +$(of_unit "${planned[1]}" 1048576) MiB planned"
check "by some" [ "${planned[1]}" -gt "${planned[0]}" ]
works "selftest" selftest "$model"

# ---- The other architecture ----

transformer=$scratch/transformer.ini
cat >"$transformer" <<END
[model]
architecture = unet-transformer
filters = 2
cbam_ratio = 2
blocks = 1
width = 6
heads = 2
key_size = 3
ffn = 5
dropout = 0.3
[data]
directory = tests/sample
validation = 0
[train]
batch = 4
steps_per_epoch = 3
validation_steps = 0
epochs = 2
END

works "train a transformer" train "$transformer" --run "$kept/transformer" --seed 5
attending=$kept/transformer/model.safetensors
works "train it again" train "$kept/transformer/config.ini" --run "$kept/transformer-again"
check "same seed, same model, with dropout" cmp "$attending" "$kept/transformer-again/model.safetensors"
works "evaluate a transformer" evaluate "$attending" --runs 1 --samples 10 --json
check "and get its error" json_holds "$scratch/out" '"mse"' '"mnist"' '"fashion"'
works "separate with a transformer" separate "$attending" "$kept/mixed" "$kept/by-transformer"
check "into pictures" is_png_of_width "$kept/by-transformer/0003.fashion.png" 32
works "info of a transformer" info "$attending"
check "shows attention" printed '^bottleneck/block1/attention/heads +attention +4x4x4x6 '
check "shows both decoders" printed '^decoder_b/stage3/cbam/pixels +scale_pixels +4x32x32x2 '
works "info of its config" info configs/unet-transformer.ini
check "its published size" printed '4,494,474.*4,492,170'
check "and memory" printed '^training .*batch of 256'
check "and that of a CPU's slices" printed '^ +on a CPU as for a batch of 64'
works "selftest of a transformer" selftest "$attending"
refuses "a transformer's settings" 2 "model.cbam" "true, false" \
    train "$transformer" --run "$kept/never" --set model.cbam=maybe

# ---- Bad command lines and configs ----

refuses "no command" 2 "no command" "--help"
refuses "unknown command" 2 "trian" "train" trian "$tiny"
refuses "unknown option" 2 "--runn" "--run" train "$tiny" --runn x
refuses "missing argument" 2 "train" "CONFIG" train
refuses "missing config" 2 "$bad/none.ini" "No such file" train "$bad/none.ini" --run "$kept/never"

# broken_config TEXT: tiny.ini with a line behind [model]
broken_config() { sed "1a $1" "$tiny" | sed '/^filters = 2$/d' >"$bad/config.ini"; }
broken_config 'filtres = 3'
refuses "unknown key" 2 "config.ini:2" "model.filters" train "$bad/config.ini" --run "$kept/never"
broken_config 'filters = abc'
refuses "filters = abc" 2 "config.ini:2" "abc" train "$bad/config.ini" --run "$kept/never"
broken_config 'filters = -1'
refuses "filters out of range" 2 "config.ini:2" "out of range" \
    train "$bad/config.ini" --run "$kept/never"
refuses "unknown key in --set" 2 "model.filter" "model.filters" \
    train "$tiny" --run "$kept/never" --set model.filter=3
refuses "run directory not empty" 2 "$kept/run" "--force" train "$tiny" --run "$kept/run"
refuses "wrong --device" 2 "no-such-device" "device" \
    train "$tiny" --run "$kept/never" --device no-such-device
refuses "wrong --device index" 2 "77" "device" evaluate "$model" --device 77
refuses "wrong --platform" 2 "no-such-platform" "platform" selftest --platform no-such-platform
UNBLEND_DEVICE=from-the-environment refuses "wrong UNBLEND_DEVICE" 2 "from-the-environment" "device" \
    train "$tiny" --run "$kept/never"

# ---- Bad data ----

refuses "missing data" 3 "$bad/data/mnist" "make data" \
    train "$tiny" --run "$kept/never" --set "data.directory=$bad/data"
cp -r tests/sample "$bad/data"
gunzip "$bad/data/mnist/train-images-idx3-ubyte.gz"
truncate -s 10000 "$bad/data/mnist/train-images-idx3-ubyte"
refuses "truncated IDX" 3 "mnist/train-images-idx3-ubyte" "10000" \
    train "$tiny" --run "$kept/never" --set "data.directory=$bad/data"
rm "$bad/data/mnist/t10k-images-idx3-ubyte.gz"
refuses "no test images" 3 "t10k-images-idx3-ubyte" "no such file" \
    evaluate "$model" --data "$bad/data"
refuses "mix without test images" 3 "t10k-images-idx3-ubyte" "no such file" \
    mix "$kept/never" --data "$bad/data"

# ---- Bad models ----

refuses "missing model" 3 "none.safetensors" "No such file" evaluate "$bad/none.safetensors"
head -c 3000 "$model" >"$bad/short.safetensors"
refuses "truncated model" 3 "short.safetensors" "" separate "$bad/short.safetensors" \
    "$kept/mixed" "$kept/never"
cp "$model" "$bad/flipped.safetensors"
last=$(tail -c 1 "$model" | od -An -tu1 | tr -d ' ')
# shellcheck disable=SC2059 # the format is the byte
printf "$(printf '\\%03o' $((last ^ 1)))" |
    dd of="$bad/flipped.safetensors" bs=1 seek=$(($(stat -c %s "$model") - 1)) conv=notrunc 2>/dev/null
refuses "model with a flipped bit" 3 "flipped.safetensors" "sha256" info "$bad/flipped.safetensors"
LC_ALL=C sed 's/filters = 2/filters = 1/' "$model" >"$bad/foreign.safetensors"
refuses "model with another network's tensors" 3 "foreign.safetensors" "parameters" \
    info "$bad/foreign.safetensors"
refuses "picture as a model" 3 "0001.png" "" evaluate "$kept/mixed/0001.png"

# ---- Bad pictures ----

mkdir "$bad/pictures" "$bad/empty"
refuses "empty folder" 3 "$bad/empty" "" separate "$model" "$bad/empty" "$kept/never"
refuses "missing folder" 3 "$bad/none" "" separate "$model" "$bad/none" "$kept/never"
head -c 100 "$kept/mixed/0001.png" >"$bad/pictures/short.png"
echo "no picture at all" >"$bad/pictures/text.png"
{ printf 'P5 40 30 255\n' && head -c 1200 /dev/zero; } >"$bad/pictures/large.pgm"
cp "$kept/mixed/0002.png" "$bad/pictures/good.png"
refuses "bad pictures are skipped" 8 "short.png" "2 of 4" \
    separate "$model" "$bad/pictures" "$scratch/some"
check "a text named .png is listed" grep -qF "text.png" "$scratch/err"
check "another size is separated" [ -s "$scratch/some/large.mnist.png" ]
check "the good one is done" is_png_of_width "$scratch/some/good.mnist.png" 32
check "the bad ones are not" [ ! -e "$scratch/some/short.mnist.png" ]
check "all are in the manifest" json_holds "$scratch/some/manifest.json" \
    '"failed"' '"text.png"' '"good.mnist.png"'
refuses "--strict stops" 3 ".p" "strict" separate "$model" "$bad/pictures" "$scratch/strict" --strict

# ---- Output that cannot be written ----

# Root may write anywhere, but not below a file.
for command in "train $tiny --run" "mix --data tests/sample" "separate $model $kept/mixed"; do
    # shellcheck disable=SC2086 # the words of the command
    refuses "${command%% *} below a file" 1 "$model/below" "Not a directory" $command "$model/below"
done
works "unchanged, the model still works" evaluate "$model" --runs 1 --samples 10

{ sleep 0.3 && "$unblend" help config 2>"$scratch/err"; echo $? >"$scratch/status"; } | :
check "a reader that has gone is no failure" [ "$(cat "$scratch/status")" -eq 0 ]
if [ -w /dev/full ]; then
    "$unblend" devices >/dev/full 2>"$scratch/err"
    status=$?
    check "a full disk is no success" [ "$status" -eq 1 ]
fi

finish
