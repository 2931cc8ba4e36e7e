#!/usr/bin/env bash
# Before each attempt of a machine of one's own: looks for what is in the way, and tells what reaches the internet about
# the proxy, if there is one, in the files that nodeadm asks for. userdata/join.sh runs it and says its last line.
#
# An owner's file is kept: what is missing goes below it, where it counts, and a copy of the old file goes to
# /var/lib/eks-hybrid-join/before. The paths are nodeadm's (internal/network/proxy_validator.go of aws/eks-hybrid).
set -euo pipefail

root=${EKS_HYBRID_ROOT:-}
# shellcheck source=/dev/null
. "$root/etc/nodeadm/join.env"
stop() {
    printf '%s\n' "$1"
    exit "${2:-1}"
}

# A new seed for a machine that is a node: its registration stays that of the old activation, whatever nodeadm reads.
activation=$(grep -os 'eks-hybrid-calico/activation=[0-9a-f-]*' "$root/etc/eks/kubelet/environment") || true
if [[ -n $activation ]] && ! grep -q "${activation#*=}" "$root/etc/nodeadm/nodeConfig.yaml"; then
    stop "this machine is a node of another activation, and keeps that registration; make it forget that one first: sudo eks-hybrid-leave" 78
fi

# @obstacles

obstacles
opening=$(firewall_command)
[[ -z $opening ]] || stop "the firewall of this machine is on and closed for udp 4789, on which Calico's nodes reach each other: sudo $opening"
[[ -n ${HTTPS_PROXY:-} ]] || exit 0

# nodeadm looks at /usr/lib only, where systemd reads nothing if /etc has a file of the same name (systemd.unit(5)).
hiding=$root/etc/systemd/system/containerd.service.d/http-proxy.conf
[[ ! -L $hiding ]] ||
    stop "$hiding is a link that hides the proxy of containerd: sudo rm $hiding, or make it a file of its own" 78

keep() {
    local copy=$root/var/lib/eks-hybrid-join/before$1
    [[ -s $root$1 && ! -e $copy ]] || return 0
    mkdir -p "${copy%/*}"
    cp --preserve=all "$root$1" "$copy"
}

# ensure <path> <text>: fails when the file has said it already.
ensure() {
    local file=$root$1
    [[ $(cat "$file" 2>/dev/null) != *"$2"* ]] || return 1
    keep "$1"
    mkdir -p "${file%/*}"
    printf '%s\n' "$2" >>"$file"
    chmod 0644 "$file"
}

drop_in='[Service]'
for variable in HTTP_PROXY HTTPS_PROXY NO_PROXY http_proxy https_proxy no_proxy; do
    drop_in+=$'\n'"Environment=\"$variable=${!variable}\""
done

changed=()
unit_learns() {
    ensure "$2/$1.service.d/http-proxy.conf" "$drop_in" || return 0
    [[ " ${changed[*]} " == *" $1 "* ]] || changed+=("$1")
}

if [[ $OS == ubuntu-* ]]; then
    # One proxy for both, as join.env has it.
    ensure /etc/apt/apt.conf.d/proxy.conf \
        "Acquire::http::Proxy \"$HTTPS_PROXY\";"$'\n'"Acquire::https::Proxy \"$HTTPS_PROXY\";" || true
    unit_learns snap.amazon-ssm-agent.amazon-ssm-agent /etc/systemd/system
    unit_learns snapd /etc/systemd/system
else
    dnf=$root/etc/dnf/dnf.conf
    if ! grep -qsx "proxy=$HTTPS_PROXY" "$dnf"; then
        keep /etc/dnf/dnf.conf
        mkdir -p "${dnf%/*}"
        grep -qs '^\[main\]' "$dnf" || printf '[main]\n' >>"$dnf"
        sed -i -e '/^\[main\]/,/^\[[^m]/{/^ *proxy *=/d}' -e "/^\[main\]/a proxy=$HTTPS_PROXY" "$dnf"
    fi
    unit_learns amazon-ssm-agent /etc/systemd/system
fi
unit_learns containerd /usr/lib/systemd/system
[[ ! -e $hiding ]] || unit_learns containerd /etc/systemd/system
unit_learns kubelet /etc/systemd/system

((${#changed[@]})) || exit 0
systemctl daemon-reload
for unit in "${changed[@]}"; do
    if systemctl is-active --quiet "$unit"; then
        systemctl restart "$unit"
    fi
done
