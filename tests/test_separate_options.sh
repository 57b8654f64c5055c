#!/usr/bin/env bash
# unblend separate with its options, on pictures of other sizes than the model's: truths, memory, tiles, warnings,
# and what is left behind when it is interrupted or the disk is full.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

tiny_model_and >"$scratch/tiny.ini" <<'END'
[train]
batch = 4
steps_per_epoch = 1
validation_steps = 16
epochs = 1
[device]
selftest = false
END
works "a model" train "$scratch/tiny.ini" --run "$scratch/run"
model=$scratch/run/model.safetensors
works "blends" mix "$scratch/blends" --count 3 --data tests/sample
truth=$scratch/blends/truth
sample() { zcat tests/sample/mnist/train-images-idx3-ubyte.gz | tail -c +17; }
sample >"$scratch/digits" # of 28 x 28, one after another

# pgm FILE WIDTH HEIGHT: a picture of these bytes
pgm() {
    { printf 'P5\n%d %d\n255\n' "$2" "$3" && cat "$scratch"/digits{,,,,} | head -c $(($2 * $3)); } >"$1"
}
size_of() { # of a PNG: "width height"
    printf '%d %d' 0x"$(od -An -tx1 -j16 -N4 "$1" | tr -d ' ')" 0x"$(od -An -tx1 -j20 -N4 "$1" | tr -d ' ')"
}
no_temporaries() { [ -z "$(find "$1" -name '.unblend-tmp-*')" ]; }

# ---- Mistakes ----

mistaken() { # NAME TEXT OPTIONS...
    local name=$1 text=$2
    shift 2
    refuses "$name" 2 "$text" "--${1#--}" separate "$model" "$scratch/blends" "$kept/never" "$@"
}
mistaken "an unknown depth" "8|16" --depth 12
mistaken "no depth" "8|16" --depth ""
mistaken "an unknown way with colour" "gray|channels" --colour red
mistaken "no memory" "0" --memory 0
mistaken "memory below nothing" "-5" --memory -5
mistaken "memory in words" "much" --memory much
mistaken "too much memory" "4194305" --memory 4194305
mistaken "truths nowhere" "--truth" --truth ""
refuses "truths in no folder" 3 "$scratch/absent: no such directory" "" \
    separate "$model" "$scratch/blends" "$kept/never" --truth "$scratch/absent"
refuses "truths in a file" 3 "not a directory" "tiny.ini" \
    separate "$model" "$scratch/blends" "$kept/never" --truth "$scratch/tiny.ini"
refuses "truths of others" 3 "holds the truths of none" "0001.mnist.png" \
    separate "$model" "$scratch/blends" "$kept/never" --truth "$scratch/run"
refuses "results into a file" 2 "digits" "not a directory" \
    separate "$model" "$scratch/blends" "$scratch/digits"
for command in train evaluate info; do
    refuses "$command takes no truths" 2 "--truth" "" $command "$model" --truth "$truth"
done

# ---- Truths ----

