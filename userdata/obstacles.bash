# What keeps a machine of one's own from becoming a node, asked before anything is changed. Needs `root`, `OS`,
# `ADDRESS` and `stop`, which ends with a reason. The sources are those of aws/eks-hybrid (nodeadm).

# nodeadm reads the rules of the machine's own firewall so: one that names a source or an interface does not count.
# Calico itself then admits the nodes only. nodeadm opens tcp 10250, 10256 and 30000 to 32767 by itself.
firewall_command() {
    if [[ $OS == ubuntu-* ]]; then
        # It speaks the language of the person who asks.
        [[ $(LC_ALL=C ufw status 2>/dev/null) == *'Status: active'* ]] || return 0
        LC_ALL=C ufw status | grep -Eq '^4789/udp +ALLOW +Anywhere' || printf 'ufw allow 4789/udp'
    elif [[ $(firewall-cmd --state 2>/dev/null) == running ]]; then
        # nodeadm reloads it, which forgets what is not permanent.
        firewall-cmd --permanent --query-port=4789/udp >/dev/null 2>&1 ||
            printf 'firewall-cmd --permanent --add-port=4789/udp && sudo firewall-cmd --reload'
    fi
}

obstacles() {
    local addresses file line area type _
    addresses=$(ip -4 -oneline address | awk '{ sub("/.*", "", $4); print $4 }')
    # The kubelet does not say its address then, and the control plane cannot reach it.
    grep -qxF "$ADDRESS" <<<"$addresses" ||
        stop "no interface of this machine has the address $ADDRESS of the settings (hybridNodes[].address); it has ${addresses//$'\n'/, }"
    [[ $OS != ubuntu-* || -e $root/run/systemd/resolve/resolv.conf ]] ||
        stop 'systemd-resolved does not run; nodeadm gives the kubelet its file /run/systemd/resolve/resolv.conf, and without it no pod starts: sudo systemctl enable --now systemd-resolved'
    for file in "$root"/{etc,run,usr/lib}/systemd/system/kubelet.service.d/*.conf; do
        ! grep -qs '^ExecStart' "$file" ||
            stop "$file starts the kubelet in its own way, which wins over nodeadm's: remove it (if a package brought it: sudo apt-get remove kubeadm), then sudo systemctl daemon-reload"
    done
    # nodeadm looks at what follows too, but only once it has registered the machine.
    [[ -e $root/etc/fstab ]] || stop 'this machine has no /etc/fstab, which nodeadm reads and writes: sudo touch /etc/fstab'
    line=$(awk 'NF && $1 !~ /^#/ && NF < 3 { print NR; exit }' "$root/etc/fstab")
    [[ -z $line ]] || stop "line $line of /etc/fstab has fewer than three words, at which nodeadm ends: correct it, or put a # before it"
    while read -r area type _; do
        [[ $area != /dev/zram* ]] ||
            stop "this machine swaps to $area, compressed memory, which nodeadm takes for a partition: sudo swapoff -a, and remove the package that makes it at each boot (dpkg --list '*zram*', Amazon Linux: rpm --query --all '*zram*')"
        [[ $type != partition ]] ||
            stop "this machine swaps to the partition $area, which nodeadm does not take: sudo swapoff -a; sudo sed -i.before '/^[^#].*[[:space:]]swap[[:space:]]/d' /etc/fstab"
    done < <(cat "$root/proc/swaps" 2>/dev/null)
}
