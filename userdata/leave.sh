#!/usr/bin/env bash
# Makes this machine forget the cluster: sudo eks-hybrid-leave. Safe to repeat; it works with the cluster and without.
# https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-remove.html
set -euo pipefail

# The tests run it without root rights, below a temporary directory.
root=${EKS_HYBRID_ROOT:-}
stop() {
    printf 'not done: %s\n' "$1" >&2
    exit 1
}
[[ -n $root || $(id -u) == 0 ]] || stop 'run it as root'

# sudo drops the proxy from the environment, and nodeadm then waits for minutes.
# shellcheck source=/dev/null
[[ ! -s $root/etc/nodeadm/join.env ]] || . "$root/etc/nodeadm/join.env"
export HOME=/root

# A cluster that answers may still send pods here. One that does not answer has forgotten this node, or will.
kubeconfig=$root/var/lib/kubelet/kubeconfig
node=$(sed -n 's/.*"ManagedInstanceID": *"\([^"]*\)".*/\1/p' "$root/var/lib/amazon/ssm/registration" 2>/dev/null) || true
if [[ ${1:-} != --force && -n $node && -s $kubeconfig ]]; then
    if cordoned=$(timeout 60 "$root/usr/local/bin/kubectl" --kubeconfig "$kubeconfig" --request-timeout 20s \
        get node "$node" --output 'jsonpath={.spec.unschedulable}' 2>/dev/null) && [[ $cordoned != true ]]; then
        stop "node $node still takes pods. First, where kubectl works: kubectl drain $node --ignore-daemonsets --delete-emptydir-data; then this again. (--force goes on without.)"
    fi
fi

if [[ -e $root/etc/systemd/system/eks-hybrid-join.service ]]; then
    systemctl disable --now eks-hybrid-join.service
fi
uninstall() { "$root/usr/local/bin/nodeadm" uninstall --skip pod-validation,node-validation; }
if [[ -e $root/opt/nodeadm/tracker ]]; then
    # Where the registration is gone already, the first run ends at Systems Manager, and has removed what stops it.
    uninstall || uninstall || stop 'nodeadm uninstall failed twice; once the cause in its last line is gone, run this again'
fi
rm -rf "$root/etc/cni/net.d" "$root/etc/nodeadm" "$root/etc/systemd/system/eks-hybrid-join.service" \
    "$root/usr/local/sbin/eks-hybrid-join" "$root/usr/local/sbin/eks-hybrid-prepare" "$root/usr/local/bin/nodeadm" "$root/var/lib/eks-hybrid-join/joined"
systemctl daemon-reload
printf 'This machine has left the cluster. A reboot removes what Calico left in the kernel.\n'
if [[ -d $root/var/lib/eks-hybrid-join/before ]]; then
    printf 'The files that it had before it joined: /var/lib/eks-hybrid-join/before\n'
fi
