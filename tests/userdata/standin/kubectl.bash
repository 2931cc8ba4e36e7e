if [[ $* == *jsonpath={.spec.unschedulable}* ]]; then
    [[ ! -e $FAKE/deregistered ]] || exit 1
    [[ ! -e $FAKE/cordoned ]] || printf true
    exit 0
fi
if [[ -e $FAKE/unauthorized ]]; then
    echo 'error: You must be logged in to the server (Unauthorized)' >&2
    exit 1
fi
if [[ -e $FAKE/unreachable ]]; then
    echo 'Unable to connect to the server: dial tcp 10.10.1.7:443: i/o timeout' >&2
    exit 1
fi
if fails kubectl; then
    echo 'Error from server (NotFound): nodes "mi-0123456789abcdef0" not found' >&2
    exit 1
fi
[[ " $* " == *" get node mi-0123456789abcdef0 "* ]] || exit 1
echo node/mi-0123456789abcdef0
