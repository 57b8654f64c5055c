#!/usr/bin/env bash
# Who may write into a run directory, what of an old run is removed when, and that what will have to be
# written is tried before the first step.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

tiny=$scratch/tiny.ini
tiny_model_and >"$tiny" <<END
[train]
batch = 4
steps_per_epoch = 10
validation_steps = 2
epochs = 2
[device]
selftest = false
END
space=$scratch/space.ini
cat "$tiny" - >"$space" <<END
[search]
trials = 2
[space]
train.learning_rate = 1e-3 | 1e-2
END
# long enough that none ends by itself before it is stopped
endless=(--set train.steps_per_epoch=1000000 --set train.epochs=3 --set train.time_limit=30)

# begin_again ARGUMENTS...: in the background, up to its first steps, while run() may be used
begin_again() {
    : >"$scratch/first" # of the process before
    : >"$scratch/begun"
    "$unblend" "$@" >/dev/null 2>"$scratch/first" </dev/null &
    pid=$!
    wait_for grep -q "^seed" "$scratch/first"
    wait_for [ -e "$locked/run.lock" ]
}

# refused_by_lock NAME ARGUMENTS...: while process $pid is in the directory $locked
refused_by_lock() {
    local name=$1
    shift
    run "$@"
    check "$name exits 1" [ "$status" -eq 1 ]
    check "$name names directory and process" told "$locked: another unblend \(process $pid\)"
}

# ---- One at a time ----

old=$kept/old
works "train" train "$tiny" --run "$old"
check "no lock is left" [ ! -e "$old/run.lock" ]

locked=$kept/busy
begin_again train "$tiny" --run "$locked" "${endless[@]}"
refused_by_lock "a second one with --force" train "$tiny" --run "$locked" --force
kill -s TERM "$pid"
end
check "the first one saves" [ "$status" -eq 143 ]
check "and leaves no lock" [ ! -e "$locked/run.lock" ]
begin_again train --resume "$locked"
wait_for [ "$locked/config.ini" -nt "$scratch/begun" ] # the last that is written before the steps
before=$(fingerprint)
refused_by_lock "a second --resume" train --resume "$locked"
check "and changes nothing" [ "$before" = "$(fingerprint)" ]
cp "$old/history.json" "$old/history.csv" "$old/model.safetensors" "$locked/"
works "plot is not locked out" plot "$locked"
kill -s KILL "$pid"
end
check "kill -9 leaves the file" [ -e "$locked/run.lock" ]
begin_again train --resume "$locked"
kill -s TERM "$pid"
end
check "but no lock" [ "$status" -eq 143 ]

locked=$kept/search
begin_again search "$space" --run "$locked" "${endless[@]}"
refused_by_lock "a second search --resume" search --resume "$locked"
wait_for [ -s "$locked/trials/001/config.ini" ]
searched=$locked locked=$locked/trials/001
refused_by_lock "train --resume of a trial" train --resume "$locked"
kill -s TERM "$pid"
end
check "the search saves" [ "$status" -eq 143 ]
check "and leaves no lock" [ ! -e "$searched/run.lock" -a ! -e "$locked/run.lock" ]

cat >"$scratch/no_locks.c" <<'END'
#include <errno.h>
int fcntl(int fd, int command, ...)
{
    (void)fd, (void)command;
    errno = ENOLCK;
    return -1;
}
END
check "a file system without locks compiles" "${CC:-cc}" -std=c11 -shared -fPIC \
    -o "$scratch/no_locks.so" "$scratch/no_locks.c"
status=0
LD_PRELOAD=$scratch/no_locks.so ASAN_OPTIONS="${ASAN_OPTIONS:-}:verify_asan_link_order=0" \
    "$unblend" train "$tiny" --run "$kept/unlocked" 2>"$scratch/err" >"$scratch/out" || status=$?
check "where there are no locks it trains" [ "$status" -eq 0 ]
check "and warns" told "warning: $kept/unlocked: cannot be locked"

# ---- What --force removes ----

# has RUN: which of its results a run has
has() {
    find "$1" -maxdepth 1 \( -name 'model*' -o -name 'checkpoint*' -o -name 'history*' \
        -o -name 'panel*' \)
}

