#!/usr/bin/env bash
# What `make install` puts where, as those see it who use it: a program built by pkg-config with the
# shared and the static library, names that do not collide, `make uninstall`.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

# A copy of what is built, so that nothing is linked anew where other tests are at work.
built=$(realpath "${BUILD:-build}")
mkdir -p "$scratch/build/obj"
cp -a "$built/obj/src" "$scratch/build/obj"
cp -a "$built/internal" "$built/flags" "$built/prefix" "$scratch/build"
unset MAKEFLAGS MFLAGS MAKELEVEL PREFIX LIBDIR DESTDIR # of a make that runs this
mapfile -t flags <"$built/flags"
setting() { sed -n "s/^$1=//p" "$built/flags"; }
read -ra compiler <<<"$(setting CC) $(setting CFLAGS) $(setting LDFLAGS)"
version=$(sed -n 's/^#define UB_VERSION "\(.*\)"$/\1/p' include/unblend.h)

builds() { make "${flags[@]}" BUILD="$scratch/build" "$@" >"$scratch/out" 2>"$scratch/err"; }
root="$scratch/a root"
files() { (cd "$root" && find . ! -type d | sort); }

check "installs" builds install PREFIX=/usr DESTDIR="$root"
check "without building all of it again" [ "$(grep -c '^  cc ' "$scratch/out")" -eq 1 ]
files >"$scratch/installed"
for name in bin/unblend include/unblend.h lib/libunblend.a lib/libunblend.so \
    "lib/libunblend.so.$version" lib/pkgconfig/unblend.pc share/unblend/cl/philox.h \
    share/unblend/configs/unet.ini share/unblend/models/digits-fashion.safetensors \
    share/unblend/models/digits-fashion.md; do
    check "$name is there" grep -qx "./usr/$name" "$scratch/installed"
done
check "and all kernels" diff <(cd cl && ls -- *.cl *.h) <(ls "$root/usr/share/unblend/cl")
check "a folder whose name has a blank" [ -s "$root/usr/lib/libunblend.a" ]
ln -s "$root" "$scratch/root" # for pkg-config
root=$scratch/root

# ---- Version ----

shared=$root/usr/lib/libunblend.so.$version
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/pkgconfig
export PKG_CONFIG_ALLOW_SYSTEM_CFLAGS=1 PKG_CONFIG_ALLOW_SYSTEM_LIBS=1
check "one version: the program's" [ "$("$root/usr/bin/unblend" --version)" = "unblend $version" ]
check "pkg-config's" [ "$(pkg-config --modversion unblend)" = "$version" ]
check "the changelog's" grep -q "^## \[$version\]" docs/CHANGELOG.md
check "the shared library's soname" [ "$(readlink "$root/usr/lib/libunblend.so")" = \
    "$(objdump -p "$shared" | awk '$1 == "SONAME" { print $2 }')" ]

# ---- Names ----

grep -o '\bub_[a-z_]*(' include/unblend.h | tr -d '(' | sort -u >"$scratch/declared"
nm -D --defined-only "$shared" | awk '{ print $NF }' | sort >"$scratch/shared"
nm -g --defined-only "$root/usr/lib/libunblend.a" | awk 'NF == 3 { print $3 }' | sort >"$scratch/static"
check "the header declares functions" [ "$(wc -l <"$scratch/declared")" -ge 10 ]
check "the shared library has their names only" diff "$scratch/declared" "$scratch/shared"
check "so has the static one" diff "$scratch/declared" "$scratch/static"
check "the checks of kernels are in neither" not grep -q 'layer_check' <(nm -a "$shared" \
    "$root/usr/lib/libunblend.a")

# ---- Programs ----

one_step | tiny_model_and >"$scratch/tiny.ini"
model=$scratch/run/model.safetensors
"$root/usr/bin/unblend" train "$scratch/tiny.ini" --run "$scratch/run" >"$scratch/out" 2>"$scratch/err"
check "the installed program finds its kernels" [ -s "$model" ]
{ printf 'P5\n28 28\n255\n' && seq 1000 | head -c 784; } >"$scratch/cat.pgm"

