"""What ping, ip and curl print in the pods of the world. The texts are those the article shows."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

Answer = tuple[str, int]


def run(world: Any, machine: Any, command: Sequence[str], pod: str = "") -> tuple[str, str, int]:
    """Run a command in a pod on a machine: (stdout, stderr, exit code)."""
    command = list(command)
    if machine.garbled:
        return "@@ mi-06", "", 0
    if not machine.tools:
        return "", f"{command[0]}: not found", 127
    if command == ["ip", "-V"]:
        return "ip utility, iproute2-6.15.0\n", "", 0
    if command == ["ip", "-o", "link"]:
        return host_links(machine), "", 0
    if command == ["ip", "-4", "route"]:
        return host_routes(world, machine), "", 0
    if command == ["cat", "/proc/net/snmp"]:
        return counters(machine), "", 0
    if command[:2] == ["sh", "-c"]:
        script, arguments = command[2], command[4:]
        if "ip -o link" in script:
            return links(machine), "", 0
        pairs = list(zip(arguments[::2], arguments[1::2], strict=True))
        if "ping -n" in script:
            probe = sized if "ping -n -M do" in script else ping
            return "".join(_section(key, *probe(world, machine, value)) for key, value in pairs), "", 0
        if "curl -sS" not in script:
            return "", "sh: unknown script", 127
        return "".join(_section(key, *curl(world, machine, value, pod)) for key, value in pairs), "", 0
    return "", f"{command[0]}: not found", 127


def _section(key: str, text: str, code: int) -> str:
    return f"@@ {key} {code}\n{text}\n@@.\n"


def host_routes(world: Any, machine: Any) -> str:
    """`ip -4 route` on the host, as the article shows it."""
    gateway = f"{machine.ip.rpartition('.')[0]}.1"
    lines = [f"default via {gateway} dev eth0"]
    for other in world.machines:
        pair = (machine.alias, other.alias)
        if other is machine:
            lines.append(f"blackhole {machine.block} proto 80")
        elif pair in world.wrong_routes:
            lines.append(world.wrong_routes[pair])
        elif pair not in world.missing_routes:
            lines.append(f"{other.block} via {other.tunnel} dev vxlan.calico onlink")
    lines.append(f"{machine.pod_ip(3)} dev cali9ce7ff61306 scope link")
    return "\n".join(lines) + "\n"


def host_links(machine: Any) -> str:
    """`ip -o link` on the host: the overlay's interface, and the host's end of each pod's."""
    pod = machine.first_pod_mtu or machine.mtu
    return (
        "2: ens5: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 9001 qdisc mq state UP mode DEFAULT group default qlen 1000\\"
        "    link/ether 06:5f:0d:4c:7e:11 brd ff:ff:ff:ff:ff:ff\n"
        f"4: vxlan.calico: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {machine.mtu} qdisc noqueue state UNKNOWN\\    link\n"
        f"7: cali9ce7ff61306@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {pod} qdisc noqueue state UP\\    link\n"
        f"9: cali0a1b2c3d4e5@if3: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {machine.mtu} qdisc x state UP\\    link\n"
    )


def counters(machine: Any) -> str:
    """What the kernel has counted in the host's network namespace."""
    return (
        "Ip: Forwarding DefaultTTL InReceives ReasmTimeout ReasmReqds ReasmOKs ReasmFails FragOKs\n"
        f"Ip: 1 64 21031 0 {machine.pieces} {machine.pieces // 2} 0 0\n"
        "Icmp: InMsgs InErrors\nIcmp: 12 0\n"
    )


def links(machine: Any) -> str:
    """`ip -o link; ip -4 route` in a pod."""
    return (
        "1: lo: <LOOPBACK,UP,LOWER_UP> mtu 65536 qdisc noqueue state UNKNOWN mode DEFAULT group default qlen 1000\\"
        "    link/loopback 00:00:00:00:00:00 brd 00:00:00:00:00:00\n"
        f"3: eth0@if12: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu {machine.mtu} qdisc noqueue state UP mode DEFAULT group "
        "default qlen 1000\\    link/ether 8a:5f:0d:4c:7e:11 brd ff:ff:ff:ff:ff:ff link-netnsid 0\n"
        "default via 169.254.1.1 dev eth0 \n169.254.1.1 dev eth0 scope link \n"
    )


def rtt(source: Any, target: Any) -> float:
    """A round-trip time in ms that depends on the two machines only."""
    far = 1.8 if source.side != target.side else 0.4
    return far + (sum(map(ord, source.alias + target.alias)) % 10) / 100


