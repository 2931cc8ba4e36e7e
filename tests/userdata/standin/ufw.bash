# As ufw 0.36 prints its rules; a file has them. It speaks the machine's language.
active='Status: active'
[[ ! -e $FAKE/german || ${LC_ALL:-} == C ]] || active='Status: Aktiv'
case $1 in
    status)
        [[ -e $FAKE/ufw ]] || { echo 'Status: inactive'; exit; }
        printf '%s\n\nTo                         Action      From\n--                         ------      ----\n' "$active"
        cat "$FAKE/ufw"
        ;;
    allow) printf '%-26s ALLOW       Anywhere\n' "$2" >>"$FAKE/ufw" ;;
esac
