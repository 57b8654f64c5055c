#!/usr/bin/env bash
# `unblend tune` by its command line: what it prints and writes, that other commands use the profile,
# and what becomes of one that is stale. Which sizes win is no test, so it must not matter on which
# CPU this runs: the classes are chosen, and their sizes compiled without optimising, which is quick.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh"
export UNBLEND_NO_CACHE=1 POCL_EXTRA_BUILD_FLAGS=-cl-opt-disable
export POCL_MAX_PTHREAD_COUNT=1 # other tests run beside this one

tiny=$scratch/tiny.ini
cat >"$tiny" <<END
[model]
filters = 16
modules = 2
convolutions = 1
[data]
directory = tests/sample
[train]
batch = 2
steps_per_epoch = 2
validation_steps = 0
epochs = 1
END

only_profile() { [ "$(find "$UNBLEND_PROFILE_DIR" -type f | wc -l)" -eq 1 ]; }
told_nothing_of_profiles() { not grep -q -e warning -e profile "$scratch/err"; }
is_listed() { printed "^$1 +[0-9]+: [0-9.]+ ms(, (off|[0-9]+): [^,]+)* -> "; }
has_clblast() { grep -A 10 '^\[xgemm_direct\]$' "$profile" | tail -10 | cmp -s - "$clblast"; }

# ---- The defaults ----

works "devices without a profile" devices
check "says that there are defaults" printed 'tuning: defaults, (CPU with vectors of [0-9]+ floats|GPU)$'
check "and nothing else" told_nothing_of_profiles
check "no profile was written" [ ! -e "$UNBLEND_PROFILE_DIR" ]

# ---- Tuning, from the defaults of every class of CPUs ----

defaults() { # CLASS: vectors and tile that it starts with
    case $1 in
    cpu16) echo 2 8 ;;
    cpu8) echo 1 6 ;;
    cpu4) echo 1 4 ;;
    esac
}

for class in cpu16 cpu8 cpu4; do
    # whatever a network of one resolution lacks is tuned in the first class
    network=()
    [ $class = cpu16 ] || network=(--set model.modules=1 --set model.convolutions=2)
    export UNBLEND_DEVICE_CLASS=$class
    read -r vectors tile <<<"$(defaults $class)"
    rm -rf "${UNBLEND_PROFILE_DIR:?}"
    works "devices ($class)" devices
    check "names the class ($class)" printed "tuning: defaults, CPU with vectors of ${class#cpu} floats\$"
    works "tune ($class)" tune "$tiny" --quick --set device.kernels=vector "${network[@]}"
    check "from its defaults ($class)" printed "defaults: CPU with vectors of ${class#cpu} floats\$"
    check "its vectors ($class)" printed "^vectors +$vectors: "
    check "its tile ($class)" printed "^tile +$tile: "
    for name in vectors tile winograd_channels winograd_tiles gradient_tiles weight_chunks fetch; do
        check "tune tries $name ($class)" is_listed "$name"
    done
    check "tune skips nothing ($class)" not printed 'skipped'
    check "tune says what it gained ($class)" printed '^a step: [0-9.]+ ms'
    check "and where the profile is ($class)" printed "^written: $UNBLEND_PROFILE_DIR/[a-z0-9-]+\.ini$"
    check "one file is written ($class)" only_profile
    profile=$(find "$UNBLEND_PROFILE_DIR" -type f)
    check "it says for which driver ($class)" grep -q '^driver = .' "$profile"
    check "it has the vector kernels' sizes ($class)" grep -qE '^tile = [0-9]+$' "$profile"
    check "and none of CLBlast's ($class)" not grep -q '^\[xgemm' "$profile"
done
unset UNBLEND_DEVICE_CLASS
UNBLEND_DEVICE_CLASS=cpu32 refuses "a class that does not exist" 2 "UNBLEND_DEVICE_CLASS" "cpu16" \
    devices

sed -i 's/^tile = .*/tile = 6/; s/^vectors = .*/vectors = 1/' "$profile"
clblast=$scratch/clblast # as one of CLBlast's tuners might have found them
printf '%s = %d\n' KWID 2 MDIMAD 8 MDIMCD 8 NDIMBD 8 NDIMCD 8 PADA 1 PADB 1 VWMD 4 VWND 4 WGD 32 \
    >"$clblast"
{ echo '[xgemm_direct]' && cat "$clblast"; } >>"$profile"
leave_half "$UNBLEND_PROFILE_DIR"
works "tune of the other family" tune "$tiny" --quick --batch 1 --set device.kernels=tiled \
    --set model.filters=2
for name in rows columns depth; do
    check "tune tries $name" is_listed "$name"
done
check "tune leaves CLBlast to its own tuners" not printed '^xgemm'
check "tune sweeps" [ ! -e "$half" ]
check "the first family's sizes stay" grep -qx 'tile = 6' "$profile"
check "and CLBlast's parameters" has_clblast

