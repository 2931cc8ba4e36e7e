#!/usr/bin/env bash
# Joins this machine to an EKS cluster as a hybrid node. cloud-init runs it once, at first boot. Running it
# again is safe (sudo /usr/local/sbin/eks-hybrid-join): a machine that has joined is left alone.
#
# Output goes to /var/log/eks-hybrid-join.log and to the console, which `aws ec2 get-console-output` shows.
# Each line starts with the UTC time. Three kinds of line are fixed, because `ops doctor` reads them:
#   2026-11-23T15:04:05Z join: step 4/7 install the Kubernetes components
#   2026-11-23T15:04:05Z join: done: <what was found or done>
#   2026-11-23T15:04:05Z join: failed at step 4/7 install the Kubernetes components: <reason>
# A run that ended has one of the last two as its last line; otherwise it is still in the last step announced.
set -euo pipefail

# The tests run this script without root rights: below a temporary directory, and without its pauses.
root=${EKS_HYBRID_ROOT:-}
retry_seconds=${EKS_HYBRID_RETRY_SECONDS:-30}

# Ten attempts half a minute apart: IAM is eventually consistent, so a role or an access entry made moments
# ago may still be refused, and routes and mirrors have bad minutes too. Five minutes outlast both.
attempts=10
steps=7

config=$root/etc/nodeadm/nodeConfig.yaml
parameters=$root/etc/nodeadm/join.env
binary=$root/usr/local/bin/nodeadm
kubeconfig=$root/var/lib/kubelet/kubeconfig
log=$root/var/log/eks-hybrid-join.log

# cloud-init sets no HOME; the AWS SDK in nodeadm looks there for the agent's credentials (/root/.aws).
export HOME=${HOME:-/root}

# --- output -----------------------------------------------------------------------------------------

# On a terminal the person sees the lines. Otherwise they go straight to the console, and not to stdout as
# well: cloud-init's service copies its stdout to the console (StandardOutput=journal+console).
console=''
if [[ ! -t 1 && -w $root/dev/console ]]; then
    console=$root/dev/console
fi

# Should nodeadm or the agent ever quote the activation code in an error, it does not reach log or console.
secret=$(sed -n "s/^ *activationCode: *//p" "$config" 2>/dev/null | tr -d "'\"") || secret=''