def ping(world: Any, machine: Any, address: str, *, size: int = 56) -> Answer:
    """Iputils ping of a pod's address."""
    target = next(one for one in world.machines if one.pod_ip(3) == address)
    head = f"PING {address} ({address}) {size}({size + 28}) bytes of data."
    foot = f"\n--- {address} ping statistics ---\n"
    if not world.overlay(machine, target) or size + 28 > world.path_mtu:
        return f"{head}\n{foot}3 packets transmitted, 0 received, 100% packet loss, time 2004ms\n", 1
    lost = (machine.alias, target.alias) in world.lossy
    time = rtt(machine, target)
    replies = "".join(
        f"{size + 8} bytes from {address}: icmp_seq={number} ttl=62 time={time:.2f} ms\n"
        for number in range(1, 3 if lost else 4)
    )
    share = "2 received, 33.3333% packet loss" if lost else "3 received, 0% packet loss"
    summary = f"rtt min/avg/max/mdev = {time:.3f}/{time:.3f}/{time:.3f}/0.016 ms"
    return f"{head}\n{replies}{foot}3 packets transmitted, {share}, time 2003ms\n{summary}", 0


def sized(world: Any, machine: Any, value: str) -> Answer:
    """Ping with a payload: `address/bytes`."""
    address, _, size = value.partition("/")
    if int(size) + 28 > machine.mtu:
        return f"ping: local error: message too long, mtu={machine.mtu}", 1
    if machine.hidden_mtu and int(size) + 28 > machine.hidden_mtu:
        return f"From {machine.ip} icmp_seq=1 Frag needed and DF set (mtu = {machine.hidden_mtu})", 1
    target = next(one for one in world.machines if one.pod_ip(3) == address)
    if world.link_mtu and machine.side != target.side and int(size) + 28 + 50 > world.link_mtu:
        # Three questions and three answers, each in two pieces.
        target.pieces += 6
        machine.pieces += 6
    return ping(world, machine, address, size=int(size))


def curl(world: Any, machine: Any, url: str, pod: str) -> Answer:
    """Curl of the Service, its name, a NodePort, a pod that a policy closes, or a host outside."""
    if not machine.curl:
        return "sh: curl: not found", 127
    parts = urlsplit(url)
    host = parts.hostname or ""
    for name, side, place in world.closed_pods:
        if host == place.pod_ip(7):
            return _closed(world, machine, pod, f"{host} port {parts.port}", name, side, place)
    if host == "172.16.58.99":
        return _answered(host, world.sample_answer(machine))
    target = next((one for one in world.machines if one.ip == host), None)
    if target is not None:
        return _answered(f"{host} port {parts.port}", world.node_port_answer(machine, target))
    if not world.resolves(machine) or (world.resolver_broken and not host.endswith(".cluster.local")):
        return _failed(6, f"Could not resolve host: {host}")
    if host == "sample-svc.sample.svc.cluster.local":
        return _answered(host, world.sample_answer(machine))
    if world.nat_broken:
        return _failed(28, "Connection timed out after 3001 milliseconds")
    return "\nstatus=302 ip=52.119.0.1 time=0.120", 0


def _closed(world: Any, machine: Any, client: str, where: str, name: str, side: str, place: Any) -> Answer:
    """What a pod with a policy before it answers: the policy is enforced where the packets arrive."""
    namesake = "closed" in client
    dropped = side in world.closed_to_all if namesake else side not in world.unenforced
    server = world.closed_servers.get(side)
    if dropped or not world.overlay(machine, place):
        return _answered(where, None)
    if server == "refuses":
        return _failed(7, f"Failed to connect to {where} after 0 ms: Couldn't connect to server")
    if server == "hangs":
        text = "Operation timed out after 5000 milliseconds with 0 bytes received"
        return f"curl: (28) {text}\n\nstatus=000 ip={where.split()[0]} time=5.000", 28
    return _answered(where, f'"Hello from Pod [{name}] !"')


def _answered(place: str, body: str | None) -> Answer:
    if body is None:
        return _failed(28, f"Failed to connect to {place} after 3002 ms: Timeout was reached")
    return f"{body}\n\nstatus=200 ip=172.16.58.99 time=0.004", 0


def _failed(code: int, message: str) -> Answer:
    return f"curl: ({code}) {message}\n\nstatus=000 ip= time=0.000", code
