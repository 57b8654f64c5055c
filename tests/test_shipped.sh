#!/usr/bin/env bash
# The models that come with unblend, by their names: found from anywhere, as good as their cards say,
# packed and evaluated in the other ways there are.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

name=digits-fashion
file=$PWD/models/$name.safetensors
sample=$PWD/tests/sample

# The mean of both sources of the last evaluate --json.
error() { sed -n '/"mse": {/,/}/s/.*"mean": \([0-9.e-]*\).*/\1/p' "$scratch/out" | head -n 1; }
at_most() { awk -v found="$1" -v most="$2" 'BEGIN { exit !(found > 0 && found <= most) }'; }

works "models" models
check "models lists it" printed "^$name  +mnist \\+ fashion  +32 x 32 gray  [0-9]+ parameters$"
works "models --json" models --json
check "models --json is JSON" json_holds "$scratch/out" "\"name\": \"$name\"" '"parameters"'
works "info takes the name" info "$name"
parameters=$(grep -oE '^parameters +[0-9,]+' "$scratch/out" | grep -oE '[0-9,]+' | tr -d ,)
check "the default has at most a million parameters" [ "$parameters" -le 1000000 ]
check "half a file of 32-bit weights" [ "$(stat -c %s "$file")" -lt $((3 * parameters)) ]
check "its card has its checksum" grep -q "$(sha256sum <"$file" | cut -d' ' -f1)" "models/$name.md"

large=$name-large
works "info of the large model" info "$large"
check "it has at most 16 MiB" [ "$(stat -c %s "models/$large.safetensors")" -le $((16 << 20)) ]
check "its card has its checksum" grep -q \
    "$(sha256sum <"models/$large.safetensors" | cut -d' ' -f1)" "models/$large.md"

(cd / && run info "$name" && [ "$status" -eq 0 ])
check "it is found from anywhere" [ "$?" -eq 0 ]
works "evaluate takes the name" evaluate "$name" --data "$sample" --runs 2 --samples 500 --json
check "it is good" at_most "$(error)" 0.0007
good=$(error)
works "evaluate of the large model" evaluate "$large" --data "$sample" --runs 2 --samples 500 --json
check "it is better by 10 % at least" at_most "$(error)" "$(awk -v e="$good" 'BEGIN { print 0.9 * e }')"
works "evaluate --project" evaluate "$name" --data "$sample" --runs 2 --samples 500 --json --project
check "what is consistent is left alone" [ "$(error)" = "$good" ]
works "evaluate --held-out" evaluate "$name" --data "$sample" --runs 1 --samples 500 --json --held-out
check "these are other images" [ "$(error)" != "$good" ]

works "mix" mix "$scratch/mixed" --count 5 --data "$sample"
works "separate takes the name" separate "$name" "$scratch/mixed" "$scratch/separated"
check "ten pictures" [ "$(find "$scratch/separated" -name '*.png' | wc -l)" -eq 10 ]

refuses "no such model" 3 "digits-fashon" "unblend models" evaluate digits-fashon --data "$sample"
refuses "no such model to separate with" 3 "digits-fashon" "unblend models" \
    separate digits-fashon "$scratch/mixed" "$scratch/other"
check "and nothing is made" [ ! -e "$scratch/other" ]
echo "not a model" >"$scratch/$name"
(cd "$scratch" && run info "$name" && [ "$status" -ne 0 ])
check "a file of that name comes first" [ "$?" -eq 0 ]

# ---- Text over a photograph, of an odd size ----

page=$sample/text-over-photo
check "its card has its checksum" grep -q \
    "$(sha256sum <models/text-over-photo.safetensors | cut -d' ' -f1)" models/text-over-photo.md
check "it has at most 4 MiB" [ "$(stat -c %s models/text-over-photo.safetensors)" -le $((4 << 20)) ]
works "text over a photograph" separate text-over-photo "$page" "$scratch/page" --truth "$page/truth"
# 11 dB each is what the blend itself has
for source in text photo; do
    psnr=$(awk -v s=$source '$1 == s { print $2 }' "$scratch/out")
    check "the $source is found" awk -v found="$psnr" 'BEGIN { exit !(found >= 23) }'
done
check "a page is what it was trained on" not grep -q unlike "$scratch/err"
works "a page for digits and clothes" separate "$name" "$page" "$scratch/odd-page"
check "a page is unlike these" grep -q "page.png: unlike what the model was trained on" "$scratch/err"

# ---- Projection of a model that was trained without ----

works "train without" train configs/demo.ini --run "$kept/run" --set model.consistent=false \
    --set train.minutes=0 --set train.epochs=1 --set train.steps_per_epoch=60 --set model.filters=4 \
    --set model.modules=2 --set train.validation_steps=2
trained=$kept/run/model.safetensors
works "evaluate it" evaluate "$trained" --runs 1 --samples 300 --json
plain=$(error)
works "evaluate it projected" evaluate "$trained" --runs 1 --samples 300 --json --project
check "that is better" at_most "$(error)" "$(awk -v e="$plain" 'BEGIN { print 0.95 * e }')"

# ---- Held-out images ----

# Of one held-out image of each kind there is only one blend, whatever the seed of the blends.
works "train with one image held out" train "$kept/run/config.ini" --run "$scratch/one" \
    --set data.validation=0.0005 --set train.steps_per_epoch=10
held_out() {
    run evaluate "$scratch/one/model.safetensors" --held-out --runs 1 --samples 50 --json "$@"
    error
}
check "which images are held out is the model's matter" [ "$(held_out --seed 3)" = "$(held_out --seed 4)" ]
check "and found without a seed" [ "$(held_out)" = "$(held_out --seed 5)" ]

# ---- The script that goes on ----

for wrong in "" "an-hour" "5 digits-fashion more" "-3"; do
    # shellcheck disable=SC2086 # words
    tools/train-on $wrong >"$scratch/out" 2>"$scratch/err"
    check "train-on refuses '$wrong'" [ "$?" -eq 2 ]
done
UNBLEND=$unblend tools/train-on 5 no-such-model >"$scratch/out" 2>"$scratch/err"
check "train-on refuses an unknown model" [ "$?" -eq 1 ]
check "and names what is missing" grep -q "configs/no-such-model.ini is missing" "$scratch/err"

# ---- 16 bits ----

works "pack" pack "$trained" "$scratch/packed.safetensors"
works "evaluate it packed" evaluate "$scratch/packed.safetensors" --runs 1 --samples 300 --json
check "that costs under half a percent" at_most "$(error)" "$(awk -v e="$plain" 'BEGIN { print 1.005 * e }')"
refuses "pack over a file" 2 "already exists" "--force" pack "$trained" "$scratch/packed.safetensors"
cp "$scratch/packed.safetensors" "$scratch/twice.safetensors"
works "pack --force" pack "$scratch/packed.safetensors" "$scratch/twice.safetensors" --force
works "a packed model packed again still works" info "$scratch/twice.safetensors"
refuses "pack a config" 3 "a config, and a model is needed" "" pack configs/demo.ini "$scratch/x"
refuses "pack into a directory that is missing" 1 "$scratch/none/x" "No such file" \
    pack "$trained" "$scratch/none/x"
works "training starts from a packed model" train "$kept/run/config.ini" --run "$scratch/again" \
    --set train.start_from="$scratch/packed.safetensors"

finish
