"""Reads what ping, ip and curl print. Pure, and total: whatever comes in, something sensible comes out.

Numbers are looked for by their shape and not by the words around them, as far as that is possible: a truncated or
localised output gives less, never an exception.
"""

import itertools
import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network

_NUMBER = r"(\d+(?:[.,]\d+)?)"


@dataclass(frozen=True, kw_only=True)
class Ping:
    """One ping run. `sent` 0: the output held no statistics. `rtt_ms`: average of what came back."""

    sent: int
    received: int
    rtt_ms: float | None
    too_long_mtu: int | None = None
    error: str = ""

    @property
    def loss_percent(self) -> float:
        """Give the share of lost packets; 100 when nothing is known."""
        return 100.0 if not self.sent else 100.0 * (self.sent - self.received) / self.sent


@dataclass(frozen=True, kw_only=True)
class Route:
    """One line of `ip route`. `kind` is `unicast`, `blackhole`, `unreachable`, ...; missing parts are empty."""

    destination: IPv4Network
    kind: str
    via: str
    device: str


@dataclass(frozen=True, kw_only=True)
class Curl:
    """One curl run by `probes.CURL`. `exit_code` is curl's: 0 answered, 6 no such name, 7 refused, 28 time-out."""

    exit_code: int
    status: int
    ip: str
    body: str
    error: str

    @property
    def dropped(self) -> bool:
        """Whether no packet came back. A time-out after the connection was made says something else."""
        return (
            self.exit_code == 28 and re.search(r"Failed to connect|Connection time", self.error) is not None
        )


def sections(text: str) -> dict[str, tuple[int, str]]:
    """Split the output of a probe script into its parts: key -> (exit code, output).

    The scripts print `@@ KEY EXIT-CODE`, the output, `@@.`; a part whose end is missing was cut off and is left out.
    """
    found = re.findall(r"^@@ (\S+) (\d{1,3})\n(.*?)^@@\.$", text, re.DOTALL | re.MULTILINE | re.ASCII)
    return {key: (int(code), body) for key, code, body in found}


def ping(text: str) -> Ping:
    """Read the output of iputils or BusyBox ping.

    Counts come from the line with a percent sign; where that line is missing (killed early), replies are counted.
    """
    sent = received = 0
    for line in text.splitlines():
        numbers = re.findall(r"(?<![\d.,])(\d+)(?![\d.,]*\d)", line.partition("%")[0])
        if "%" in line and len(numbers) >= 2:
            # Huge numbers are not counts of packets; int() would refuse them from 4300 digits on.
            sent, received = (int(number[:9]) for number in numbers[:2])
            break
    times = [_float(value) for value in re.findall(rf"[=<]{_NUMBER} ?ms\b", text)]
    rtt = re.search(rf"= ?{_NUMBER}/{_NUMBER}/{_NUMBER}(?:/{_NUMBER})? ?ms", text)
    average = _float(rtt[2]) if rtt else sum(times) / len(times) if times else None
    mtu = re.search(r"mtu ?= ?(\d{2,5})\b", text, re.IGNORECASE)
    return Ping(
        sent=sent,
        received=min(received, sent),
        rtt_ms=average,
        too_long_mtu=int(mtu[1]) if mtu else None,
        error="" if received else _ping_error(text),
    )


def _ping_error(text: str) -> str:
    telling = re.search(
        r"^.*(?:unreachable|error|unknown|bad address|denied|not permitted).*$", text, re.I | re.M
    )
    return telling[0].strip()[:200] if telling else _last_line(text)


def routes(text: str) -> list[Route]:
    """Read the lines of `ip route`; lines that are not a route are left out."""
    found = [_route(line.split()) for line in text.splitlines()]
    return [route for route in found if route is not None]


_KINDS = frozenset(
    {"unicast", "local", "broadcast", "blackhole", "unreachable", "prohibit", "throw", "nat", "multicast"}
)


def _route(words: list[str]) -> Route | None:
    kind = "unicast"
    if words and words[0] in _KINDS:
        kind, words = words[0], words[1:]
    if not words:
        return None
    destination = network("0.0.0.0/0" if words[0] == "default" else words[0])
    if destination is None:
        return None
    after = dict(itertools.pairwise(words))
    return Route(destination=destination, kind=kind, via=after.get("via", ""), device=after.get("dev", ""))


def link_mtus(text: str) -> dict[str, int]:
    """Read `ip -o link`: interface name -> MTU in bytes. `eth0@if12` is called eth0."""
    found = re.findall(r"^\d+: ([^\s:@]+)[^\n]*? mtu (\d{2,5})\b", text, re.MULTILINE | re.ASCII)
    return {name: int(mtu) for name, mtu in found}


def fragments(text: str) -> int | None:
    """Read how many pieces of packets have arrived to be put together, from /proc/net/snmp; None when it is not there.

    `ReasmReqds` of RFC 2011, since the machine started.
    """
    lines = [line.split() for line in text.splitlines() if line.startswith("Ip: ")]
    counters = dict(zip(*lines[:2], strict=False)) if len(lines) > 1 else {}
    count = counters.get("ReasmReqds", "")
    return int(count) if re.fullmatch(r"[0-9]{1,19}", count) else None


def curl(exit_code: int, text: str) -> Curl:
    """Read what `probes.CURL` prints: the body, error lines of curl, and a last line `status=... ip=... time=...`."""
    mark = re.search(r"^status=(\d{3}) ip=(\S*) time=[\d.,]+\s*\Z", text, re.MULTILINE | re.ASCII)
    rest = text[: mark.start()] if mark else text
    errors = [line for line in rest.splitlines() if line.startswith("curl: (")]
    body = "\n".join(line for line in rest.splitlines() if line not in errors).strip()
    return Curl(
        exit_code=exit_code,
        status=int(mark[1]) if mark else 0,
        ip=mark[2] if mark else "",
        body=body,
        error=errors[-1] if errors else "" if mark and not exit_code else _last_line(rest),
    )


def pod_name(body: str) -> str:
    """Find the pod in the sample app's answer, `"Hello from Pod [sample-app-7d5b76dcff-qjdmh] !"`; else empty."""
    found = re.search(r"\[([a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?)\]", body)
    return found[1] if found else ""


def minor(version: str) -> tuple[int, int] | None:
    """Read major and minor out of a version such as `v1.35.2-eks-1a2b3c4`."""
    found = re.match(r"v?([0-9]{1,4})\.([0-9]{1,4})", version)
    return (int(found[1]), int(found[2])) if found else None


def address(text: str) -> IPv4Address | None:
    """Read an IPv4 address; None when it is none."""
    try:
        return IPv4Address(text)
    except ValueError:
        return None


def network(text: str) -> IPv4Network | None:
    """Read an IPv4 network or address; None when it is neither."""
    try:
        return IPv4Network(text, strict=False)
    except ValueError:
        return None


def _float(text: str) -> float:
    """Read a number with a point or, where the locale says so, a comma; 0 when it is none."""
    try:
        return float(text.replace(",", "."))
    except ValueError:
        return 0.0


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "no output"
