#!/usr/bin/env bash
# Trainings that were broken off go on to the bit as if they had not been, with everything on that has
# a state: dropout, AdamW, clipping, moving average, plateau. What cannot be resumed is refused, and
# nothing is changed then.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

tiny=$scratch/tiny.ini
cat >"$tiny" <<END
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
[train]
batch = 4
steps_per_epoch = 30
validation_steps = 2
epochs = 6
optimizer = adamw
weight_decay = 0.05
clip_norm = 0.05
average = 0.9
schedule = plateau
plateau_patience = 1
plateau_cooldown = 1
plateau_min_delta = 0.1
stop_patience = 4
stop_min_delta = 0.05
[device]
selftest = false
END

cosine=$scratch/cosine.ini
cat >"$cosine" <<END
[model]
filters = 1
modules = 2
convolutions = 1
[data]
directory = tests/sample
validation = 0
[train]
batch = 4
steps_per_epoch = 200
epochs = 6
validation_steps = 0
schedule = cosine
warmup_steps = 500
keep = last
[device]
selftest = false
END

# ---- Breaking off ----

# interrupt SIGNAL STATUS EPOCH: in the middle of the epoch, with the process begun before
interrupt() {
    local name="$1 in epoch $3"
    wait_for told "^epoch $(($3 - 1))/"
    kill -s "$1" "$pid"
    end
    check "$name exits $2" [ "$status" -eq "$2" ]
    check "$name says where" told "interrupted in epoch $3, step [1-9]"
    check "$name says how to go on" told 'unblend train --resume '
}

# state RUN KEY: a number of the state in the checkpoint
state() { grep -ao "$2[^0-9,]*[0-9]*" "$1/checkpoint.safetensors" | head -n 1 | grep -o '[0-9]*$'; }

# ---- It goes on to the bit ----

whole=$scratch/whole
works "train in one go" train "$tiny" --run "$whole"
check "the learning rate was reduced on the way" told '^learning rate reduced'
check "not each epoch was the best" [ "$(grep -cE '^epoch .* best$' "$scratch/err")" -lt 6 ]
check "two checkpoints are kept" [ -s "$whole/checkpoint.previous.safetensors" ]

half=$scratch/half
works "train a half" train "$tiny" --run "$half" --set train.epochs=3
cp -r "$half" "$scratch/almost"
works "and the other" train --resume "$half" --set train.epochs=6
check "says where it goes on" told '^resumed in epoch 4, after 0 of its steps'
check "two halves: the same run" same_run "$whole" "$half"
works "nothing is left to do" train --resume "$half"
check "nothing done: the same run" same_run "$whole" "$half"

refuses "other sources than it was trained with" 3 "checkpoint.safetensors" "tensor decoder_c" \
    train --resume "$half" --set train.epochs=7 --set data.sources=mnist,fashion-mnist,mnist \
    --set data.names=a,b,c --set train.source_weights=

broken=$scratch/broken
begin train "$tiny" --run "$broken"
interrupt INT 130 2
begin train --resume "$broken"
interrupt TERM 143 5
works "resume after signals" train --resume "$broken"
check "in the middle of an epoch" told '^resumed in epoch 5, after [1-9]'
check "broken off by signals: the same run" same_run "$whole" "$broken"

early=$scratch/early
works "train for a stop" train "$cosine" --run "$early" --set train.epochs=2 \
    --set train.stop_patience=3 --set train.stop_min_delta=10
works "it stops early" train --resume "$early" --set train.epochs=6
check "after its patience" told '^early stopping: epoch 1 was the best'
check "not later" not told '^epoch 5/'
works "it does not go on after it" train --resume "$early"
check "not a step" not told '^epoch '

works "train on a cosine" train "$cosine" --run "$scratch/cosine"
begin train "$cosine" --run "$scratch/bow"
interrupt TERM 143 2
begin train --resume "$scratch/bow"
interrupt INT 130 4
works "resume on a cosine" train --resume "$scratch/bow"
check "a cosine broken off: the same run" same_run "$scratch/cosine" "$scratch/bow"

# An epoch that does not end, killed once it has a checkpoint. Then both end ten steps later.
killed=$scratch/killed
begin train "$tiny" --run "$killed" --set train.epochs=1 \
    --set train.steps_per_epoch=1000000 --set train.checkpoint_seconds=1
wait_for [ -s "$killed/checkpoint.safetensors" ]
kill -s KILL "$pid"
end
steps=$(state "$killed" epoch_steps)
works "resume after kill -9" train --resume "$killed" --set "train.steps_per_epoch=$((steps + 10))"
check "in the middle of the epoch" told "^resumed in epoch 1, after $steps of its steps"
works "the same in one go" train "$killed/config.ini" --run "$scratch/alive"
check "killed in an epoch: the same run" same_run "$scratch/alive" "$killed"

