"""The commands that run inside pods. One exec per pod probes all its destinations side by side.

Setting up an exec costs about as much as three pings, and destinations do not wait for each other, so a mesh of ten
nodes takes about as long as one of three.
"""

from collections.abc import Mapping, Sequence

PINGS = 3
PING_WAIT_S = 2
CURL_WAIT_S = 5
# Probes of one pod that run at one time: its memory limit is 128 MiB, and a curl takes some 8 MiB.
BATCH = 10

# Each probe's output is collected and printed in one piece, framed for parsers.sections. LC_ALL: plain messages.
_EACH = """export LC_ALL=C
each() {{ o=$({command} 2>&1); c=$?; printf '@@ %s %s\\n%s\\n@@.\\n' "$1" "$c" "$o"; }}
n=0
while [ $# -gt 1 ]; do
  each "$1" "$2" &
  shift 2; n=$((n + 1)); [ $((n % {batch})) -ne 0 ] || wait
done
wait"""

PING = _EACH.format(batch=BATCH, command=f'ping -n -c {PINGS} -i 0.3 -W {PING_WAIT_S} "$2"')
PING_SIZED = _EACH.format(
    batch=BATCH, command=f'ping -n -M do -c {PINGS} -i 0.3 -W {PING_WAIT_S} -s "${{2#*/}}" "${{2%/*}}"'
)
# The address that answered and the time end the output; the body of a public host is of no interest.
CURL = _EACH.format(
    batch=BATCH,
    command=f"curl -sS --noproxy '*' --connect-timeout 3 --max-time {CURL_WAIT_S} "
    "-w '\\nstatus=%{http_code} ip=%{remote_ip} time=%{time_total}' \"$2\"",
)
LINKS = "LC_ALL=C ip -o link; LC_ALL=C ip -4 route"
HOST_LINKS = ("ip", "-o", "link")
ROUTES = ("ip", "-4", "route")
# Counters of the network namespace, and calico-node is in that of the host (its image keeps cat, but not ping).
COUNTERS = ("cat", "/proc/net/snmp")

# What a probe script may take by itself, before the limit for the exec around it is added.
PING_SECONDS = 0.3 * (PINGS - 1) + PING_WAIT_S + 1.0
CURL_SECONDS = CURL_WAIT_S + 1.0


def seconds(destinations: int, each: float) -> float:
    """Say how long a script may take: `each` seconds for every batch of its destinations."""
    return each * max(1, -(-destinations // BATCH))


def script(text: str, destinations: Mapping[str, str]) -> Sequence[str]:
    """Build the exec command of a script over destinations, key -> address, URL or `address/payload`."""
    words = [word for pair in destinations.items() for word in pair]
    return ["sh", "-c", text, "probe", *words]