# ---- Kernels that are wrong, or do not build, with one of the sizes ----

export UNBLEND_DEVICE_CLASS=cpu16 # which starts with tile = 8
cp -r cl "$bad/cl"
sed -i 's/sum\[r\]\[v\] + b)/sum[r][v] * (TILE == 6 ? 1.01f : 1.0f) + b)/' "$bad/cl/convolution_vector.cl"
check "a kernel is made wrong" grep -q 'TILE == 6 ?' "$bad/cl/convolution_vector.cl"
sed -i '/^#define LANES/i #if TILE == 12\n#error no such tile\n#endif' "$bad/cl/tile.h"
export UNBLEND_CL_DIR=$bad/cl UNBLEND_PROFILE_DIR=$scratch/other
works "tune with broken kernels" tune "$tiny" --quick --set device.kernels=vector --set model.filters=2
check "wrong results are noticed" printed '^tile .* 6: skipped \(wrong results\)'
check "what does not build is skipped" printed '^tile .* 12: skipped \(does not run\)'
check "neither is chosen" printed '^tile .* -> (4|8)$'
sed -i 's/TILE == 6/TILE == 8/' "$bad/cl/convolution_vector.cl"
refuses "tune where the defaults are wrong" 6 "checks failed" "conv2d" tune "$tiny" --quick \
    --set device.kernels=vector --set model.filters=2
refuses "selftest of wrong kernels" 6 "checks failed" "conv2d" selftest "$tiny" \
    --set device.kernels=vector --set model.filters=2
unset UNBLEND_CL_DIR UNBLEND_DEVICE_CLASS
export UNBLEND_PROFILE_DIR=$scratch/profiles

# ---- The profile is used ----

works "devices with a profile" devices
check "names it" printed "tuning: $profile$"
works "bench with a profile" bench "$tiny"
check "bench names it" printed "^tuning +$profile$"
check "without a warning" told_nothing_of_profiles
works "train with a profile" train "$tiny" --run "$kept/run"
works "mix" mix "$kept/mixed" --count 2 --data tests/sample
works "separate with a profile" separate "$kept/run/model.safetensors" "$kept/mixed" "$kept/parts"
check "without a warning" told_nothing_of_profiles
works "selftest with a profile" selftest "$tiny"

# ---- Profiles that cannot be used ----

# spoilt SED TEXT: such a profile is warned of in one line, and everything works
spoilt() {
    sed -i.good "$1" "$profile"
    works "separate in spite of $2" separate "$kept/run/model.safetensors" "$kept/mixed" "$scratch/parts"
    check "warns of it" told "^unblend: warning: $profile.*$2.*defaults.*unblend tune"
    check "once" [ "$(grep -c warning "$scratch/err")" -eq 1 ]
    mv "$profile.good" "$profile"
}
spoilt 's/^driver = /driver = 0/' 'made for driver'
spoilt 's/^kernels = /kernels = 0/' 'made for kernels'
spoilt 's/^tile = 6/tile = 600/' 'vector.tile = 600: out of range'
spoilt 's/^tile = 6/tiles = 6/' 'unknown key tiles'
check "the profile stands" grep -qx 'tile = 6' "$profile"
sed -i 's/^driver = /driver = 0/' "$profile"
works "devices with a stale profile" devices
check "go by the defaults" printed 'tuning: defaults, '
head -c 300 /dev/urandom >"$profile"
works "garbage in place of a profile" devices
check "is warned of" told "^unblend: warning: $profile"

# ---- Interrupted ----

cp "$profile" "$kept/profile"
"$unblend" tune configs/unet.ini >"$scratch/out" 2>"$scratch/err" </dev/null &
sleep 2
kill -INT $! 2>/dev/null || true
kill -TERM $! 2>/dev/null || true # a background job of a script may ignore SIGINT
wait $! 2>/dev/null
check "the old profile stands" cmp "$profile" "$kept/profile"
check "alone" only_profile

# ---- Bad command lines ----

refuses "missing config" 2 "$bad/none.ini" "No such file" tune "$bad/none.ini"
refuses "missing model" 3 "none.safetensors" "No such file" tune "$bad/none.safetensors"
refuses "two configs" 2 "one argument too many" "tune" tune "$tiny" "$tiny"
refuses "--batch 0" 2 "--batch 0" "1 to 4096" tune "$tiny" --batch 0
refuses "unknown option" 2 "--quickly" "--quick" tune "$tiny" --quickly
refuses "another command's option" 2 "--json" "not an option of this command" tune "$tiny" --json
refuses "unknown key" 2 "model.filter" "model.filters" tune "$tiny" --set model.filter=3
refuses "wrong --device" 2 "no-such-device" "device" tune "$tiny" --device no-such-device
# Root may write anywhere, but not below a file.
UNBLEND_PROFILE_DIR=$tiny/below refuses "profiles below a file" 1 "$tiny/below" "Not a directory" \
    tune "$tiny"

finish
