#!/usr/bin/env bash
# Joins this machine to an EKS cluster as a hybrid node. A systemd unit (eks-hybrid-join.service) runs it at every
# boot until the machine has joined: one run is one attempt. Running it by hand is safe: a joined machine is left alone.
#
# Exit codes: 0 joined; 78 trying again cannot help, so the unit stops; anything else, and the unit tries again.
# Each line starts with the UTC time, and each line of the script itself names its step. tests/userdata/join_lines.py
# has the forms, which `ops doctor` reads. A run that ended has "done" or "failed" as its last line.
set -euo pipefail

# The tests run this script without root rights: below a temporary directory, and without its pauses.
root=${EKS_HYBRID_ROOT:-}
seconds=${EKS_HYBRID_RETRY_SECONDS:-10}
longest=300
steps=7
final=78

config=$root/etc/nodeadm/nodeConfig.yaml
parameters=$root/etc/nodeadm/join.env
binary=$root/usr/local/bin/nodeadm
tracker=$root/opt/nodeadm/tracker
kubeconfig=$root/var/lib/kubelet/kubeconfig
registration=$root/var/lib/amazon/ssm/registration
joined=$root/var/lib/eks-hybrid-join/joined
log=$root/var/log/eks-hybrid-join.log
# Gone after a power-off, so nothing in it can be stale then.
state=$root/run/eks-hybrid-join

# A unit has no HOME; the AWS SDK in nodeadm looks there for the agent's credentials (/root/.aws).
export HOME=${HOME:-/root} DEBIAN_FRONTEND=noninteractive

# --- output -----------------------------------------------------------------------------------------

# Should nodeadm or the agent ever quote the activation code in an error, it is shown nowhere.
secret=$(sed -n "s/^ *activationCode: *//p" "$config" 2>/dev/null | tr -d "'\"") || secret=''

