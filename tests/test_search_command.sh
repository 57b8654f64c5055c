#!/usr/bin/env bash
# unblend search by its command line: what it leaves behind, that it goes on after signals and kill -9
# without losing or repeating a trial, and what it refuses.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1
export POCL_MAX_PTHREAD_COUNT=1 # other tests run beside this one

space=$scratch/tiny.ini
tiny_model_and >"$space" <<END
[train]
batch = 4
steps_per_epoch = 40
validation_steps = 2
epochs = 4
checkpoint_seconds = 1
[device]
selftest = false
[search]
strategy = random
trials = 8
eta = 2
[space]
train.learning_rate = 1e-4 .. 1e-2 log
train.batch = 2 | 4
[final]
train.epochs = 2
END
sed 's/^strategy.*/strategy = halving/' "$space" >"$scratch/halving.ini"

# The record without the seconds, which no two runs share.
record() { cut -d, -f1-8,10- "$1/trials.csv"; }
same_record() { [ "$(record "$1")" = "$(record "$2")" ]; }
sorted() { tail -n +2 "$1/trials.csv" | cut -d, -f6 | sort -gc; }
rows() { [ "$(tail -n +2 "$1/trials.csv" | wc -l)" -eq "$2" ]; }

# ---- A search ----

works "search" search "$space" --run "$kept/whole" --train-best
whole=$kept/whole
check "prints the model" printed "^$whole/best/model.safetensors\$"
check "a row for each trial" rows "$whole" 8
check "sorted by val_loss" sorted "$whole"
check "the columns" grep -q \
    '^trial,status,rung,epochs,loss,val_loss,best_epoch,steps,seconds,train.learning_rate,train.batch$' \
    "$whole/trials.csv"
# The trial's own history says the same of its best epoch, in other columns.
history_agrees() {
    local trial best loss val_loss
    IFS=, read -r trial _ _ _ loss val_loss best _ < <(sed -n 2p "$whole/trials.csv")
    awk -F, -v best="$best" -v loss="$loss" -v val_loss="$val_loss" '
        function near(a, b) { return a - b < 1e-6 * b && b - a < 1e-6 * b }
        $1 == best { good = near($3, loss) && near($6, val_loss) }
        END { exit !good }' "$whole/trials/$(printf %03d "$trial")/history.csv"
}
check "each in its column" history_agrees
check "trials.json" json_holds "$whole/trials.json" '"trials"' '"val_loss"' '"train.learning_rate"'
check "each has its run" [ -s "$whole/trials/008/model.safetensors" ]
check "best.ini is under [final]" grep -qx 'epochs = 2' "$whole/best.ini"
check "best.ini has the best trial's rate" grep -qx \
    "learning_rate = $(sed -n 2p "$whole/trials.csv" | cut -d, -f10)" \
    "$whole/best.ini"
works "best.ini is ready for train" train "$whole/best.ini" --run "$scratch/best"
check "and trains what --train-best does" cmp "$scratch/best/model.safetensors" \
    "$whole/best/model.safetensors"
leave_half "$whole"
works "nothing is left to do" search --resume "$whole" --train-best
check "and what a killed one left is gone" [ ! -e "$half" ]
works "fewer trials" search "$space" --run "$kept/few" --trials 2
check "are the first ones" [ "$(tail -n +2 "$kept/few/trials.csv" | cut -d, -f1 | sort | tr -d '\n')" = 12 ]
works "then all of them" search --resume "$kept/few" --trials 8
check "the same record" same_record "$whole" "$kept/few"
works "another seed" search "$space" --run "$kept/other" --seed 9 --trials 2 --set train.epochs=1
check "has other trials" [ "$(record "$kept/other" | cut -d, -f9 | sort)" != \
    "$(record "$kept/few" | grep '^[12],' | cut -d, -f9 | sort)" ]
works "halving" search "$scratch/halving.ini" --run "$kept/halving"
check "gives two trials all epochs" [ "$(cut -d, -f4 "$kept/halving/trials.csv" | grep -c '^4$')" -eq 2 ]

# ---- Broken off ----