out=$scratch/scored
# score FILE SOURCE: "psnr ssim" of the means, which are the last there
score() {
    tr -d ' \n' <"$1" | grep -o "\"scores\":{\"mnist\".*" | sed 's/.*"scores"//' |
        sed -E "s/.*\"$2\":\{\"psnr\":([-0-9.e]+),\"ssim\":([-0-9.e]+).*/\1 \2/"
}
table_is() { # FILE: the table shows the means that the file has
    local source psnr ssim
    for source in mnist fashion; do
        read -r psnr ssim < <(score "$1" "$source")
        cmp <(printf '%-12s  %10.4f  %10.6f\n' "$source" "$psnr" "$ssim") \
            <(grep "^$source " "$scratch/out") || return 1
    done
}
works "with truths" separate "$model" "$scratch/blends" "$out" --truth "$truth"
check "a table" printed '^means of 3 images$'
check "of what the manifest has" table_is "$out/manifest.json"
check "for each picture, too" [ "$(grep -c '"ssim"' "$out/manifest.json")" -eq 8 ]
cp "$scratch/out" "$scratch/table"
works "as JSON" separate "$model" "$scratch/blends" "$out" --truth "$truth" --json
mv "$scratch/out" "$scratch/json" && cp "$scratch/table" "$scratch/out"
check "the same scores" table_is "$scratch/json"
check "which is the manifest" cmp "$scratch/json" "$out/manifest.json"
mkdir "$scratch/some" && cp "$truth"/0001.* "$truth"/0002.mnist.png "$scratch/some"
pgm "$scratch/some/0002.fashion.png" 20 28
run separate "$model" "$scratch/blends" "$out" --truth "$scratch/some"
check "truths of one only: exit 8" [ "$status" -eq 8 ]
check "says which are missing" told '0003\.mnist\.png'
check "and what does not fit" told '0002\.fashion\.png: 20 x 28 pixels, where the picture has 32 x 32'
check "counts them" told '2 of 3 images were separated but could not be compared'
check "shows the mean of the other" printed '^means of 1 image$'
check "and the manifest says it" json_holds "$out/manifest.json" '"unscored"' '"complete": true'
mkdir "$scratch/small" "$scratch/small-truth"
pgm "$scratch/small/a.pgm" 10 9
cp "$scratch/small/a.pgm" "$scratch/small-truth/a.mnist.png"
cp "$scratch/small/a.pgm" "$scratch/small-truth/a.fashion.png"
works "pictures too small for SSIM" separate "$model" "$scratch/small" "$out" --truth "$scratch/small-truth"
check "show none" printed '^mnist +[0-9.]+ +-$'
check "and have none" json_holds "$out/manifest.json" '"ssim": null'

# ---- What is unlike the training ----

out=$scratch/compared
works "blends like those of training" separate "$model" "$scratch/blends" "$out"
check "are no surprise" not told 'unlike'
cp "$scratch/blends/0001.png" "$scratch/small/usual.png"
{ printf 'P5\n28 28\n255\n' && head -c 784 /dev/zero | tr '\0' '\377'; } >"$scratch/small/white.pgm"
works "others" separate "$model" "$scratch/small" "$out"
check "are told" told 'white\.pgm: unlike what the model was trained on: its brightness is 1, theirs 0\.'
check "but not the usual one" not told 'usual\.png: unlike'
check "the manifest has the warning" json_holds "$out/manifest.json" '"warning": "unlike what' '"residual"'

# ---- Memory ----

mkdir "$scratch/large"
pgm "$scratch/large/wide.pgm" 1501 1003
works "a large picture" separate "$model" "$scratch/large" "$scratch/whole"
works "in little memory" separate "$model" "$scratch/large" "$scratch/parts" --memory 3
same_results() { cmp "$1/$3.mnist.png" "$2/$3.mnist.png" && cmp "$1/$3.fashion.png" "$2/$3.fashion.png"; }
check "is the same" same_results "$scratch/whole" "$scratch/parts" wide
check "nothing is said of tiles where nobody looks" not told tile
if command -v script >/dev/null; then
    script -qec "'$unblend' separate '$model' '$scratch/large' '$scratch/parts' --memory 3" /dev/null \
        >"$scratch/out" 2>&1 </dev/null
    check "a terminal shows how far it is" printed '0 of 1 images, tile [1-9][0-9]* of [1-9][0-9]+'
fi
cat >"$scratch/deep.ini" <<END
[model]
filters = 8
modules = 5
convolutions = 2
[data]
directory = tests/sample
END
one_step >>"$scratch/deep.ini"
works "a model that sees far" train "$scratch/deep.ini" --run "$scratch/deep"
refuses "a model that needs more" 2 "the smallest tile of a picture takes" "a larger --memory" \
    separate "$scratch/deep/model.safetensors" "$scratch/large" "$kept/never" --memory 1

# ---- Networks that see whole pictures ----

cat >"$scratch/transformer.ini" <<END
[model]
architecture = unet-transformer
filters = 2
blocks = 1
width = 4
heads = 1
key_size = 2
ffn = 4
cbam_ratio = 2
[data]
directory = tests/sample
END
one_step >>"$scratch/transformer.ini"
works "a transformer" train "$scratch/transformer.ini" --run "$scratch/transformer"
mkdir "$scratch/middling"
pgm "$scratch/middling/a.pgm" 100 70
works "separates another size" separate "$scratch/transformer/model.safetensors" "$scratch/middling" \
    "$scratch/transformed" --gallery