stamp() {
    local line
    trap '' TERM INT HUP # the last word of a killed run still has to pass
    while IFS= read -r line || [[ -n $line ]]; do
        [[ -z $secret ]] || line=${line//"$secret"/***}
        TZ=UTC printf -v line '%(%Y-%m-%dT%H:%M:%SZ)T %s' -1 "$line"
        printf '%s\n' "$line" >>"$log" || true # a full disk must not end the run
        printf '%s\n' "$line" || true
    done
}

mkdir -p "${log%/*}" "${joined%/*}" "$state"
chmod 0700 "$state"
# A machine that tries for months writes 1.4 MB a day.
[[ $(stat -c %s "$log" 2>/dev/null) -lt 1000000 ]] || mv "$log" "$log.1"
exec > >(stamp) 2>&1
stamp_pid=$!

step=0
title='start'
say() { printf 'join: at step %s/%s: %s\n' "$step" "$steps" "$*"; }
begin() {
    step=$((step + 1))
    title=$1
    printf 'join: step %s/%s %s\n' "$step" "$steps" "$title"
}

reason=''
fail() {
    reason=$1
    exit "${2:-1}"
}

# What the units say when a join fails: the kubelet, the runtime, the agent (a snap on Ubuntu).
tails() {
    local unit lines
    for unit in kubelet containerd amazon-ssm-agent snap.amazon-ssm-agent.amazon-ssm-agent; do
        lines=$(journalctl --boot --unit "$unit" --lines 10 --no-pager --quiet 2>/dev/null | cut -c -250) || true
        if [[ -n $lines ]]; then
            say "last lines of $unit:"
            printf '%s\n' "$lines"
        fi
    done
}

finish() {
    local code=$? failures=0 pause=0 hurry=''
    trap - EXIT
    # A signal now only shortens what is left: the last word comes all the same.
    trap 'hurry=yes; kill_child KILL' TERM INT HUP
    if ((code != 0)); then
        if ((code < 128)); then
            failures=$(($(cat "$state/failures" 2>/dev/null || echo 0) + 1))
            echo "$failures" >"$state/failures" || true
            # The first failures are often IAM, which is eventually consistent. nodeadm debug takes long, and without
            # credentials it ends in an error of its own that misleads.
            if ((step >= 6 && failures >= 3 && code != final)) && [[ -s $root$HOME/.aws/credentials ]]; then
                run timeout 90 "$binary" debug --no-color -c "file://$config" || true
            fi
            tails
        fi
        if ((code == final)); then
            say "trying again cannot help, so this stops here; after a repair: sudo systemctl restart eks-hybrid-join"
        elif [[ -n ${EKS_HYBRID_UNIT:-} && -z $hurry ]] && ((code < 128)); then
            pause=$((seconds << (failures < 6 ? failures - 1 : 5)))
            pause=$((pause < longest ? pause : longest))
            say "attempt $failures failed, the next one is in $pause s; at once: sudo systemctl restart eks-hybrid-join"
        fi
        reason=${reason:-"exit code $code, see the lines above"}
        printf 'join: failed at step %s/%s %s: %s\n' "$step" "$steps" "$title" "$reason"
    fi
    # Let the last line arrive, and free the lock, before anything else.
    exec >&- 2>&- 9<&-
    wait "$stamp_pid" || true
    if ((pause > 0)) && [[ -z $hurry ]]; then
        trap 'kill $!; exit 143' TERM INT HUP
        sleep "$pause" &
        wait $!
    fi
    exit "$code"
}
trap finish EXIT

# --- running other programs ----------------------------------------------------------------------------

# Other programs run in a group of their own, so that a signal reaches all that they started, and in the background,
# so that the script itself notices a signal at once. They keep neither the lock nor the keyboard.
child='' relay_pid=''
wait_child() {
    local code=0
    wait "$child" || code=$?
    child=''
    return "$code"
}

kill_child() { [[ -z $child ]] || kill "-$1" -- "-$child" "$child" 2>/dev/null || true; }

end_by() {
    trap '' TERM INT HUP
    # An activation admits one machine: once AWS has answered, the agent must get to write the answer down.
    for _ in {1..100}; do
        pgrep --session "${child:-x}" --full -- ' -register ' >/dev/null 2>&1 || break
        sleep 0.2
    done
    kill_child TERM
    for _ in {1..50}; do
        kill -0 -- "-${child:-x}" 2>/dev/null || break
        sleep 0.1
    done
    kill_child KILL
    exec 8>&-
    wait "$relay_pid" 2>/dev/null || true
    fail "ended by SIG$1" "$2"
}
trap 'end_by HUP 129' HUP
trap 'end_by INT 130' INT
trap 'end_by TERM 143' TERM

# A console keeps 64 KiB. So nodeadm's progress is shown as bare words, an error without its stack trace, and what
# repeats once. The last fatal error (or else the last line) is kept: it is the cause.
relay() {
    local line words before='' last='' fatal=''
    trap '' TERM INT HUP # as stamp: it ends when the program has ended
    while IFS= read -r line || [[ -n $line ]]; do
        [[ -z $secret ]] || line=${line//"$secret"/***}
        [[ $line != *',"errorVerbose":"'* ]] || line=${line%%',"errorVerbose":"'*}'}'
        line=${line:0:4000}
        words=$line
        if [[ $line == '{"level":"'*'"error":"'* ]]; then
            words=${line#*'"error":"'}
            words=${words%'"}'}
            words=${words%%'","remediation":"'*}
            words=${words//'\"'/'"'}
            words=${words//'\n'/ }
            words=${words//'\t'/ }
            [[ $line != '{"level":"fatal"'* ]] || fatal=$words
            # nodeadm debug shows its findings as text; its own last error is no cause of the join's failure.
            [[ $line != '{"level":"fatal"'* || $1 != debug ]] || continue
        elif [[ $line == '{"level":"info"'*'"msg":"'* ]]; then
            line=${line#*'"msg":"'}
            line="nodeadm: ${line%%'"'[,\}]*}"
        fi
        [[ -z ${words// /} ]] || last=$words
        [[ ${line//[0-9]/} == "$before" ]] || printf '%s\n' "$line"
        before=${line//[0-9]/}
    done
    printf '%s' "${fatal:-$last}" >"$state/error"
}

# run <command...>: shows what it says in short; its last error is then in $error.
error=''
run() {
    local code=0 mode=''
    [[ " $* " != *' debug '* ]] || mode=debug
    exec 8> >(relay "$mode" 9<&-)
    relay_pid=$!
    setsid "$@" >&8 2>&1 8>&- 9<&- </dev/null &
    child=$!
    wait_child || code=$?
    exec 8>&-
    wait "$relay_pid" || true
    relay_pid=''
    error=$(cat "$state/error" 2>/dev/null) || true
    error=${error:-exit code $code}
    return "$code"
}

# ask <command...>: its answer is then in $answer, its last error in $error.
answer=''
ask() {
    local code=0
    setsid "$@" >"$state/answer" 2>"$state/error" 9<&- </dev/null &
    child=$!
    wait_child || code=$?
    answer=$(cat "$state/answer")
    error=$(tail -n 1 "$state/error")
    error=${error:-exit code $code}
    return "$code"
}

# --- parts ------------------------------------------------------------------------------------------

fetch() {
    local url=$1 file=$2 code=0
    command -v curl >/dev/null || fail 'this machine has no curl, which downloads nodeadm: install it'
    ask curl --silent --show-error --fail --location --compressed --proto '=https' \
        --connect-timeout 10 --max-time 300 --output "$file" --write-out '%{http_code}' "$url" || code=$?
    ((code)) || return 0
    rm -f "$file"
    # On a full disk there is no room for curl's own words either.
    ((code != 23)) || fail "cannot write $file: curl: (23), $(df --human-readable "${file%/*}" | tail -n 1)"
    # A bucket says 403 for a file that is not there.
    if [[ $answer == 40[34] ]]; then
        say "releases: https://github.com/aws/eks-hybrid/releases"
        fail "$url answers HTTP $answer: choose a release, pulumi config set nodeadmVersion <tag>"
    fi
    fail "cannot download $url: has this machine a way to the internet, tcp 443? $error"
}

digest=''
download_nodeadm() {
    local url=https://hybrid-assets.eks.amazonaws.com/releases
    # aws/eks-hybrid, hack/validate-release.sh and internal/aws/manifest.go.
    [[ $REGION == cn-* ]] && url=https://eks-hybrid-assets.awsstatic.cn/releases
    url+=/$NODEADM_VERSION/bin/linux/$ARCHITECTURE/nodeadm
    local new=$binary.new want=${NODEADM_SHA256,,} source='pinned digest'
    mkdir -p "${binary%/*}"
    if [[ -z $want ]]; then
        source=$url.sha256
        fetch "$source" "$new.sha256"
        read -r want _ <"$new.sha256" || true
        rm -f "$new.sha256"
    fi
    read -r digest _ < <(sha256sum "$binary" 2>/dev/null) || true
    if [[ $digest != "${want,,}" ]]; then
        fetch "$url" "$new"
        read -r digest _ < <(sha256sum "$new")
        if [[ $digest != "${want,,}" ]]; then
            rm -f "$new"
            say "the download was changed on its way, or the digest belongs to another release; it was not run"
            fail "wrong sha256 of $url: $digest, but the $source says ${want:-nothing}"
        fi
        mv "$new" "$binary"
    fi
    chmod 0755 "$binary"
    say "nodeadm $NODEADM_VERSION has the expected sha256 $digest"
}

check_config() {
    local code=0 prepare=$root/usr/local/sbin/eks-hybrid-prepare
    # On a machine of one's own only (userdata/prepare.sh).
    [[ ! -x $prepare ]] || run "$prepare" || fail "$error" "$?"
    run "$binary" config check -c "file://$config" || code=$?
    ((code == 0)) && return
    # Killed, or systemd did not answer it: that says nothing about the configuration.
    if ((code > 125)) || [[ $error == *@(dial|dbus|timeout|deadline)* ]]; then
        fail "nodeadm config check failed: $error"
    fi
    fail "nodeadm does not accept $config: $error" "$final"
}

# Ubuntu images come without package lists, and nodeadm installs containerd without fetching them (aws/eks-hybrid,
# internal/packagemanager; its own test user data says package_update: true).
prepare_apt() {
    # A power-off in the middle of an installation leaves packages half configured, and apt then refuses all others.
    run dpkg --force-confdef --force-confold --configure -a || true
    # By default apt-get reports success although a list failed to arrive.
    run apt-get --quiet --option Acquire::Languages=none --option APT::Update::Error-Mode=any update && return
    # One list of many may be missing for reasons that do not concern this node.
    if [[ $(LC_ALL=C apt-cache policy containerd 2>/dev/null) =~ Candidate:\ *[^\ \(] ]]; then
        say "apt-get update failed, but apt has containerd: going on"
        return
    fi
    fail "apt-get update failed, and apt has no containerd: $error"
}

# nodeadm writes its tracker last, and fails for ever over one that a power-off left half written.
tracker_is_whole() { grep -q '^ *Ssm: true' "$tracker" 2>/dev/null; }

install_components() {
    local mark="$KUBERNETES_VERSION $digest"
    if [[ $(cat "$state/installed" 2>/dev/null) == "$mark" ]] && tracker_is_whole; then
        say "nodeadm install has already done its work since this boot"
        return
    fi
    if [[ $OS == ubuntu-* ]]; then
        prepare_apt
    fi
    tracker_is_whole || rm -f "$tracker"
    run "$binary" install "$KUBERNETES_VERSION" --credential-provider ssm --region "$REGION" --timeout 20m ||
        fail "nodeadm install $KUBERNETES_VERSION failed: $error"
    sync
    echo "$mark" >"$state/installed"
}

node_name() { sed -n 's/.*"ManagedInstanceID": *"\([^"]*\)".*/\1/p' "$registration" 2>/dev/null; }

init() {
    # The agent's file, too, may have been left half written; nodeadm then cannot read who this machine is.
    [[ -n $(node_name) ]] || rm -f "$registration"
    run "$binary" init -c "file://$config" && return
    # Something that nodeadm install brings is missing: the next attempt brings it again.
    [[ $error != *@(containerd?daemon?not?found|containerd.service?does?not?exist|no?such?file)* ]] || rm -f "$state/installed"
    # nodeadm has tried each of these for a minute (internal/ssm/daemon.go).
    case $error in
        *'SSM activation expired'* | *'invalid SSM activation'* | *ActivationExpired* | *InvalidActivation*)
            say "the activation has expired, was used or is not valid: this machine needs a new one"
            fail "nodeadm init failed: $error" "$final"
            ;;
    esac
    fail "nodeadm init failed: $error"
}

# A kubelet that ends at once is restarted every five seconds and looks active in between: it is up when the same
# process is still there one pause later.
kubelet_stays_up() {
    local before
    before=$(systemctl show --property MainPID --value kubelet) || true
    ask sleep "$seconds"
    error='kubelet does not stay up'
    systemctl is-active --quiet kubelet && [[ $(systemctl show --property MainPID --value kubelet) == "$before" ]]
}

# nodeadm init does not notice an API server that answers 401 to the kubelet. So ask for this Node as the kubelet.
node_is_known() {
    local name
    name=$(node_name)
    ask timeout 60 "$root/usr/local/bin/kubectl" --kubeconfig "$kubeconfig" --request-timeout 20s get node "$name" --output name && return
    error="the API server does not show node $name to its kubelet: $error"
    return 1
}

# look <times>: whether the kubelet stays up and the API server knows this node.
look() {
    local times=$1 number
    for ((number = 1; number <= times; number++)); do
        if kubelet_stays_up && node_is_known; then
            return 0
        fi
        say "look $number of $times: $error"
    done
    return 1
}

check_kubelet() {
    if [[ ! -s $kubeconfig ]]; then
        rm -f "$state/installed"
        fail "nodeadm init returned 0 but left no $kubeconfig: nodeadm install was not completed"
    fi
    look 6 || fail "nodeadm init returned 0 but $error"
}

look_whether_joined() {
    local cluster
    [[ -s $kubeconfig ]] || return 1
    cluster=$(sed -n '/--cluster-id/{n;s/^[^"]*"\([^"]*\)".*/\1/p;}' "$kubeconfig")
    [[ ${cluster:-$CLUSTER_NAME} == "$CLUSTER_NAME" ]] || return 1
    look 3 && return
    # It was a node, its kubelet runs, and the API server does not say no: it does not answer.
    if [[ -e $joined && $error != *@(stay?up|Unauthorized|Forbidden|NotFound)* ]]; then
        fail "this machine has joined and its kubelet runs; it is left alone: $error"
    fi
    return 1
}

# A machine that has joined does not try again at its next boot.
remember() {
    date -u +%FT%TZ >"$joined"
    sync
    rm -f "$state/failures"
    printf 'join: done: %s\n' "$1"
}

# --- the steps --------------------------------------------------------------------------------------

[[ -s $parameters && -s $config ]] ||
    fail "cannot read $parameters or $config, which come with this script: see cloud-init status --long"
# shellcheck source=/dev/null
. "$parameters"

# One run at a time: a person may well start it while the unit is at it.
exec 9<"$parameters"
if ! flock --nonblock 9; then
    say "another run is in progress, waiting for it to end"
    setsid flock 9 </dev/null &
    child=$!
    wait_child
fi

# What `ops upgrade` asks for.
if [[ ${1:-} == nodeadm ]]; then
    download_nodeadm
    remember 'nodeadm is there'
    exit 0
fi

begin 'look whether this machine has joined'
if look_whether_joined; then
    remember "this machine has already joined, nothing to do"
    exit 0
fi

begin 'download nodeadm'
download_nodeadm

begin 'check the node configuration'
check_config

begin 'install the Kubernetes components'
install_components

# What was there before would make the node Ready without a network (aws/eks-hybrid does the same in
# test/e2e/os/testdata/nodeadm-init.sh). Once a kubelet of this join has run, it is Calico's, and nothing writes it again.
begin 'clear the CNI configuration'
[[ -s $kubeconfig ]] || rm -rf "$root/etc/cni/net.d"

begin 'join the cluster'
init

begin 'check the kubelet'
check_kubelet
remember "joined EKS cluster $CLUSTER_NAME in $REGION"
