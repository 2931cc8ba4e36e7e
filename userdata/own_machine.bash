# What `ops join` writes: its parameters, then this, then the files, then `start`. Nothing is written to the machine
# before all checks have passed. What nodeadm asks for is from the source of aws/eks-hybrid.
umask 077

# The tests run it without root rights, below a temporary directory.
root=${EKS_HYBRID_ROOT:-}
kept=/var/lib/eks-hybrid-join/before
stop() {
    printf 'not started: %s\n' "$1" >&2
    exit 1
}

agreed='' open_firewall=''
for word in "$@"; do
    case $word in
        --yes) agreed=yes ;;
        --open-firewall) open_firewall=yes ;;
        *) stop "there is no option $word: sudo bash $0 [--yes] [--open-firewall]" ;;
    esac
done

[[ -n $root || $(id -u) == 0 ]] || stop "run it as root: sudo bash $0"
kind=$(uname -m)
[[ $kind == "$machine" ]] ||
    stop "this machine is $kind, and the settings say $machine (hybridNodes, $name.architecture)"
# shellcheck source=/dev/null
runs=$(. "$root/etc/os-release" && printf '%s %s' "${ID:-}" "${VERSION_ID:-}")
[[ $runs == "$system" ]] || stop "this machine runs ${runs% }, and the settings say $OS (hybridNodes, $name.os)"
command -v curl >/dev/null ||
    stop 'this machine has no curl, which downloads nodeadm: sudo apt-get install curl (Amazon Linux: sudo dnf install curl-minimal)'
# A machine has one registration with Systems Manager, and nodeadm takes one that is there for its own.
registration=$root/var/lib/amazon/ssm/registration
registered=$(sed -n 's/.*"ManagedInstanceID": *"\([^"]*\)".*/\1/p' "$registration" 2>/dev/null) || true
# What this file has begun, with the owner's leave.
ours=''
! grep -qs "$activation" "$root/etc/nodeadm/nodeConfig.yaml" || ours=yes
if [[ -n $registered && -z $ours ]]; then
    if [[ -e $root/opt/nodeadm/tracker ]]; then
        stop "this machine is hybrid node $registered, with another activation; make it forget that one first: $leave"
    else
        region=$(sed -n 's/.*"Region": *"\([^"]*\)".*/\1/p' "$registration")
        stop "this machine is registered with Systems Manager as $registered, not by nodeadm, and it can have one registration only. If nobody needs that one: aws ssm deregister-managed-instance --region $region --instance-id $registered, then here: sudo rm $registration"
    fi
fi

# @obstacles

# A node has them behind it.
[[ -n $ours && -n $registered ]] || obstacles
opening=$(firewall_command)
[[ -z $opening || -n $open_firewall ]] ||
    stop "the firewall of this machine is on and closed for udp 4789, on which Calico's nodes reach each other: sudo $opening, or let this file do it: sudo bash $0 --open-firewall"

losses=()
if [[ -z $ours ]]; then
    while read -r area type _; do
        [[ $type != file ]] || losses+=("the swap file $area is switched off, and its line leaves /etc/fstab")
    done < <(cat "$root/proc/swaps" 2>/dev/null)
    [[ ! -e $root/etc/kubernetes ]] ||
        losses+=('it was a node of another Kubernetes (/etc/kubernetes), whose settings may still act')
    [[ -z $(ls -A "$root/etc/cni/net.d" 2>/dev/null) ]] ||
        losses+=("/etc/cni/net.d is removed: Calico's takes its place")
    [[ ! -s $root/etc/containerd/config.toml ]] ||
        losses+=("/etc/containerd/config.toml is replaced by nodeadm's, and containerd restarts")
    ! command -v docker >/dev/null || losses+=('Docker runs on the same containerd, which restarts')
fi
if ((${#losses[@]})) && [[ -z $agreed ]]; then
    printf 'This machine was in use. If it joins:\n' >&2
    printf -- '- %s\n' "${losses[@]}" >&2
    printf 'Copies of these files go to %s.\n' "$kept" >&2
    stop "nothing has changed yet; to go on: sudo bash $0 --yes"
fi

# --- from here on the machine changes -----------------------------------------------------------------

if [[ -n $opening ]]; then
    bash -c "${opening//sudo /}"
fi

keep() {
    [[ -z $ours && -e $root$1 && ! -e $root$kept$1 ]] || return 0
    mkdir -p "$(dirname "$root$kept$1")"
    cp --archive "$root$1" "$root$kept$1"
}
keep /etc/cni/net.d
keep /etc/containerd/config.toml
keep /etc/fstab

# write <mode> <path>: as a whole, or not at all.
changed=''
write() {
    mkdir -p "$(dirname "$root$2")"
    cat >"$root$2.new"
    chmod "$1" "$root$2.new"
    if cmp --silent "$root$2.new" "$root$2"; then
        rm "$root$2.new"
    else
        mv "$root$2.new" "$root$2"
        changed=yes
    fi
}

start() {
    rm -f "$root/var/lib/eks-hybrid-join/joined"
    systemctl daemon-reload
    systemctl enable "$unit"
    # A run that is stopped while it registers would use the activation up.
    if [[ -z $changed && $(systemctl is-active "$unit") == activating ]]; then
        printf 'it runs already, with these files. '
    else
        systemctl restart --no-block "$unit"
        printf 'started. '
    fi
    printf 'It goes on by itself, over reboots. To see it: %s --follow\n' "$log"
}