stamp() {
    local line
    while IFS= read -r line || [[ -n $line ]]; do
        if [[ -n $secret ]]; then
            line=${line//"$secret"/***}
        fi
        TZ=UTC printf -v line '%(%Y-%m-%dT%H:%M:%SZ)T %s' -1 "$line"
        printf '%s\n' "$line" >>"$log" || true # a full disk must not end the run
        if [[ -z $console ]] || ! { printf '%s\n' "$line" >>"$console"; } 2>/dev/null; then
            printf '%s\n' "$line"
        fi
    done
}

mkdir -p "${log%/*}"
exec > >(stamp) 2>&1
stamp_pid=$!

say() { printf 'join: %s\n' "$*"; }

step=0
title='start'
begin() {
    step=$((step + 1))
    title=$1
    say "step $step/$steps $title"
}

reason=''
fail() {
    reason=$1
    exit 1
}

# What the units say when a join fails: the kubelet, the runtime, the agent (a snap on Ubuntu).
tails() {
    local unit lines
    for unit in kubelet containerd amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent; do
        lines=$(journalctl --unit "$unit" --lines 25 --no-pager --quiet 2>&1 | cut -c -300) || true
        if [[ -n $lines ]]; then
            say "last lines of $unit:"
            printf '%s\n' "$lines"
        fi
    done
}

finish() {
    local code=$?
    trap - EXIT
    if ((code != 0)); then
        tails
        say "once the cause is gone, run again: sudo /usr/local/sbin/eks-hybrid-join"
        say "failed at step $step/$steps $title: ${reason:-exit code $code, see the lines above}"
    fi
    # Let the last line arrive before cloud-init sees the exit code.
    exec >&- 2>&-
    wait "$stamp_pid" || true
    exit "$code"
}
trap finish EXIT

# --- parts ------------------------------------------------------------------------------------------

# run <what> <command...>: until it works, at most $attempts times.
run() {
    local what=$1 attempt code
    shift
    for ((attempt = 1; attempt <= attempts; attempt++)); do
        code=0
        "$@" || code=$?
        if ((code == 0)); then
            return 0
        fi
        say "$what: attempt $attempt of $attempts failed with exit code $code"
        if ((attempt < attempts)); then
            sleep "$retry_seconds"
        fi
    done
    return 1
}

# fetch <url> <file>. A file that is not there (403 from a bucket without it) does not appear by asking again.
fetch() {
    local url=$1 file=$2 status code=0
    status=$(curl --silent --show-error --fail --location --proto '=https' \
        --connect-timeout 10 --max-time 300 --output "$file" --write-out '%{http_code}' "$url") || code=$?
    if [[ $status == 403 || $status == 404 ]]; then
        say "releases: https://github.com/aws/eks-hybrid/releases"
        fail "$url answers HTTP $status: choose a release, pulumi config set nodeadmVersion <tag>"
    fi
    return "$code"
}

download_nodeadm() {
    local url=https://hybrid-assets.eks.amazonaws.com/releases
    url+=/$NODEADM_VERSION/bin/linux/$ARCHITECTURE/nodeadm
    local new=$binary.new want have source='pinned digest'
    mkdir -p "${binary%/*}"
    run "download $url" fetch "$url" "$new" ||
        fail "cannot download $url: has the subnet a route to a NAT gateway, may the node reach tcp 443?"
    want=$NODEADM_SHA256
    if [[ -z $want ]]; then
        source=$url.sha256
        run "download $source" fetch "$source" "$new.sha256" || fail "cannot download $source"
        read -r want _ <"$new.sha256" || true
        rm -f "$new.sha256"
    fi
    read -r have _ < <(sha256sum "$new")
    if [[ $have != "${want,,}" ]]; then
        rm -f "$new"
        say "the download was changed on its way, or the digest belongs to another release; it was not run"
        fail "wrong sha256 of $url: $have, but the $source says ${want:-nothing}"
    fi
    chmod 0755 "$new"
    mv "$new" "$binary"
    say "nodeadm $NODEADM_VERSION has the expected sha256 $have"
}

# Nothing nodeadm starts may keep this run's lock, or wait for a keyboard.
nodeadm() { "$binary" "$@" 9<&- </dev/null; }

# By default apt-get reports success although a list failed to arrive.
refresh_package_lists() { apt-get --quiet --option APT::Update::Error-Mode=any update 9<&- </dev/null; }

kubelet_pid() { systemctl show --property MainPID --value kubelet; }

# nodeadm init can exit 0 without having done anything. And a kubelet that ends at once is restarted every
# five seconds and looks active in between: it is up when the same process is still there one pause later.
check_kubelet() {
    local look before
    [[ -s $kubeconfig ]] ||
        fail "nodeadm init returned 0 but left no $kubeconfig: nodeadm install was not completed"
    for look in 1 2 3; do
        before=$(kubelet_pid)
        sleep "$retry_seconds"
        if systemctl is-active --quiet kubelet && [[ $(kubelet_pid) == "$before" ]]; then
            return 0
        fi
        say "kubelet is not up, look $look of 3"
    done
    fail "nodeadm init returned 0 but kubelet does not stay up; its last lines above say why"
}

# --- the steps --------------------------------------------------------------------------------------

[[ -r $parameters ]] || fail "cannot read $parameters, which cloud-init writes: see cloud-init status --long"
# shellcheck source=/dev/null
. "$parameters"

# One run at a time: a person may well start it while cloud-init is still at it.
exec 9<"$parameters"
if ! flock --nonblock 9; then
    say "another run is in progress, waiting for it to end"
    flock 9
fi

begin 'look whether this machine has joined'
if [[ -s $kubeconfig ]] && systemctl is-active --quiet kubelet; then
    say "done: this machine has already joined, nothing to do"
    exit 0
fi

begin 'download nodeadm'
download_nodeadm

begin 'check the node configuration'
nodeadm config check -c "file://$config" || fail "nodeadm does not accept $config"

begin 'install the Kubernetes components'
if [[ $OS == ubuntu-* ]]; then
    # Ubuntu images come without package lists, and nodeadm installs containerd without fetching them
    # (aws/eks-hybrid, internal/packagemanager; its own test user data says package_update: true).
    run 'refresh the package lists' refresh_package_lists ||
        fail "apt-get update failed $attempts times: Ubuntu's mirrors need http, may the node reach tcp 80?"
fi
nodeadm install "$KUBERNETES_VERSION" --credential-provider ssm --region "$REGION" --timeout 20m ||
    fail "nodeadm install $KUBERNETES_VERSION failed; its last lines above say why"

# What an earlier attempt left there would make the node Ready without a network
# (aws/eks-hybrid does the same in test/e2e/os/testdata/nodeadm-init.sh).
begin 'clear the CNI configuration'
rm -rf "$root/etc/cni/net.d"

begin 'join the cluster'
if ! run 'nodeadm init' nodeadm init -c "file://$config"; then
    nodeadm debug --no-color -c "file://$config" || true
    fail "nodeadm init failed $attempts times; its last lines above say why"
fi

begin 'check the kubelet'
check_kubelet
say "done: joined EKS cluster $CLUSTER_NAME in $REGION"
