# As nodeadm v1.0.20 does (aws/eks-hybrid): it refuses what nodeadm refuses, in the same order.
# A file <command>.says holds other lines for its next failures.
[[ -e /proc/$$/fd/9 ]] && echo 'lock handed on' >>"$FAKE/calls"
root=$EKS_HYBRID_ROOT
tracker=$root/opt/nodeadm/tracker
registration=$root/var/lib/amazon/ssm/registration
log() { # level message [error]
    local at=2026-11-25T15:52:05.072Z
    printf '{"level":"%s","ts":"%s","caller":"nodeadm/main.go:57","msg":"%s"%s}\n' \
        "$1" "$at" "$2" "${3:+,\"error\":\"$3\"}" >&2
}
fatal() { log fatal 'Command failed' "$1"; exit 1; }
hang() {
    if [[ -e $FAKE/hang-$1 ]]; then
        trap 'echo "asked to end" >>"$FAKE/calls"; exit 143' TERM
        sleep 300 &
        echo "$$ $!" >"$FAKE/pids"
        wait
    fi
}
check_tracker() {
    [[ ! -e $tracker ]] || grep -q 'Ssm: true' "$tracker" || {
        echo 'panic: runtime error: invalid memory address or nil pointer dereference' >&2
        exit 2
    }
}
# Each validation ends at its first error; all run, and what they say comes together (internal/validation/runner.go).
refuse() { printf '%s' "$1"; exit 1; }
validate() {
    local errors='' said name
    for name in node_ip endpoint proxy; do
        said=$("validate_$name") || errors+="${errors:+\\n}$said"
    done
    [[ -z $errors ]] || fatal "$errors"
}
# internal/network/proxy_validator.go of aws/eks-hybrid v1.0.20: exact paths, and the values of the environment.
validate_proxy() {
    local http=${HTTP_PROXY:-${http_proxy:-}} https=${HTTPS_PROXY:-${https_proxy:-}} agent=amazon-ssm-agent
    [[ -n $http$https ]] || return 0
    local name
    for name in HTTP HTTPS NO; do
        local upper=${name}_PROXY lower=${name,,}_proxy
        [[ -z ${!upper:-} || -z ${!lower:-} || ${!upper} == "${!lower}" ]] ||
            refuse "$upper and $lower environment variables have different values: $upper=${!upper}, $lower=${!lower}"
    done
    if grep -q '^ID=ubuntu' "$root/etc/os-release"; then
        holds 'apt proxy' /etc/apt/apt.conf.d/proxy.conf \
            "HTTP proxy setting=Acquire::http::Proxy \"$http\"" "HTTPS proxy setting=Acquire::https::Proxy \"$https\""
        agent=snap.amazon-ssm-agent.amazon-ssm-agent
    else
        holds dnf /etc/dnf/dnf.conf "proxy setting=proxy=$http"
    fi
    local unit=("HTTP_PROXY value=HTTP_PROXY=$http" "HTTPS_PROXY value=HTTPS_PROXY=$https")
    holds 'kubelet proxy' /etc/systemd/system/kubelet.service.d/http-proxy.conf "${unit[@]}"
    holds 'containerd proxy' /usr/lib/systemd/system/containerd.service.d/http-proxy.conf "${unit[@]}"
    holds 'SSM proxy' "/etc/systemd/system/$agent.service.d/http-proxy.conf" "${unit[@]}"
}
holds() { # whose file name=text...
    local whose=$1 file=$2 text
    [[ -e $root$file ]] || refuse "$whose configuration file not found: $file"
    shift 2
    for text in "$@"; do
        [[ $(<"$root$file") == *"${text#*=}"* ]] || refuse "$whose configuration file does not contain correct ${text%%=*}"
    done
}
# internal/network/utils.go: --node-ip, or else the address of the default route, here the first one.
validate_node_ip() {
    local address
    address=$(sed -n 's/^ *- --node-ip=//p' "$root/etc/nodeadm/nodeConfig.yaml")
    [[ ${address:=$(head -n 1 "$FAKE/addresses")} == 10.80.* ]] ||
        refuse "node IP $address is not in any of the remote network CIDR blocks: [10.80.0.0/16]. See https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-troubleshooting.html or use --skip node-ip-validation"
}
# internal/kubernetes/connection.go: the machine's own name server is asked, behind a proxy too.
validate_endpoint() {
    local host=0123.gr7.ap-northeast-1.eks.amazonaws.com
    [[ ! -e $FAKE/no-names ]] || refuse "failed to resolve hostname $host: lookup $host on 127.0.0.53:53: no such host"
}
# internal/system: what it does to the machine, after all validations.
set_up() {
    local line
    # `sysctl --system` leaves out a name that is not there, and ends at a value that is refused.
    ! grep -qs 'congestion_control *= *nosuch' "$root"/etc/sysctl.d/*.conf ||
        fatal 'running sysctl reload command: * Applying /etc/sysctl.d/90-own.conf ...\nsysctl: setting key \"net.ipv4.tcp_congestion_control\": No such file or directory\n, error: exit status 1'
    if grep -qs ' partition' "$root/proc/swaps"; then
        fatal 'failed to disable swap: partition type swap found on the host'
    fi
    [[ -e $root/etc/fstab ]] || fatal 'open /etc/fstab: no such file or directory'
    line=$(awk 'NF && $1 !~ /^#/ && NF < 3 { print NR ": too few fields (" NF ")"; exit }' "$root/etc/fstab")
    [[ -z $line ]] || fatal "/etc/fstab syntax error at line $line, at least 4 are expected"
    sed -i '/^[^#].*[[:space:]]swap[[:space:]]/d' "$root/etc/fstab"
    [[ $(ufw status 2>/dev/null) != *'Status: active'* ]] || ufw allow 10250/tcp
}
# cmd/nodeadm/init/init.go and internal/firewall: a rule counts only if it is from anywhere.
validate_firewall() {
    local open
    if grep -q '^ID=ubuntu' "$root/etc/os-release"; then
        [[ $(ufw status 2>/dev/null) == *'Status: active'* ]] || return 0
        open=$(ufw status | grep -E '(4789|8472) */udp +ALLOW +Anywhere') || true
    else
        [[ $(firewall-cmd --state 2>/dev/null) == *running* ]] || return 0
        firewall-cmd --reload
        open=$(firewall-cmd --query-port=4789/udp) || true
    fi
    [[ -n $open ]] || fatal 'Cilium (8472/udp) or Calico (4789/udp) VxLan ports are not open on the host. If you are not using VxLan, this validation can by bypassed with --skip cni-validation'
}
power_off() {
    if [[ -e $FAKE/power-off-$1 ]]; then
        rm "$FAKE/power-off-$1"
        kill -KILL "$PPID" $$
    fi
}
if fails "$1"; then
    if [[ -e $FAKE/$1.says ]]; then
        cat "$FAKE/$1.says" >&2
        exit 1
    fi
    fatal "$(cat "$FAKE/$1.error")"
