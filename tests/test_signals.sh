#!/usr/bin/env bash
# Signals while training: one that comes twice is one, a dropped connection is one, what the parent has
# set to be ignored stays ignored, and only a second Ctrl-C after a second ends a training that is busy
# saving.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

tiny=$scratch/tiny.ini
tiny_model_and >"$tiny" <<END
[train]
batch = 4
steps_per_epoch = 1000000
validation_steps = 0
epochs = 1
[device]
selftest = false
END

# Saving takes as many seconds as $slow says, while there is such a file. So a second signal is sure to
# come before the checkpoint is written.
slow=$scratch/slow
cat >"$scratch/slow_disk.c" <<'END'
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

int fsync(int fd)
{
    struct stat info;
    struct timespec left = {0};
    FILE *in = fopen(getenv("SLOW"), "r");
    double seconds = 0;
    if (in && !fstat(fd, &info) && S_ISREG(info.st_mode) && fscanf(in, "%lf", &seconds) == 1) {
        left.tv_sec = (time_t)seconds;
        left.tv_nsec = (long)((seconds - (double)left.tv_sec) * 1e9);
    }
    if (in)
        fclose(in);
    while (nanosleep(&left, &left))
        ;
    return (int)syscall(SYS_fsync, fd);
}
END
check "the slow disk compiles" "${CC:-cc}" -std=c11 -O2 -shared -fPIC -o "$scratch/slow_disk.so" \
    "$scratch/slow_disk.c"

# begin_training RUN WITH...: an epoch that does not end, started by the command WITH. Once there is a
# config, signals are caught.
begin_training() {
    local run=$1
    shift
    rm -f "$slow"
    : >"$scratch/err"
    SLOW=$slow "$@" env LD_PRELOAD="$scratch/slow_disk.so" \
        ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
        "$unblend" train "$tiny" --run "$run" >"$scratch/out" 2>"$scratch/err" </dev/null &
    pid=$!
    wait_for [ -s "$run/config.ini" ]
}

heeding=(env "--default-signal=INT,TERM,HUP")

# stops_well NAME STATUS RUN: it has saved, and says how to go on
stops_well() {
    end
    check "$1: exits $2" [ "$status" -eq "$2" ]
    check "$1: says how to go on" told "interrupted in epoch 1, step [1-9].*unblend train --resume $3"
    check "$1: has saved" [ -s "$3/checkpoint.safetensors" ]
}

# ---- Twice ----

# `timeout` sends SIGTERM to the process and then to its group; a terminal and who passes a signal on
# may come at the same time.
for pair in "TERM TERM 143" "INT INT 130" "HUP HUP 129" "INT TERM 130" "TERM INT 143"; do
    read -r first second code <<<"$pair"
    run=$scratch/$first-$second
    begin_training "$run" "${heeding[@]}"
    echo 0.7 >"$slow"
    kill -s "$first" "$pid"
    sleep 0.003
    kill -s "$second" "$pid"
    stops_well "SIG$first and SIG$second" "$code" "$run"
done
run=$scratch/TERM-TERM
steps=$(grep -ao 'epoch_steps[^0-9]*[0-9]*' "$run/checkpoint.safetensors" | grep -o '[0-9]*$')
works "what they left goes on" train --resume "$run" --set "train.steps_per_epoch=$((steps + 3))"
check "where it was" told "^resumed in epoch 1, after $steps of its steps"
works "the same in one go" train "$run/config.ini" --run "$scratch/whole"
check "gives the same run" same_run "$scratch/whole" "$run"

run=$scratch/late
begin_training "$run" "${heeding[@]}"
echo 2 >"$slow"
kill -s TERM "$pid"
sleep 1.3
kill -s TERM "$pid"
stops_well "a SIGTERM later" 143 "$run"

run=$scratch/impatient
begin_training "$run" "${heeding[@]}"
echo 60 >"$slow"
kill -s INT "$pid"
sleep 0.1
kill -s INT "$pid"
sleep 1.2
kill -s INT "$pid"
end
check "Ctrl-C again after a second exits 130" [ "$status" -eq 130 ]
check "at once" not told interrupted
check "without the checkpoint" [ ! -e "$run/checkpoint.safetensors" ]

# ---- Ignored by the parent ----

run=$scratch/ignoring
begin_training "$run" env --ignore-signal=INT,HUP
echo 0 >"$slow"
kill -s INT "$pid"
kill -s HUP "$pid"
sleep 0.3
check "SIGINT and SIGHUP stay ignored" kill -0 "$pid"
kill -s TERM "$pid"
stops_well "SIGTERM all the same" 143 "$run"

# ---- While a file is converted ----

export STARTED=$scratch/started UNBLEND_HDF5=$scratch/slow-hdf5 TMPDIR=$scratch/temporary
mkdir "$TMPDIR"
cat >"$UNBLEND_HDF5" <<'END'
#!/bin/sh
: >"$STARTED"
exec sleep 30
END
chmod +x "$UNBLEND_HDF5"
: >"$scratch/model.h5"
for pair in "TERM 143" "INT 130"; do
    read -r signal code <<<"$pair"
    rm -f "$STARTED"
    "${heeding[@]}" "$unblend" import "$scratch/model.h5" "$scratch/never.safetensors" \
        >"$scratch/out" 2>"$scratch/err" </dev/null &
    pid=$!
    wait_for [ -e "$STARTED" ]
    began=$SECONDS
    kill -s "$signal" "$pid"
    end
    check "SIG$signal during an import: exits $code" [ "$status" -eq "$code" ]
    check "says why" told interrupted
    check "does not wait for the other program" [ $((SECONDS - began)) -lt 20 ]
    check "leaves nothing behind" [ -z "$(ls "$TMPDIR")" ]
    check "and no model" [ ! -e "$scratch/never.safetensors" ]
done

finish