for what in mnist fashion residual input; do
    check "$what has that size" [ "$(size_of "$scratch/transformed/a.$what.png")" = "100 70" ]
done
check "the gallery shows it" grep -q '"a\.residual\.png"' "$scratch/transformed/index.html"

# ---- Interrupted ----

cat >"$scratch/slow.ini" <<END
[model]
filters = 32
modules = 2
convolutions = 2
[data]
directory = tests/sample
END
one_step >>"$scratch/slow.ini"
works "a slow model" train "$scratch/slow.ini" --run "$scratch/slow"
mkdir "$scratch/huge"
pgm "$scratch/huge/sea.pgm" 2400 2000
for pair in "INT 130" "TERM 143"; do
    read -r signal code <<<"$pair"
    out=$scratch/$signal
    begin separate "$scratch/slow/model.safetensors" "$scratch/huge" "$out" --memory 96 --gallery
    wait_for [ -s "$out/manifest.json" ]
    sleep 0.5
    began=$SECONDS
    kill -s "$signal" "$pid"
    end
    check "SIG$signal in a picture: exits $code" [ "$status" -eq "$code" ]
    check "at once" [ $((SECONDS - began)) -lt 10 ]
    check "says what is done" told 'interrupted; 0 of 1 images are done'
    check "the picture is pending" json_holds "$out/manifest.json" '"status": "pending"' '"complete": false'
    check "nothing is left behind" no_temporaries "$out"
    check "and no result is there" [ ! -e "$out/sea.mnist.png" ]
done
rm "$scratch/huge/sea.pgm" && pgm "$scratch/huge/sea.pgm" 60 50
works "again, to the end" separate "$scratch/slow/model.safetensors" "$scratch/huge" "$out" --gallery
check "is complete" json_holds "$out/manifest.json" '"status": "done"' '"complete": true'

# ---- The disk is full ----

check "the full disk compiles" "${CC:-cc}" -std=c11 -O2 -shared -fPIC -o "$scratch/faults.so" \
    tests/file_faults.c -ldl
out=$scratch/full
with_fault() { # AT
    status=0
    : >"$scratch/calls"
    env FAULT_BELOW="$out" FAULT_LOG="$scratch/calls" FAULT_AT="$1" FAULT_KIND=full \
        LD_PRELOAD="$scratch/faults.so" ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$unblend" separate "$model" "$scratch/middling" "$out" --gallery \
        >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
}
with_fault 0
check "without a fault it works" [ "$status" -eq 0 ]
calls=$(wc -l <"$scratch/calls")
cp -r "$out" "$scratch/good"
is_whole() { # a result, page or manifest there is a whole one
    local file
    for file in "$out"/*; do
        case $file in
        "$out/*" | *.json) ;;
        *.html) [ "$(tail -c 8 "$file")" = '</html>' ] || return 1 ;;
        *) cmp "$file" "$scratch/good/${file##*/}" || return 1 ;;
        esac
    done
    [ ! -e "$out/manifest.json" ] || json_holds "$out/manifest.json" '"files"'
}
wrong=
for ((at = 1; at <= calls; at++)); do
    rm -rf "${out:?}"
    with_fault "$at"
    # what only tells the disk to hurry, or sweeps, may fail
    [ "$status" -eq 1 ] || sed -n "${at}p" "$scratch/calls" | grep -qE ' (unlink|fsync) ' || wrong+=" $at:exit $status"
    [ "$status" -ne 1 ] || told 'No space left on device' || wrong+=" $at:no reason"
    is_whole || wrong+=" $at:half a file"
    no_temporaries "$out" || wrong+=" $at:temporaries"
done
check "a full disk at any of $calls calls is told, and leaves whole files${wrong:+ (not at$wrong)}" [ -z "$wrong" ]
works "with room again" separate "$model" "$scratch/middling" "$out" --gallery
check "all is whole" is_whole
check "and there" [ "$(ls "$out")" = "$(ls "$scratch/good")" ]

finish