# compiles NAME SOURCE ARGUMENTS...: as a user would
compiles() {
    local name=$1 source=$2
    shift 2
    # shellcheck disable=SC2046 # words
    "${compiler[@]}" -Wall -Wextra -Werror -o "$scratch/$name" "$source" \
        $(pkg-config --cflags unblend) "$@" 2>"$scratch/err"
}
static_libraries() { pkg-config --static --libs unblend | sed 's/-lunblend/-l:libunblend.a/'; }
# separates PROGRAM: the picture, in a folder of its own
separates() {
    mkdir "$scratch/by-$1"
    (cd "$scratch/by-$1" && UNBLEND_CL_DIR=$root/usr/share/unblend/cl \
        LD_LIBRARY_PATH=$root/usr/lib "$scratch/$1" "$model" ../cat.pgm >"$scratch/out" 2>"$scratch/err") &&
        [ ! -s "$scratch/out" ] && [ ! -s "$scratch/err" ]
}
# shellcheck disable=SC2046 # words
check "the example builds with the shared library" \
    compiles shared docs/examples/separate.c $(pkg-config --libs unblend)
check "and needs it by its interface" grep -qw libunblend.so.0.2 <(objdump -p "$scratch/shared")
check "and separates without a word" separates shared
# shellcheck disable=SC2046 # words
check "the example builds with the static library" \
    compiles static docs/examples/separate.c $(static_libraries)
check "and needs no other" not grep -q libunblend <(objdump -p "$scratch/static")
check "and separates without a word" separates static
size=$((784 + $(printf 'P5\n28 28\n255\n' | wc -c)))
for source in mnist fashion; do
    check "$source is a picture" [ "$(stat -c %s "$scratch/by-shared/$source.pgm")" -eq "$size" ]
    check "the same by both" cmp "$scratch/by-shared/$source.pgm" "$scratch/by-static/$source.pgm"
done
check "and not the other" not cmp -s "$scratch/by-shared/mnist.pgm" "$scratch/by-shared/fashion.pgm"
if [ ! -e /usr/share/unblend ]; then
    check "PREFIX is where kernels are looked for" not env -u UNBLEND_CL_DIR \
        "$scratch/static" "$model" "$scratch/cat.pgm" 2>"$scratch/err"
    check "and said to be" told 'nor in /usr/share/unblend/cl'
fi

# Its own names for what unblend has as well.
cat >"$scratch/own.c" <<'END'
#include <stdio.h>
#include <unblend.h>
int fail(int code) { return code + 1; }
int add(int a, int b) { return a + b; }
int keys = 3;
void log_info(void) { puts("own"); }
int main(void)
{
    log_info();
    return !(fail(1) == 2 && add(1, keys) == 4 && !ub_open("missing", NULL) && *ub_error());
}
END
# shellcheck disable=SC2046 # words
check "a program with names of its own builds" \
    compiles own "$scratch/own.c" $(static_libraries)
check "and runs" [ "$("$scratch/own")" = own ]

# ---- Away again ----

mine=$root/usr/share/unblend/configs/mine.ini
echo "[model]" >"$mine"
check "uninstalls" builds uninstall PREFIX=/usr DESTDIR="$scratch/a root"
check "and leaves what it did not put there" [ "$(cd "$scratch/a root" && find . ! -type d)" = \
    ./usr/share/unblend/configs/mine.ini ]
rm "$mine"
check "uninstalls again" builds uninstall PREFIX=/usr DESTDIR="$scratch/a root"
check "and leaves nothing" [ -z "$(cd "$scratch/a root" && find . ! -type d -o -path '*unblend*')" ]

# ---- Building ----

one=$scratch/build/obj/src/base/error.o
compiled() { [ "$(grep -c '^  cc ' "$scratch/out")" -eq "$1" ]; }
check "nothing to do" builds "$one" PREFIX=/usr
check "is not done" compiled 0
check "other flags" builds "$one" PREFIX=/usr CPPFLAGS=-DOTHER
check "are another object" compiled 1

# A machine that has none of the packages: plain make says so and leaves it at that.
mkdir "$scratch/bin"
printf '#!/bin/sh\nexit 1\n' >"$scratch/bin/dpkg-query"
printf '#!/bin/sh\ntouch "%s"\n' "$scratch/apt-was-called" >"$scratch/bin/apt-get"
chmod +x "$scratch/bin/"*
PATH=$scratch/bin:$PATH CC=false not tools/setup missing >"$scratch/out" 2>"$scratch/err"
check "packages are missing" [ $? -eq 0 ]
check "which ones" told 'libclblast-dev.* libmd-dev'
check "and what installs them" told 'make setup'
check "but nothing is installed" [ ! -e "$scratch/apt-was-called" ]
# sets_up GOAL: whether make would install packages for it
sets_up() { env -u MAKEFLAGS -u MAKELEVEL make -n --no-print-directory BUILD="$scratch/build" "$1" | grep -x 'tools/setup' >/dev/null; }
for goal in all install uninstall clean; do check "make $goal installs no packages" not sets_up "$goal"; done
for goal in test demo data; do check "make $goal does" sets_up "$goal"; done

finish
