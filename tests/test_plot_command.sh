#!/usr/bin/env bash
# `unblend plot` and the report of `unblend evaluate` by their command lines: what they leave behind,
# and what they say when data, model or history are missing or broken.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

unblend=$(realpath "${BUILD:-build}")/unblend
scratch=$(mktemp -d "${TMPDIR:-/tmp}/unblend-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
run=$scratch/run
unset UNBLEND_PLATFORM UNBLEND_DEVICE UNBLEND_DATA
passed=0 failed=0

# ---- Checking ----

# check NAME COMMAND...: the command succeeds
check() {
    if "${@:2}"; then
        passed=$((passed + 1))
        echo "ok: $1"
    else
        failed=$((failed + 1))
        echo "FAILED: $1"
        sed 's/^/  | /' "$scratch/out" "$scratch/err"
    fi
}

# run NAME CODE ARGUMENTS...: unblend exits with the code; its output is in $scratch/out and err
run() {
    local status=0
    "$unblend" "${@:3}" >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
    check "$1" [ "$status" -eq "$2" ]
}

says() { grep -qF -- "$1" "$scratch/err"; }
printed() { grep -qE -- "$1" "$scratch/out"; }

# A PNG's sides are in the eight bytes from the 16th on; these pictures' are below 65536.
png_size() { od -An -tu1 -j16 -N8 "$1" | awk '{ print $3 * 256 + $4, $7 * 256 + $8 }'; }
is_png_of() { [ "$(head -c 4 "$1" | tail -c 3)" = PNG ] && [ "$(png_size "$1")" = "$2" ]; }

# ---- Plot ----

cat >"$scratch/tiny.ini" <<END
[model]
filters = 2
[data]
directory = tests/sample
[train]
batch = 4
steps_per_epoch = 6
validation_steps = 2
epochs = 3
END
run "train" 0 train "$scratch/tiny.ini" --run "$run" --seed 5
check "train writes history.csv" [ "$(wc -l <"$run/history.csv")" -eq 4 ]
check "with a column for each source" grep -q '^epoch,.*,val_loss_fashion,' "$run/history.csv"
rm -f "$run/history.svg" "$run/panel.png"

run "plot" 0 plot "$run" --count 3
check "plot names what it wrote" printed '/history\.svg$'
check "both" printed '/panel\.png$'
check "history.svg holds the epochs" grep -qF 'validation, 3:' "$run/history.svg"
check "and marks the best" grep -q 'best: epoch [123], ' "$run/history.svg"
# 7 columns of 4 * 32 with gaps of 4 and margins of 16; 2 lines of titles, each 2 * 10, and a gap
check "panel.png has its rows" is_png_of "$run/panel.png" "952 $((16 + 44 + 3 * 128 + 2 * 4 + 16))"
cp "$run/panel.png" "$scratch/first.png"
cp "$run/history.svg" "$scratch/first.svg"
run "plot again, with data given" 0 plot "$run/" --count 3 --data "$PWD/tests/sample"
check "gives the same panel" cmp "$run/panel.png" "$scratch/first.png"
check "and the same chart" cmp "$run/history.svg" "$scratch/first.svg"
run "plot with another seed" 0 plot "$run" --count 3 --seed 6
check "gives another panel" [ "$(sha256sum <"$run/panel.png")" != "$(sha256sum <"$scratch/first.png")" ]

# ---- What is missing ----

rm "$run/history.svg" "$run/panel.png"
run "plot without data" 3 plot "$run" --data "$scratch"
check "says what is missing" says "$scratch/mnist: no such folder, which should hold t10k-images-idx3-ubyte"
check "and that there is no panel" says "history.svg is written, panel.png is not"
check "history.svg is there" [ -s "$run/history.svg" ]
check "panel.png is not" [ ! -e "$run/panel.png" ]

rm "$run/history.svg"
OCL_ICD_VENDORS=/nonexistent run "plot without a driver" 4 plot "$run"
check "history.svg needs none" [ -s "$run/history.svg" ]

mkdir "$scratch/other"
cp "$run/history.json" "$scratch/other"
run "plot without a model" 3 plot "$scratch/other"
check "names the model" says "other/model.safetensors: No such file"
check "history.svg is there all the same" [ -s "$scratch/other/history.svg" ]
run "plot without a history" 3 plot "$scratch"
check "names the history" says "history.json: No such file"
head -c 200 "$run/history.json" >"$scratch/other/history.json"
run "plot of half a history" 3 plot "$scratch/other"
check "says where it ends" says "history.json: line"
run "too many rows" 2 plot "$run" --count 101
check "says how many there may be" says "at most 100"
run "no run" 2 plot

# ---- Evaluate ----

model=$run/model.safetensors
run "evaluate" 0 evaluate "$model" --runs 2 --samples 30
check "evaluate prints all scores" printed '^ +mse +sd +psnr +sd +ssim +sd$'
for row in mnist fashion both; do
    check "evaluate prints $row" printed "^$row( +-?[0-9]+\.[0-9]+){6}$"
done
run "evaluate --json" 0 evaluate "$model" --runs 2 --samples 30 --json
for key in mse heads psnr psnr_heads ssim ssim_heads; do
    check "$key of both runs and of all" [ "$(grep -cF "\"$key\":" "$scratch/out")" -eq 3 ]
done

# ---- Small pictures ----

# 20 gray pictures of 8 x 8, which are too small for SSIM's windows.
small=$scratch/small
for set in a b; do
    mkdir -p "$small/$set"
    for part in train t10k; do
        { printf '\0\0\10\3\0\0\0\24\0\0\0\10\0\0\0\10' && head -c 1280 "$unblend"; } \
            >"$small/$set/$part-images-idx3-ubyte"
    done
done
cat >"$scratch/small.ini" <<END
[model]
filters = 2
modules = 2
[data]
directory = $small
sources = a, b
size = 8x8
[train]
batch = 2
steps_per_epoch = 1
epochs = 1
END
run "train on small pictures" 0 train "$scratch/small.ini" --run "$scratch/run8"
# 7 columns of 16 * 8, 1 row; the rest as above
run "plot them" 0 plot "$scratch/run8" --count 1
check "magnified to the same cells" is_png_of "$scratch/run8/panel.png" "952 $((16 + 44 + 128 + 16))"
run "evaluate them" 0 evaluate "$scratch/run8/model.safetensors" --runs 1 --samples 4
check "there is no SSIM" printed '^both +[0-9.]+ +[0-9.]+ +[0-9.]+ +[0-9.]+ +- +-$'
run "evaluate --json" 0 evaluate "$scratch/run8/model.safetensors" --runs 2 --samples 4 --json
check "which is null" [ "$(grep -cE '"(mean|sd|ssim|a|b)": null' "$scratch/out")" -eq 12 ]

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
