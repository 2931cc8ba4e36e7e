# A reload forgets what is not permanent.
[[ -e $FAKE/firewalld ]] || { echo 'not running' >&2; exit 252; }
case $* in
    --state) echo running ;;
    *--add-port=*) echo "${!#}" | sed 's/.*=//' >>"$FAKE/firewalld" ;;
    *--query-port=*) grep -qx "$(sed 's/.*=//' <<<"${!#}")" "$FAKE/firewalld" && echo yes ;;
    --reload) echo success ;;
esac
