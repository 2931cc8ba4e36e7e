"""ping, ip and curl are read from the texts the article shows, and from anything else without a crash."""

import string
from ipaddress import IPv4Network

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.verify import parsers
from ops.verify.parsers import Route

# From the article, "PodネットワークでL3ルーティングを確認".
HYBRID_TO_MANAGED = """\
PING 192.168.231.3 (192.168.231.3) 56(84) bytes of data.
64 bytes from 192.168.231.3: icmp_seq=1 ttl=125 time=1.87 ms
64 bytes from 192.168.231.3: icmp_seq=2 ttl=125 time=1.83 ms
64 bytes from 192.168.231.3: icmp_seq=3 ttl=125 time=1.81 ms
--- 192.168.231.3 ping statistics ---
3 packets transmitted, 3 received, 0% packet loss, time 2004ms
rtt min/avg/max/mdev = 1.813/1.839/1.872/0.024 ms
"""
MANAGED_NODE_ROUTES = """\
default via 10.10.2.1 dev eth0
10.10.2.0/24 dev eth0 proto kernel scope link src 10.10.2.193
169.254.169.254 dev eth0
169.254.170.23 dev pod-id-link0
192.168.35.0/26 via 192.168.35.0 dev vxlan.calico onlink
blackhole 192.168.231.0/26 proto 80
192.168.231.3 dev cali9ce7ff61306 scope link
"""
ANSWER = '"Hello from Pod [sample-app-7d5b76dcff-qjdmh] !"'

LOST = """\
PING 192.168.35.7 (192.168.35.7) 56(84) bytes of data.

--- 192.168.35.7 ping statistics ---
3 packets transmitted, 0 received, 100% packet loss, time 2042ms
"""
UNREACHABLE = """\
PING 192.168.35.7 (192.168.35.7) 56(84) bytes of data.
From 192.168.231.3 icmp_seq=1 Destination Host Unreachable

--- 192.168.35.7 ping statistics ---
3 packets transmitted, 0 received, +3 errors, 100% packet loss, time 2042ms
pipe 3
"""
GERMAN = """\
PING 192.168.35.7 (192.168.35.7) 56(84) Bytes an Daten.
64 Bytes von 192.168.35.7: icmp_seq=1 ttl=62 Zeit=1,84 ms
--- 192.168.35.7 ping-Statistik ---
3 Pakete übertragen, 2 empfangen, 33,3333% Paketverlust, Zeit 2003ms
rtt min/avg/max/mdev = 1,807/1,819/1,843/0,016 ms
"""
BUSYBOX = """\
PING 192.168.35.7 (192.168.35.7): 56 data bytes
64 bytes from 192.168.35.7: seq=0 ttl=62 time=1.840 ms

--- 192.168.35.7 ping statistics ---
3 packets transmitted, 3 packets received, 0% packet loss
round-trip min/avg/max = 1.807/1.819/1.843 ms
"""


def test_the_articles_ping_has_no_loss_and_its_average() -> None:
    run = parsers.ping(HYBRID_TO_MANAGED)

    assert (run.sent, run.received, run.rtt_ms) == (3, 3, 1.839)
    assert run.loss_percent == 0
    assert run.error == ""


@pytest.mark.parametrize(
    ("text", "sent", "received", "rtt_ms"),
    [
        pytest.param(LOST, 3, 0, None, id="all lost"),
        pytest.param(UNREACHABLE, 3, 0, None, id="errors are not replies"),
        pytest.param(GERMAN, 3, 2, 1.819, id="localised, decimal comma"),
        pytest.param(BUSYBOX, 3, 3, 1.819, id="busybox"),
    ],
)
def test_other_pings_are_read_as_well(text: str, sent: int, received: int, rtt_ms: float | None) -> None:
    run = parsers.ping(text)

    assert (run.sent, run.received, run.rtt_ms) == (sent, received, rtt_ms)


def test_a_ping_that_was_cut_off_is_a_loss_but_keeps_the_times_it_saw() -> None:
    run = parsers.ping("\n".join(HYBRID_TO_MANAGED.splitlines()[:3]))

    assert run.loss_percent == 100
    assert run.rtt_ms == pytest.approx(1.85)


def test_the_telling_line_of_a_failed_ping_is_its_error() -> None:
    assert parsers.ping(UNREACHABLE).error == "From 192.168.231.3 icmp_seq=1 Destination Host Unreachable"
    assert parsers.ping("").error == "no output"


@pytest.mark.parametrize(
    "text",
    [
        "ping: local error: message too long, mtu=1450",
        "From 10.10.2.193 icmp_seq=1 Frag needed and DF set (mtu = 1450)",
    ],
)
def test_a_too_long_packet_tells_the_mtu_of_the_way(text: str) -> None:
    assert parsers.ping(text).too_long_mtu == 1450


def test_the_articles_routes_show_the_tunnel_and_the_nodes_own_block() -> None:
    routes = parsers.routes(MANAGED_NODE_ROUTES)

    assert len(routes) == 7
    assert routes[0].destination == IPv4Network("0.0.0.0/0")
    assert routes[4] == Route(
        destination=IPv4Network("192.168.35.0/26"), kind="unicast", via="192.168.35.0", device="vxlan.calico"
    )
    assert routes[5].kind == "blackhole"


def test_an_interface_is_called_by_its_name_without_its_peer() -> None:
    text = (
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT\\ link\n"
        "3: eth0@if12: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 8951 qdisc noqueue state UP mode DEFAULT\\ link\n"
    )

    assert parsers.link_mtus(text) == {"lo": 65536, "eth0": 8951}


