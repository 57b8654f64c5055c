#!/usr/bin/env bash
# The configs that come with unblend: all are valid, and those that go on from another model run as they are written,
# with small networks and an epoch of one step. Also the letters that transfer learning begins with.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"
export POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable # kernels are only used for a few steps

for config in configs/*.ini; do
    case $config in
    configs/search*) refuses "info $config" 2 "$config" "unblend search" info "$config" ;;
    *) works "info $config" info "$config" ;;
    esac
done

# ---- Transfer learning ----

steps=(--set data.directory=tests/sample --set train.steps_per_epoch=1 --set train.batch=2)
small=("${steps[@]}" --set model.filters=2 --set model.blocks=3 --set model.width=8 --set model.heads=2
    --set model.key_size=8 --set model.ffn=8 --set model.cbam_ratio=1)
letters=$kept/letters/model.safetensors

works "learns letters" train configs/transfer-letters.ini --run "$kept/letters" "${small[@]}" \
    --set train.epochs=1 --set "data.sources=mnist, fashion-mnist"

# same PATTERN RUN: have the arrays of that name stayed as they were in the model of letters?
same() {
    python3 - "$1" "$letters" "$2/model.safetensors" <<'END'
import json, re, struct, sys
def arrays(path):
    with open(path, "rb") as file:
        length, = struct.unpack("<Q", file.read(8))
        header, data = json.loads(file.read(length)), file.read()
    return {name: data[slice(*entry["data_offsets"])] for name, entry in header.items()
            if name != "__metadata__" and re.match(sys.argv[1], name)}
before, after = arrays(sys.argv[2]), arrays(sys.argv[3])
sys.exit(not before or before != after)
END
}

for part in frozen-encoder frozen-transformer gradual; do
    epochs=1
    [ $part != gradual ] || epochs=15
    works "transfer: $part" train "configs/transfer-$part.ini" --run "$kept/$part" "${small[@]}" \
        --set "train.start_from=$letters" --set train.epochs=$epochs --set train.stop_patience=0 --set train.keep=last
done
if command -v python3 >/dev/null; then
    check "frozen-encoder keeps the encoder" same 'encoder' "$kept/frozen-encoder"
    check "and nothing else" not same 'bottleneck' "$kept/frozen-encoder"
    check "frozen-transformer keeps the bottleneck" same 'bottleneck' "$kept/frozen-transformer"
    check "and nothing else" not same 'encoder' "$kept/frozen-transformer"
    check "gradual lets go of the bottleneck" not same 'bottleneck' "$kept/gradual"
    check "and in the end of the encoder" not same 'encoder' "$kept/gradual"
fi
refuses "transfer without a model of letters" 3 "runs/none/model.safetensors" "No such file" \
    train configs/transfer-gradual.ini --run "$kept/never" "${small[@]}" --set train.start_from=runs/none/model.safetensors

# ---- An autoencoder behind a model ----

base=(--set "model.filters=2 2 2 2" --set "model.convolutions=1 1 1 1")
behind=("${steps[@]}" --set data.validation=0 --set train.validation_steps=0)
works "a model to correct" train configs/digits-fashion.ini --run "$kept/base" "${behind[@]}" "${base[@]}" \
    --set train.minutes=0 --set train.epochs=1 --set train.warmup_steps=0
works "an autoencoder behind it" train configs/autoencoder-behind.ini --run "$kept/behind" "${behind[@]}" "${base[@]}" \
    --set "train.start_from=$kept/base/model.safetensors" --set stage.2.filters=2 --set train.epochs=52
works "mix" mix "$scratch/mixed" --count 2 --data tests/sample
works "separate with both" separate "$kept/behind/model.safetensors" "$scratch/mixed" "$scratch/parts"
works "a residue to remove" train configs/rare-components.ini --run "$kept/rare" "${behind[@]}" \
    --set model.filters=2 --set train.epochs=1

# ---- Letters ----

if /usr/bin/python3 -c 'import numpy, PIL' 2>/dev/null &&
    [ -n "$(find /usr/share/fonts/truetype -name '*.ttf' 2>/dev/null)" ]; then
    for copy in one other; do
        tools/make-letters "$scratch/$copy" --count 60 --test-count 8 >"$scratch/out" 2>"$scratch/err"
        check "letters are rendered" [ $? -eq 0 ]
    done
    check "the same each time" diff -r "$scratch/one" "$scratch/other"
    mkdir "$scratch/data"
    mv "$scratch/one" "$scratch/data/letters"
    cp -r tests/sample/fashion-mnist "$scratch/data"
    works "they are a data set" train configs/transfer-letters.ini --run "$scratch/run" "${small[@]}" \
        --set "data.directory=$scratch/data" --set train.epochs=1
    check "no letters, no files" not tools/make-letters "$scratch/none" --count 0 2>"$scratch/err"
    check "and a message" told "0 is not between 1 and 10,000,000"
else
    echo "SKIPPED: letters take python3-numpy, python3-pil and fonts (tools/setup letters)"
fi

finish