fi
case $1 in
    install)
        check_tracker
        log info 'Installing containerd...'
        hang install
        mkdir -p "${tracker%/*}"
        printf 'Artifacts:\n  Cni' >"$tracker"
        power_off install
        printf 'Artifacts:\n  CniPlugins: true\n  Ssm: true\n' >"$tracker"
        cp "$FAKE/kubectl" "$root/usr/local/bin/kubectl"
        ;;
    init)
        [[ -e $root/etc/cni/net.d ]] && echo 'cni configuration present at init' >>"$FAKE/calls"
        if [[ ! -e $tracker ]]; then
            log info 'Nodeadm components are not installed. Please run `nodeadm install` before running init'
            exit 0
        fi
        check_tracker
        validate_firewall
        # As some versions of the agent do when a registration fails.
        tr -d "'" <"$root/etc/nodeadm/nodeConfig.yaml" >&2
        hang init
        mkdir -p "${registration%/*}"
        if [[ ! -e $registration && -e $FAKE/slow-registration ]]; then
            "$FAKE/amazon-ssm-agent" -register -y -region ap-northeast-1 ||
                fatal 'configuring aws credentials with SSM: invalid SSM activation. Please use a valid activation code, activation id and region'
        elif [[ ! -e $registration ]]; then
            printf '{"ManagedInst' >"$registration"
            power_off init
            printf '{"ManagedInstanceID":"mi-0123456789abcdef0","Region":"ap-northeast-1"}' >"$registration"
        fi
        grep -q '}$' "$registration" ||
            fatal 'configuring aws credentials with SSM: reading ssm registration file: unexpected end of JSON input'
        mkdir -p "$root/root/.aws" "$root/var/lib/kubelet"
        echo '[default]' >"$root/root/.aws/credentials"
        validate
        set_up
        mkdir -p "$root/etc/eks/kubelet"
        printf 'NODEADM_KUBELET_ARGS="%s"\n' "$(sed -n 's/^ *- --/--/p' "$root/etc/nodeadm/nodeConfig.yaml" | xargs)" >"$root/etc/eks/kubelet/environment"
        [[ -e $FAKE/hollow ]] && exit 0
        cat >"$root/var/lib/kubelet/kubeconfig" <<'KUBECONFIG'