def test_pieces_that_arrived_are_counted_by_their_name_and_not_by_their_place() -> None:
    # /proc/net/snmp of Linux 6.8, shortened: a line of names, a line of values.
    text = "Ip: Forwarding ReasmTimeout ReasmReqds ReasmOKs\nIp: 1 0 1206 603\nIcmp: InMsgs\nIcmp: 12\n"

    assert parsers.fragments(text) == 1206
    assert parsers.fragments(text.partition("Icmp")[0].partition("Ip: 1")[0]) is None
    assert parsers.fragments("cat: /proc/net/snmp: No such file or directory") is None


def test_the_articles_answer_names_its_pod() -> None:
    run = parsers.curl(0, f"{ANSWER}\n\nstatus=200 ip=172.16.58.99 time=0.004\n")

    assert (run.status, run.ip, run.body, run.error) == (200, "172.16.58.99", ANSWER, "")
    assert parsers.pod_name(run.body) == "sample-app-7d5b76dcff-qjdmh"


@pytest.mark.parametrize(
    ("code", "said", "dropped"),
    [
        # As curl 7.88 prints them: no packet came back; connected, but nothing was sent; refused.
        (28, "Failed to connect to 10.0.0.1 port 5678 after 3001 ms: Timeout was reached", True),
        (28, "Connection timed out after 3001 milliseconds", True),
        (28, "Connection timeout after 3001 ms", True),
        (28, "Operation timed out after 5000 milliseconds with 0 bytes received", False),
        (28, "Resolving timed out after 3000 milliseconds", False),
        (7, "Failed to connect to 10.0.0.1 port 5678 after 0 ms: Couldn't connect to server", False),
        (6, "Could not resolve host: nosuch", False),
    ],
)
def test_only_a_connection_that_nobody_answers_counts_as_dropped(
    code: int, said: str, *, dropped: bool
) -> None:
    run = parsers.curl(code, f"curl: ({code}) {said}\n\nstatus=000 ip= time=3.001\n")
    assert run.dropped is dropped


def test_a_failed_curl_says_why() -> None:
    run = parsers.curl(6, "curl: (6) Could not resolve host: nosuch\n\nstatus=000 ip= time=0.000\n")

    assert (run.exit_code, run.status, run.ip) == (6, 0, "")
    assert run.error == "curl: (6) Could not resolve host: nosuch"


def test_a_body_that_looks_like_the_end_is_still_a_body() -> None:
    run = parsers.curl(0, "status=500 ip=1.2.3.4 time=9.9\nmore\n\nstatus=200 ip=10.0.0.1 time=0.1\n")

    assert (run.status, run.ip) == (200, "10.0.0.1")


def test_a_part_that_was_cut_off_is_left_out() -> None:
    assert parsers.sections("@@ a 0\none\n@@.\n@@ b 1\ntw") == {"a": (0, "one\n")}


@pytest.mark.parametrize(
    ("text", "found"), [("v1.35.2-eks-1a2b3c4", (1, 35)), ("1.36+", (1, 36)), ("latest", None), ("", None)]
)
def test_versions_are_read_by_major_and_minor(text: str, found: tuple[int, int] | None) -> None:
    assert parsers.minor(text) == found


# --- robustness -------------------------------------------------------------------------------------

TRANSCRIPTS = [
    HYBRID_TO_MANAGED,
    LOST,
    UNREACHABLE,
    GERMAN,
    BUSYBOX,
    MANAGED_NODE_ROUTES,
    f"@@ a 0\n{ANSWER}\n\nstatus=200 ip=172.16.58.99 time=0.004\n@@.\n",
    "3: eth0@if12: <UP> mtu 8951 qdisc noqueue",
    "Ip: Forwarding ReasmReqds\nIp: 1 1206\n",
]
LETTERS = "äöüßñéпакеты送信受信パケット損失率٣०"


@st.composite
def damaged(draw: st.DrawFn) -> str:
    """A transcript cut anywhere, with words of other languages, digits and noise put in, or noise alone."""
    text = draw(st.sampled_from(TRANSCRIPTS))
    start, end = sorted((draw(st.integers(0, len(text))), draw(st.integers(0, len(text)))))
    text = text[start:end]
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(text)))
        noise = draw(
            st.text(alphabet=LETTERS + string.printable, max_size=12)
            | st.text(max_size=6)
            | st.just("9" * 5000)
        )
        text = text[:at] + noise + text[at:]
    return text


@settings(max_examples=80)
@given(damaged() | st.text(max_size=300))
def test_no_output_however_damaged_crashes_a_parser(text: str) -> None:
    run = parsers.ping(text)
    assert 0 <= run.received <= run.sent
    assert 0 <= run.loss_percent <= 100
    assert run.rtt_ms is None or run.rtt_ms >= 0
    assert all(route.kind for route in parsers.routes(text))
    assert all(mtu > 0 for mtu in parsers.link_mtus(text).values())
    for code, body in parsers.sections(text).values():
        parsers.curl(code, body)
    assert 0 <= parsers.curl(0, text).status <= 999
    assert len(parsers.pod_name(text)) <= 253
    parsers.minor(text)
    assert (parsers.fragments(text) or 0) >= 0
    parsers.address(text)
    parsers.network(text)


@settings(max_examples=100)
@given(st.integers(0, len(HYBRID_TO_MANAGED)))
def test_a_truncated_ping_never_claims_more_than_the_whole(end: int) -> None:
    run = parsers.ping(HYBRID_TO_MANAGED[:end])

    assert run.received <= 3
    assert run.rtt_ms is None or 1.8 <= run.rtt_ms <= 1.9