# stop SIGNAL RUN ARGUMENTS...: begins, and sends the signal once the trials are under way
stop() {
    local signal=$1 run=$2
    shift 2
    begin "$@"
    wait_for [ -s "$run/trials/$trial/config.ini" ]
    sleep "$wait"
    kill -s "$signal" "$pid" 2>/dev/null
    end
}

broken=$scratch/broken
trial=002 wait=0.3
longer=(--set train.steps_per_epoch=400 --trials 3)
stop INT "$broken" search "$space" --run "$broken" "${longer[@]}"
check "SIGINT exits 130" [ "$status" -eq 130 ]
check "and says how to go on" grep -q "unblend search --resume $broken" "$scratch/err"
works "the same in one go" search "$space" --run "$scratch/longer" "${longer[@]}"
works "go on after SIGINT" search --resume "$broken"
check "after SIGINT: the same record" same_record "$scratch/longer" "$broken"

for strategy in whole halving; do
    killed=$scratch/killed-$strategy
    from=$space
    [ $strategy = whole ] || from=$scratch/halving.ini
    arguments=("$from" --run "$killed")
    for trial in 001 002 004 005 007; do
        wait=0.0${trial#00}
        stop KILL "$killed" search "${arguments[@]}"
        arguments=(--resume "$killed")
    done
    works "go on after kill -9 ($strategy)" search --resume "$killed"
    check "after kill -9: the same record ($strategy)" same_record "$kept/$strategy" "$killed"
done

# ---- What it refuses ----

refuses "nothing to search" 2 "SPACE or --resume RUN" "search --help" search
refuses "no such space" 2 "$kept/none.ini" "No such file" search "$kept/none.ini"
schedule='[unfreeze]\n4 = *\n[freeze]\n1 = encoder*\n[search]\ntrials = 1\n[space]\n'
{ tiny_model_and </dev/null; printf '[train]\nepochs = 4\n%btrain.learning_rate = 1e-3 | 1e-4\n[final]\ntrain.epochs = 2\n' \
    "$schedule"; } >"$bad/final.ini"
refuses "a last training that ends before its schedule" 2 "final.ini: [final]: " "unfreeze.4 is never reached" \
    search "$bad/final.ini" --run "$kept/never"
{ tiny_model_and </dev/null; printf '[train]\nepochs = 4\n%btrain.epochs = 2 | 4\n' "$schedule"; } >"$bad/trial.ini"
refuses "a trial that ends before its schedule" 2 "trial.ini: a trial: " "train.epochs is 2" \
    search "$bad/trial.ini" --run "$kept/never"
refuses "a config without a space" 2 "configs/unet.ini" "[space]" search configs/unet.ini
refuses "a run that is there" 2 "$whole" "--resume" search "$space" --run "$whole"
refuses "another search's run, also with --force" 2 "$whole" "--resume" search "$space" \
    --run "$whole" --force
refuses "a run that is not there" 2 "$kept/none" "no such run" search --resume "$kept/none"
mkdir "$kept/empty"
refuses "a run without a space" 2 "search.ini" "No such file" search --resume "$kept/empty"
for words in "$space" "--run $kept/x" "--force" "--seed 3" "--set train.epochs=9"; do
    # shellcheck disable=SC2086 # the words of the command
    refuses "--resume beside ${words%% *}" 2 "--resume RUN" "" search --resume "$whole" $words
done
refuses "no trials" 2 "--trials" "out of range" search "$space" --trials 0

cp -r "$whole" "$kept/changed"
sed -i 's/"train.batch": "2"/"train.batch": "3"/' "$kept/changed/trials.json"
refuses "a record of other trials" 3 "trials.json" "other values" search --resume "$kept/changed"
echo '{"trials": [' >"$kept/changed/trials.json"
refuses "a damaged record" 3 "trials.json" "not JSON" search --resume "$kept/changed"
cp "$whole/trials.json" "$kept/changed/"
sed -i 's/^epochs = 2$/epochs = 3/' "$kept/changed/best/config.ini"
run search --resume "$kept/changed" --train-best
check "an earlier winner's training stays" grep -q "earlier winner" "$scratch/err"

finish