kind: Config
        args:
          - "token"
          - "--cluster-id"
          - "eks-hybrid"
KUBECONFIG
        [[ -e $FAKE/stillborn ]] || touch "$FAKE/active"
        power_off check
        ;;
    upgrade)
        [[ -e $tracker ]] || { log info 'No nodeadm components installed.'; exit 0; }
        [[ ! -e $FAKE/proxy-only || -n ${HTTPS_PROXY:-} ]] || fatal 'node not initialized. Please use nodeadm init command to bootstrap a node. err: timed out waiting for the condition while retrying: context deadline exceeded'
        [[ -e $FAKE/cordoned ]] || fatal 'please drain or cordon node to mark it unschedulable or use --skip node-validation: node is schedulable'
        grep -q '^ID=ubuntu' "$root/etc/os-release" && apt upgrade containerd -y
        touch "$FAKE/active-kubelet"
        ;;
    uninstall)
        [[ -e $tracker ]] || { log info 'Nodeadm components are already uninstalled'; exit 0; }
        [[ ! -e $FAKE/proxy-only || -n ${HTTPS_PROXY:-} ]] || fatal 'context deadline exceeded'
        if [[ $* != *'--skip pod-validation,node-validation'* ]]; then
            [[ -e $FAKE/cordoned ]] || fatal 'please drain or cordon node to mark it unschedulable or use --skip node-validation: node is schedulable'
        fi
        rm -f "$FAKE/active"
        # Its last pass at Systems Manager needs a registration that AWS still knows.
        if [[ -e $FAKE/deregistered && -e $registration ]]; then
            rm "$registration"
            fatal 'uninstalling SSM: getting managed instance information: operation error SSM: DescribeInstanceInformation, https response error StatusCode: 400, RequestID: , api error UnrecognizedClientException: The security token included in the request is invalid.'
        fi
        rm -rf "$registration" "${tracker%/*}" "$root/var/lib/kubelet/kubeconfig" "$root/etc/eks" "$root/usr/local/bin/kubectl"
        ;;
    debug)
        if [[ ! -s $root/root/.aws/credentials ]]; then
            fatal "$(cat "$FAKE/debug.error")"
        fi
        echo '* Validating NTP synchronization status [Failed]'
        hang debug
        fatal 'a finding that is no cause'
        ;;
esac
exit 0
