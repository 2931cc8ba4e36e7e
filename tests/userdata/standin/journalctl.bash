case $* in
    *'--unit kubelet '*)
        echo 'kubelet[4242]: E1123 node is not authorized'
        [[ -e $FAKE/chatty ]] && seq 20000
        ;;
    *'--unit containerd '*) echo 'containerd[17]: cni plugin not initialized' ;;
esac
exit 0
