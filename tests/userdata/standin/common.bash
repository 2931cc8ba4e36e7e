#!/bin/bash
# Every fake writes down how it was called. What it does is steered by files in $FAKE: a file named
# <something>.failures holds how often it still fails, other files are switches.
printf '%s\n' "${0##*/} $*" >>"$FAKE/calls"
env >>"$FAKE/environment"
fails() {
    local left
    left=$(cat "$FAKE/$1.failures" 2>/dev/null || echo 0)
    ((left > 0)) || return 1
    echo $((left - 1)) >"$FAKE/$1.failures"
}
