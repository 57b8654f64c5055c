#!/usr/bin/env bash
# The order of the rooms: this tree holds it, and tools/check-includes notices where one does not.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

# includes DIRECTORY: what tools/check-includes says of the tree in it, in $scratch/err
includes() {
    status=0
    tools/check-includes "$1" >"$scratch/out" 2>"$scratch/err" || status=$?
}

includes .
check "no file includes what is above it" [ "$status" -eq 0 ]

# A small tree that holds the order, and one mistake at a time.
tree=$scratch/tree
mkdir -p "$tree/cl" "$tree/include"
for room in $(sed -n '/^rooms=(/,/)/p' tools/check-includes | tr -d '()\n' | sed 's/^rooms=//'); do
    mkdir -p "$tree/src/$room"
    echo '#include <stdio.h>' >"$tree/src/$room/$room.c"
done
echo '#include "base/base.h"' >"$tree/src/cli/cli.c"
echo '#include "../cl/philox.h"' >"$tree/src/base/base.h"
echo '#include "check/check.h"' >"$tree/src/tune/tune.c"
includes "$tree"
check "a tree in order" [ "$status" -eq 0 ]

is_wrong() { [ "$status" -eq 1 ] && told "$1"; }

# finds NAME TEXT FILE LINE: with the line in the file, the text is said
finds() {
    local existed=no
    [ ! -e "$tree/$3" ] || existed=yes
    [ "$existed" = no ] || cp "$tree/$3" "$scratch/kept-file"
    echo "$4" >>"$tree/$3"
    includes "$tree"
    if [ "$existed" = yes ]; then cp "$scratch/kept-file" "$tree/$3"; else rm "$tree/$3"; fi
    check "$1" is_wrong "$2"
}
finds "an edge upward" 'src/nn/nn.c:2: nn must not use layers' src/nn/nn.c '#include "layers/x.h"'
finds "one in other brackets" 'src/nn/nn.c:2: nn must not use layers' src/nn/nn.c '#include <layers/x.h>'
finds "one in a header" 'src/base/base.h:2: base must not use cli' src/base/base.h \
    '  #  include "cli/cli.h"'
finds "check where it does not belong" 'only check tune cli may use check' src/api/api.c \
    '#include "check/check.h"'
finds "a header of no room" '"other.h" names no room' src/nn/nn.c '#include "other.h"'
finds "a header of a room that there is not" '"mill/x.h" names no room' src/nn/nn.c \
    '#include "mill/x.h"'
finds "a header of cl/ that looks up" 'cl/a.h:1: must not use' cl/a.h '#include "src/base/base.h"'
finds "a file outside all rooms" 'src/alone.c: has no place' src/alone.c 'int alone;'
mkdir "$tree/src/attic"
includes "$tree"
check "a room without a place" is_wrong "src/attic: has no place"
rmdir "$tree/src/attic"
rm -r "$tree/src/nn"
includes "$tree"
check "a place without a room" is_wrong "src/nn: no such room"

finish
