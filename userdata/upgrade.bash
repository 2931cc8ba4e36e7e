# What `ops upgrade` writes: its parameters, then this, then the files, then `upgrade`.
umask 077

# The tests run it without root rights, below a temporary directory.
root=${EKS_HYBRID_ROOT:-}
stop() {
    printf 'not upgraded: %s\n' "$1" >&2
    exit 1
}
[[ -n $root || $(id -u) == 0 ]] || stop "run it as root: sudo bash $0"
joined=$(sed -n '/--cluster-id/{n;s/^[^"]*"\([^"]*\)".*/\1/p;}' "$root/var/lib/kubelet/kubeconfig" 2>/dev/null) || true
[[ $joined == "$cluster" ]] || stop "this machine is no node of cluster $cluster: ops join $name makes it one"

write() {
    mkdir -p "$(dirname "$root$2")"
    cat >"$root$2.new"
    chmod "$1" "$root$2.new"
    mv "$root$2.new" "$root$2"
}

upgrade() {
    # sudo drops the proxy from the environment, and nodeadm then waits for minutes and says "node not initialized".
    # shellcheck source=/dev/null
    . "$root/etc/nodeadm/join.env"
    export HOME=/root
    "$root/usr/local/sbin/eks-hybrid-join" nodeadm
    # nodeadm runs `apt upgrade containerd`, and that upgrades every package. With these pins the others stay as they
    # are installed ("now"). Nothing of it outlives this command, as marks by apt-mark would.
    local apt=$root/run/eks-hybrid-upgrade
    mkdir -p "$apt"
    printf 'Package: %s\nPin: release %s\nPin-Priority: %s\n\n' \
        'containerd containerd.io runc iptables' '*' 500 '*' a=now 999 >"$apt/preferences"
    printf 'Dir::Etc::Preferences "%s";\nDpkg::Options { "--force-confdef"; "--force-confold"; };\n' \
        "$apt/preferences" >"$apt/apt.conf"
    export DEBIAN_FRONTEND=noninteractive
    APT_CONFIG=$apt/apt.conf "$root/usr/local/bin/nodeadm" upgrade "$KUBERNETES_VERSION" -c "file://$root/etc/nodeadm/nodeConfig.yaml" ||
        stop 'nodeadm upgrade failed: its last line says why. Once the cause is gone, run this file again'
    systemctl is-active --quiet kubelet || stop 'the kubelet does not run: sudo journalctl --unit kubelet'
    printf 'upgraded to Kubernetes %s; the node still takes no pods. Now, where kubectl works: %s\n' "$KUBERNETES_VERSION" "$afterwards"
}
