[[ -e /proc/$$/fd/9 ]] && echo 'lock handed on' >>"$FAKE/calls"
if [[ -e $FAKE/unconfigured ]]; then
    echo 'E: dpkg was interrupted, you must manually run dpkg --configure -a to correct the problem.' >&2
    exit 100
fi
if fails apt; then
    echo 'E: Could not get lock /var/lib/apt/lists/lock. It is held by process 8251 (python3)' >&2
    echo 'E: Unable to lock directory /var/lib/apt/lists/' >&2
    exit 100
fi