for trouble in "3 data.directory=$scratch/none" "2 device.device=none" "2 model.filters=none"; do
    refuses "--force with ${trouble#* }" "${trouble%% *}" none "" \
        train "$tiny" --run "$old" --force --set "${trouble#* }"
done
forced=$scratch/forced
cp -r "$old" "$forced"
locked=$forced
begin_again train "$tiny" --run "$forced" --force "${endless[@]}"
wait_for grep -qx "epochs = 3" "$forced/config.ini"
check "--force begins with nothing of the old run" [ -z "$(has "$forced")" ]
kill -s KILL "$pid"
end
check "and there stays nothing" [ -z "$(has "$forced")" ]

# A directory that a training and most of a search have left: trials that a search would take for its own.
mixed=$scratch/mixed
cp -r "$old" "$mixed"
works "search for two trials" search "$space" --run "$scratch/two"
cp -r "$scratch/two/trials" "$scratch/two/trials.json" "$scratch/two/best.ini" "$mixed/"
cp -r "$old" "$mixed/best"
cp "$old"/checkpoint* "$mixed/trials/001/"
run search "$space" --run "$mixed" --force --set "data.directory=$scratch/none"
check "search --force without data" [ "$status" -eq 3 ]
check "leaves all as it is" [ -n "$(has "$mixed")" -a -s "$mixed/trials.json" -a -s "$mixed/config.ini" ]
works "search --force" search "$space" --run "$mixed" --force --trials 1
check "trains the trial anew" not told "resumed"
check "removes the training" [ -z "$(has "$mixed")$(has "$mixed/best")" -a ! -e "$mixed/config.ini" ]
check "and the other trial" [ -z "$(has "$mixed/trials/002")" ]

# ---- Tried before the first step ----

# stops_before NAME CODE TEXT ARGUMENTS...: without an epoch
stops_before() {
    local name=$1 code=$2 text=$3
    shift 3
    run "$@"
    check "$name exits $code" [ "$status" -eq "$code" ]
    check "$name is said" told "$text"
    check "$name is found before the first epoch" not told '^epoch'
}

for name in model.safetensors history.csv checkpoint.safetensors; do
    mkdir -p "$scratch/directory-$name/$name"
    stops_before "$name as a directory" 1 "$name: cannot be written: not a regular file" \
        train "$tiny" --run "$scratch/directory-$name" --force
done
deep=$scratch
part=$(printf '%0200d' 0)
while [ $((${#deep} + ${#part} + 1)) -lt 4048 ]; do
    deep=$deep/$part
done
deep=$deep/$(printf "%0$((4050 - ${#deep} - 1))d" 0)
stops_before "a path without room for names" 1 "4050 bytes, is too long" \
    train "$tiny" --run "$deep"
: >"$scratch/file"
stops_before "a directory below a file" 1 "$scratch/file/run: cannot make" \
    train "$tiny" --run "$scratch/file/run"

# A name that is no UTF-8 text: it works, or is refused at once.
odd=$scratch/$(printf 'caf\351')
cp -r tests/sample "$odd"
run train "$tiny" --run "$scratch/odd" --set "data.directory=$odd"
check "a data directory that is not UTF-8 works or is refused at once" \
    [ "$status" -eq 0 -o ! -e "$scratch/odd/config.ini" ]

# train_where_little_is_free KIB: on a small disk in a name space of its own
train_where_little_is_free() {
    status=0
    # shellcheck disable=SC2016 # expanded inside
    unshare --map-root-user --mount bash -c '
        mount -t tmpfs -o size=2m tmpfs "$3" || exit 99
        head -c "$4K" /dev/zero >"$3/spare"
        cat /dev/zero >"$3/filler" 2>/dev/null
        rm "$3/spare"
        exec "$1" train "$2" --run "$3/run"' small-disk "$unblend" "$tiny" "$scratch/disk" "$1" \
        >"$scratch/out" 2>"$scratch/err" </dev/null || status=$?
}

mkdir "$scratch/disk"
if unshare --map-root-user --mount mount -t tmpfs tmpfs "$scratch/disk" 2>/dev/null; then
    train_where_little_is_free 4
    check "a disk too small exits 1" [ "$status" -eq 1 ]
    check "and says how much is needed" told 'MiB are free on this disk; a checkpoint and the model'
    check "before the first epoch" not told '^epoch'
else
    echo "SKIPPED: a small disk, as none can be mounted here"
fi

finish