# ---- What cannot be resumed ----

refuses "a run that is not there" 2 "$kept/none" "no such run" train --resume "$kept/none"
mkdir "$kept/empty"
refuses "another first model" 2 "--set train.start_from=other" "has begun" \
    train --resume "$kept/run" --set train.start_from=other
refuses "a run without a config" 2 "$kept/empty/config.ini" "No such file" \
    train --resume "$kept/empty"
for words in "$tiny" "--run $kept/other" "--force"; do
    # shellcheck disable=SC2086 # the words of the command
    refuses "--resume beside ${words%% *}" 2 "--resume RUN" "" train --resume "$half" $words
done

# damaged NAME TEXT: refused with the text, where standard input is the checkpoint
damaged() {
    cat >"$kept/run/checkpoint.safetensors"
    refuses "$1" 3 "$kept/run/checkpoint.safetensors" "$2" train --resume "$kept/run"
}

cp -r "$half" "$kept/run"
checkpoint=$half/checkpoint.safetensors
previous=checkpoint.previous.safetensors
damaged "an empty checkpoint" "$previous" </dev/null
damaged "cut in its header" "$previous" < <(head -c 1000 "$checkpoint")
damaged "cut at its end" "$previous" < <(head -c -1 "$checkpoint")
damaged "another last byte" "sha256" < <(head -c -1 "$checkpoint" && printf '\377')
damaged "a model in its place" "not a checkpoint" <"$half/model.safetensors"
damaged "a state without a key" "the state" < <(LC_ALL=C sed 's/first_step/forst_step/' "$checkpoint")
damaged "a letter in a number" "the state" \
    < <(LC_ALL=C sed 's/\(epoch_steps[^0-9]*\)[0-9]/\1x/' "$checkpoint")

rm "$kept/run/checkpoint.safetensors"
refuses "no checkpoint" 3 "$kept/run/checkpoint.safetensors" "$previous" train --resume "$kept/run"
mv "$kept/run/$previous" "$kept/run/checkpoint.safetensors"
works "the previous one in its place" train --resume "$kept/run"
check "the previous one: the same run" same_run "$whole" "$kept/run"

rm "$kept/run/history.json"
refuses "no history" 3 "$kept/run/history.json" "" train --resume "$kept/run"
echo '{"epochs": [' >"$kept/run/history.json"
refuses "a broken history" 3 "$kept/run/history.json" "" train --resume "$kept/run"
echo '{"sources": ["mnist", "fashion"], "epochs": []}' >"$kept/run/history.json"
refuses "a history too short" 3 "$kept/run/history.json" "" train --resume "$kept/run"
cp "$half/history.json" "$kept/run/history.json"
for setting in model.filters=3 model.cbam=false model.blocks=2 train.average=0; do
    refuses "other settings: $setting" 3 "$kept/run/checkpoint.safetensors" "" \
        train --resume "$kept/run" --set "$setting"
done

# ---- A full disk ----

# train_on_full_disk: $scratch/almost, trained on where 150 KiB are left, which do for all but the
# checkpoint. The disk is a small one in a name space of its own; what is left on it comes back as
# $scratch/full.
train_on_full_disk() {
    # shellcheck disable=SC2016 # expanded inside
    unshare --map-root-user --mount bash -c '
        mount -t tmpfs -o size=2m tmpfs "$2/disk" || exit 99
        cp -r "$2/almost" "$2/disk/run"
        rm "$2/disk/run/checkpoint.previous.safetensors" # which would make room
        head -c 150K /dev/zero >"$2/disk/spare"
        cat /dev/zero >"$2/disk/filler" 2>/dev/null
        rm "$2/disk/spare"
        "$1" train --resume "$2/disk/run" --set train.epochs=6
        status=$?
        cp -r "$2/disk/run" "$2/full"
        exit $status' full-disk "$unblend" "$scratch" >"$scratch/out" 2>"$scratch/err" </dev/null
}

mkdir "$scratch/disk"
if unshare --map-root-user --mount mount -t tmpfs tmpfs "$scratch/disk" 2>/dev/null; then
    status=0
    train_on_full_disk || status=$?
    check "a full disk exits 1" [ "$status" -eq 1 ]
    check "names the file" told 'checkpoint\.safetensors: cannot be written: No space left'
    check "keeps the checkpoint" \
        cmp "$scratch/almost/checkpoint.safetensors" "$scratch/full/checkpoint.safetensors"
    check "leaves no half of a file" [ -z "$(find "$scratch/full" -name '.unblend-tmp-*')" ]
    works "and goes on elsewhere" train --resume "$scratch/full"
    check "after a full disk: the same run" same_run "$whole" "$scratch/full"
else
    echo "SKIPPED: a full disk, as none can be mounted here; tools/kill-test simulates one"
fi

finish
