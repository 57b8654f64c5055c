#!/usr/bin/env bash
# The short kill test; `make test-soak` is the long one.
exec "$(dirname "$0")/../tools/kill-test" 10
