#!/usr/bin/env bash
# The page of a gallery in a browser: what it shows, what keys and the mouse do, in a wide and a narrow window,
# with names of every kind and with a thousand pictures. GALLERY_RUNS says how often these are opened.
set -uo pipefail
# shellcheck source=tests/cases.sh
. "$(dirname "$0")/cases.sh" || exit 1

for chromium in chromium chromium-browser google-chrome ""; do
    ! command -v "$chromium" >/dev/null || break
done
if [ -z "$chromium" ] || ! command -v python3 >/dev/null; then
    echo "SKIPPED: there is no chromium or no python3 (tools/setup browser)"
    exit 0
fi

python3 tests/gallery_page.py "$chromium" "$(dirname "$unblend")/tests/test_gallery" "$scratch" \
    "${GALLERY_RUNS:-1}" 2>&1
