#!/usr/bin/env bash
# `unblend bench` by its command line: its tables, its JSON, and what it says to bad input. How fast
# something is, is no test.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"
# What compiles quickest: no binaries, for which PoCL compiles every kernel a second time, and nothing
# optimised, CLBlast's kernels above all.
export UNBLEND_NO_CACHE=1 POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable
export POCL_MAX_PTHREAD_COUNT=1 # other tests run beside this one

# column_sum TABLE: rows of the first or second table of layers, and the sum of their last column
column_sum() {
    awk -v table="$1" '
        /^layer / { seen++; inside = 1; next }
        /^all / { inside = 0 }
        inside && seen == table { sum += $NF; rows++ }
        END { printf "%d %.2f\n", rows, sum }' "$scratch/out"
}

# Shares are rounded to 0.01, so that a table of n rows may be off by n * 0.005.
shares_are_whole() {
    column_sum "$1" | awk '{ off = $2 - 100; exit !($1 > 0 && off * off <= ($1 * 0.005) ^ 2) }'
}

# The layers that `info` lists stand in the tables too, in the same order.
has_layers_of() {
    "$unblend" info "$@" | awk 'NR > 1 && NF == 0 { exit } NR > 1 { print $1 }' >"$scratch/wanted"
    for table in 1 2; do
        awk -v table="$table" '
            /^layer / { seen++; inside = 1; next }
            /^all / { inside = 0 }
            inside && seen == table { print $1 }' "$scratch/out" >"$scratch/listed"
        [ -s "$scratch/wanted" ] && [ -s "$scratch/listed" ] || return 1
        diff "$scratch/wanted" <(head -n "$(wc -l <"$scratch/wanted")" "$scratch/listed") || return 1
    done
}

is_at_most_wide() { ! grep -qE "^.{$(($1 + 1)),}" "$scratch/out"; }

small=(--set model.filters=4)

# ---- The tables ----

works "bench" bench configs/unet-small.ini --batch 2 "${small[@]}"
check "says what it measured" printed '^batch +2$'
check "and on what" printed '^device +.+, driver .+, (vector|tiled) kernels$'
check "start-up is apart" printed '^start-up +[0-9.]+ s'
check "compiling is apart" printed '^compiling +[0-9.]+ s: [0-9]+ programs compiled, [0-9]+ from the cache$'
check "training: images/s, ms, first step, peak" printed '^training( +[0-9.]+){4}   median of 7'
check "inference: likewise" printed '^inference( +[0-9.]+){4}   median of 7'
check "every layer is in both tables" has_layers_of configs/unet-small.ini "${small[@]}"
check "shares of training are the whole" shares_are_whole 1
check "shares of inference are the whole" shares_are_whole 2
for other in mixer gradient_norm adam losses transfer; do
    check "what belongs to no layer: $other" printed "^[a-z_]+ +$other +[0-9.]+ +0\.000 "
done
check "losses are layers" printed '^losses +mse '
check "convolutions have GFLOP/s and GB/s" printed '^encoder1/conv2 +conv2d( +[0-9.]+){5}$'
check "batch norm has GB/s only" printed '^encoder1/norm1 +batch_norm( +[0-9.]+){2} +-( +[0-9.]+){2}$'
check "the share outside convolutions" printed '^outside convolutions: [0-9.]+ %$'

# ---- The other architecture and kernels ----

transformer=(--set model.filters=2 --set model.cbam_ratio=2 --set model.blocks=1 --set model.width=6
    --set model.heads=2 --set model.key_size=3 --set model.ffn=5)
works "bench of a transformer, tiled kernels" bench configs/unet-transformer.ini --batch 1 \
    --set device.kernels=tiled "${transformer[@]}"
check "is no wider than 100 columns" is_at_most_wide 100
check "lists its layers" has_layers_of configs/unet-transformer.ini "${transformer[@]}"
check "dense layers, through CLBlast, have times" printed \
    '^bottleneck/block1/attention/query +dense +(0\.00[1-9]|0\.0[1-9]|0\.[1-9]|[1-9])'
