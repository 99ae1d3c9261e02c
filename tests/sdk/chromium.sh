#!/usr/bin/env bash
# Sees to it that Chromium is there, by apt-get if it may. SEGMENTD_SKIP_BROWSER=1 leaves it out, with the tests that need it.
set -euo pipefail
if [ "${SEGMENTD_SKIP_BROWSER:-}" = 1 ]; then
    echo "SEGMENTD_SKIP_BROWSER=1: no browser is set up, and the tests with Chromium are skipped" >&2
    exit 0
fi
for found in /usr/bin/chromium /usr/bin/chromium-browser /usr/bin/google-chrome; do
    [ -x "$found" ] && exit 0
done
if ! command -v apt-get >/dev/null; then
    root=none
elif [ "$(id -u)" = 0 ]; then
    root=
elif sudo -n true 2>/dev/null; then
    root="sudo -n"
else
    root=none
fi
if [ "$root" = none ]; then
    echo "The tests with browser SDKs need Chromium: install it (on Debian: apt-get install chromium)," >&2
    echo "or set SEGMENTD_SKIP_BROWSER=1 to leave these tests out." >&2
    exit 1
fi
echo "Installing Chromium for the tests with browser SDKs" >&2
$root apt-get update -qq
DEBIAN_FRONTEND=noninteractive $root apt-get install -y -qq --no-install-recommends chromium >/dev/null
