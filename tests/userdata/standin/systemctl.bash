case $1 in
    is-active)
        if [[ $* == *eks-hybrid-join* ]]; then
            cat "$FAKE/join-state" 2>/dev/null || { echo inactive; exit 3; }
        else
            [[ -e $FAKE/active || -e $FAKE/active-${!#} ]]
        fi
        ;;
    restart) [[ ! -e $FAKE/broken-${!#} ]] || { echo "Job for ${!#}.service failed" >&2; exit 1; } ;;
    show)
        # A kubelet that crashes has another process id at every look.
        [[ -e $FAKE/crashing ]] && echo "$RANDOM$RANDOM" || echo 4242
        ;;
esac