check "its shares are the whole" shares_are_whole 1

# ---- JSON, and a model ----

works "train a model to bench" train configs/unet-small.ini --run "$kept/run" "${small[@]}" \
    --set model.modules=1 --set model.convolutions=1 \
    --set data.directory=tests/sample --set train.steps_per_epoch=2 --set train.epochs=1 \
    --set train.validation_steps=0
works "bench --json of a model" bench "$kept/run/model.safetensors" --batch 128 --json
check "is JSON, and nothing else" json_holds "$scratch/out" '"batch": 128' '"driver"' \
    '"images_per_second"' '"peak_mib"' '"encoder1/conv1"' '"compiled"'
check "from its first byte" [ "$(head -c 1 "$scratch/out")" = "{" ]
# 3 x 3 weights of 4 filters for 32 x 32 pixels of each image; a CPU infers that batch in slices
check "the work of a whole batch counts" grep -qF "\"flops\": $((2 * 9 * 4 * 32 * 32 * 128)).0" "$scratch/out"
if command -v python3 >/dev/null; then
    check "as Python reads it" python3 - "$scratch/out" <<'END_OF_PYTHON'
import json, sys

report = json.load(open(sys.argv[1]))
assert report["start_up_seconds"] > 0 and report["compiling"]["seconds"] > 0
for use in report["training"], report["inference"]:
    assert use["images_per_second"] > 0 and use["ms_per_step"] > 0 and use["peak_mib"] > 0
    rate = 1000 * report["batch"] / use["ms_per_step"]
    assert abs(use["images_per_second"] / rate - 1) < 1e-9
    assert use["repetitions_ms"][3] == use["ms_per_step"] and len(use["repetitions_ms"]) == 7
    for list_ in use["layers"], use["kinds"]:
        assert abs(sum(item["percent"] for item in list_) - 100) < 1e-6
    times = [layer["forward_ms"] + layer["backward_ms"] for layer in use["layers"]]
    assert abs(sum(times) / use["device_ms"] - 1) < 1e-9
    assert all(layer["bytes"] > 0 for layer in use["layers"] if layer["is_layer"])
    assert all(layer["flops"] > 0 for layer in use["layers"] if layer["kind"] == "conv2d")
training, inference = report["training"], report["inference"]
assert any(layer["backward_ms"] > 0 for layer in training["layers"])
assert not any(layer["backward_ms"] > 0 for layer in inference["layers"])
assert {"adam", "mix_sources"} <= {item["name"] for item in training["layers"]}
assert training["peak_mib"] > inference["peak_mib"]
END_OF_PYTHON
fi

# ---- Bad command lines ----

config=configs/unet-small.ini
refuses "no config" 2 "an argument is missing" "MODEL|CONFIG" bench
refuses "missing config" 2 "$bad/none.ini" "No such file" bench "$bad/none.ini"
refuses "missing model" 3 "none.safetensors" "No such file" bench "$bad/none.safetensors"
refuses "unknown option" 2 "--bach" "--batch" bench "$config" --bach 3
refuses "another command's option" 2 "--runs" "not an option of this command" bench "$config" --runs 3
refuses "--batch 0" 2 "--batch 0" "1 to 4096" bench "$config" --batch 0
refuses "--batch abc" 2 "--batch abc" "not a whole number" bench "$config" --batch abc
refuses "--batch 4097" 2 "--batch 4097" "out of range" bench "$config" --batch 4097
refuses "unknown key" 2 "model.filter" "model.filters" bench "$config" --set model.filter=3
refuses "wrong --device" 2 "no-such-device" "device" bench "$config" --device no-such-device
# 68 GiB
refuses "a batch beyond memory" 5 "needs" "smaller" bench "$config" --batch 4096 \
    --set model.filters=255 --set model.modules=1 --set model.convolutions=8
refuses "a batch beyond what kernels count" 5 "encoder1/conv1" "a smaller batch" bench "$config" --batch 4096 \
    --set model.filters=512 --set model.modules=1

finish
