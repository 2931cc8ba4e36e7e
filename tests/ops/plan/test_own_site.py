"""`ops plan` for a data centre of one's own: flows proven as far as it goes, what its firewall must open, a picture."""

import csv
import fnmatch
import io
import json
from dataclasses import replace
from functools import cache
from ipaddress import IPv4Address, IPv4Network

import pytest
from rich.console import Console

from infra import versions
from ops.plan import firewall
from ops.plan.evaluation import Plan
from ops.plan.flows import Expectations, prove
from ops.plan.picture import draw
from tests.conftest import OWN_SITE

RANGES = ["10.80.0.0/16", "10.81.0.0/24"]
WAYS = {
    "transit": {"transitGatewayId": "tgw-0123456789abcdef0"},
    "vpn": {"vpnGatewayId": "vgw-0123456789abcdef0"},
    "none": {"routes": "none"},
}


@pytest.fixture(params=WAYS)
def way(request):
    return request.param


@pytest.fixture
def planned(record, config):
    def plan(way, **changes):
        overrides = {**OWN_SITE, "site": {"nodeCidrs": RANGES, **WAYS[way]}, **changes}
        recording = record(**overrides)
        expectations = Expectations.from_config(config(**overrides))
        return Plan(recording=recording, flows=prove(recording, expectations), notes=()), expectations

    return plan


def test_every_flow_is_open_and_nothing_is_needless(planned, way):
    plan, _ = planned(way)
    assert [row.missing for row in plan.flows.rows if row.missing] == []
    assert plan.flows.passed
    assert plan.flows.needless == ()


@pytest.mark.parametrize(
    ("way", "type_", "flows"),
    [
        ("transit", "aws:ec2transitgateway/vpcAttachment:VpcAttachment", {"4", "7", "8", "11", "12b"}),
        ("vpn", "aws:ec2/vpnGatewayAttachment:VpnGatewayAttachment", {"4", "7", "8", "11", "12b"}),
        ("vpn", "aws:ec2/vpnGatewayRoutePropagation:VpnGatewayRoutePropagation", {"4", "7", "11"}),
    ],
)
def test_without_the_way_the_flows_across_it_are_closed(planned, way, type_, flows):
    plan, expectations = planned(way)
    rest = {urn: r for urn, r in plan.recording.resources.items() if r.type != type_}
    # Without any attachment the plan would take the routes for somebody else's.
    lost = prove(replace(plan.recording, resources=rest), replace(expectations, routes_elsewhere=False))
    assert flows <= {row.flow.number for row in lost.missing}


def test_a_route_for_each_range_is_needed(planned):
    plan, expectations = planned("transit")
    rest = {urn: r for urn, r in plan.recording.resources.items() if r.name != "site-private-10.81.0.0/24"}
    lost = prove(replace(plan.recording, resources=rest), expectations)
    assert {"4", "7"} <= {row.flow.number for row in lost.missing}


def test_what_is_taken_for_granted_is_listed(planned, way, dev, config):
    plan, _ = planned(way)
    words = {"transit": "transit gateway", "vpn": "virtual private gateway", "none": "Somebody else"}[way]
    assert any(words in line for line in plan.flows.assumptions)
    assert any("route back" in line for line in plan.flows.assumptions)
    assert not any(
        "data centre" in line for line in prove(dev, Expectations.from_config(config())).assumptions
    )


NODES = ["10.80.0.11", "10.80.0.12", "10.81.0.11", "10.81.0.12"]
SUBNETS = {"private": ["10.10.1.9", "10.10.2.9"], "public": ["10.10.101.9", "10.10.102.9"]}
# Who asks whom, and the words in the list for what fails when that is closed. Written here a second time, on purpose.
ACROSS = [
    ("out", "private", "tcp", 443, "cannot reach the API"),
    ("out", "private", "udp", 4789, "pod-to-pod"),
    ("out", "private", "tcp", 30080, "nodeIP:NodePort"),
    ("in", "private", "tcp", 10250, "kubectl logs"),
    ("in", "private", "tcp", 10250, "kubectl top"),
    ("in", "private", "udp", 4789, "pod-to-pod"),
    ("in", "private", "tcp", 30080, "nodeIP:NodePort"),
    ("in", "public", "tcp", 30080, "unhealthy targets"),
]
HOSTS = {
    443: {
        "hybrid-assets.eks.amazonaws.com": "neither nodeadm",
        "eks.ap-northeast-1.amazonaws.com": "cannot read the cluster",
        "sts.ap-northeast-1.amazonaws.com": "STS",
        "ssm.ap-northeast-1.amazonaws.com": "cannot register, ",
        "ssmmessages.ap-northeast-1.amazonaws.com": "Session Manager",
        "ec2messages.ap-northeast-1.amazonaws.com": "Run Command",
        "api.ecr.ap-northeast-1.amazonaws.com": "no credentials for Amazon ECR",
        "eks-auth.ap-northeast-1.amazonaws.com": "Pod Identity",
        "eks-auth.ap-northeast-1.api.aws": "Pod Identity",
        "602401143452.dkr.ecr.ap-northeast-1.amazonaws.com": "kube-proxy",
        "amazon-ssm-ap-northeast-1.s3.ap-northeast-1.amazonaws.com": "installer of the SSM agent",
        "prod-ap-northeast-1-starport-layer-bucket.s3.ap-northeast-1.amazonaws.com": "layers of Amazon ECR",
        "0123456789ABCDEF.gr7.ap-northeast-1.eks.amazonaws.com": "kubelet cannot register the node",
        "quay.io": "calico/node",
        "cdn01.quay.io": "calico/node",
        "ghcr.io": "nicolaka/netshoot",
        "pkg-containers.githubusercontent.com": "nicolaka/netshoot",
        "registry-1.docker.io": "hashicorp/http-echo",
        "auth.docker.io": "hashicorp/http-echo",
        "production.cloudflare.docker.com": "hashicorp/http-echo",
        "production.cloudfront.docker.com": "hashicorp/http-echo",
        "docker-images-prod.6aa30f8b08e16409b46e0173d6de2f56.r2.cloudflarestorage.com": "hashicorp/http-echo",
        "registry.k8s.io": "coredns/coredns",
        "asia-northeast1-docker.pkg.dev": "coredns/coredns",
        "prod-registry-k8s-io-ap-northeast-1.s3.dualstack.ap-northeast-1.amazonaws.com": "coredns/coredns",
        "api.snapcraft.io": "a snap",
        "canonical-bos01.cdn.snapcraftcontent.com": "a snap",
        "cdn.amazonlinux.com": "dnf",
    },
    80: {
        "archive.ubuntu.com": "apt",
        "jp.archive.ubuntu.com": "apt",
        "security.ubuntu.com": "apt",
        "ports.ubuntu.com": "arm64",
    },
}


def needs():
    """What the machines need: (source, destination, protocol, port, words)."""
    for node in NODES:
        for direction, kind, protocol, port, words in ACROSS:
            for other in SUBNETS[kind]:
                ends = (node, other) if direction == "out" else (other, node)
                yield (*ends, protocol, port, words)
        for other in set(NODES) - {node}:
            yield node, other, "udp", 4789, "pod-to-pod"
            yield node, other, "tcp", 30080, "nodeIP:NodePort"
        for port, hosts in HOSTS.items():
            for host, words in hosts.items():
                yield node, host, "tcp", port, words


def rows_of(plan):
    return list(csv.DictReader(io.StringIO(firewall.to_csv(plan))))


@cache
def covers(end, place):
    if not end[-1].isdigit():
        return fnmatch.fnmatchcase(place.lower(), end)
    return place[-1].isdigit() and IPv4Address(place) in IPv4Network(end)


def admits(row, source, destination, protocol, port):
    """As a firewall reads a row: a range or a host at each end, a protocol, a port, and nothing else of it."""
    return (
        (row["protocol"], row["port"]) == (protocol, str(port))
        and covers(row["source"], source)
        and covers(row["destination"], destination)
    )


def admitted(rows):
    """Each need with the places of the rows that admit it."""
    return {
        need: {number for number, row in enumerate(rows) if admits(row, *need[:4])} for need in set(needs())
    }


def test_a_firewall_that_reads_the_list_lets_through_all_that_a_machine_needs(planned, way):
    assert [need for need, by in admitted(rows_of(planned(way)[0])).items() if not by] == []


def test_without_a_row_fails_what_the_row_says_and_nothing_else(planned):
    rows = rows_of(planned("transit")[0])
    by_rows = admitted(rows)
    for number, row in enumerate(rows):
        missing = [need for need, by in by_rows.items() if by == {number}]
        assert missing, f"needless: {row}"
        said = row["without_it"].split("; ")
        assert {part for part in said for need in missing if need[4] in part} == set(said), row
        assert all(need[4] in row["without_it"] for need in missing), row


def test_no_rule_stands_in_the_list_twice(planned, way):
    rows = rows_of(planned(way)[0])
    rules = [(row["source"], row["destination"], row["protocol"], row["port"]) for row in rows]
    assert len(rules) == len(set(rules))
    # They are asked on the same port of the same machines, and share the private subnets.
    (logs,) = {row["who"] for row in rows if (row["direction"], row["port"]) == ("in", "10250")}
    assert logs == "control plane, managed nodes"


@pytest.mark.parametrize("image", [name for name in vars(versions) if name.endswith("_IMAGE")])
def test_each_image_of_ours_is_of_a_registry_whose_hosts_are_known(planned, image):
    registry = getattr(versions, image).partition("/")[0]
    assert registry in firewall._HOSTS["registries"]
    asked = {row["destination"] for row in rows_of(planned("transit")[0]) if row["who"] == "internet"}
    if image != "METRICS_SERVER_IMAGE":  # it runs on managed nodes
        assert set(firewall._HOSTS["registries"][registry]) <= asked


def changed(plan, type_, change):
    """The plan with the inputs of the resources of a type changed."""
    resources = {
        urn: replace(r, inputs=change(r.inputs)) if r.type == type_ else r
        for urn, r in plan.recording.resources.items()
    }
    return replace(plan, recording=replace(plan.recording, resources=resources))


def test_an_image_of_a_registry_of_ones_own_is_asked_there(planned):
    def mirrored(inputs):
        text = json.dumps(inputs).replace("quay.io/calico", "registry.example.com/calico")
        return json.loads(text)

    plan = changed(planned("transit")[0], "kubernetes:yaml/v2:ConfigGroup", mirrored)
    rows = {row["destination"]: row for row in rows_of(plan)}
    assert rows["registry.example.com"]["without_it"].startswith("not pulled: calico/cni, ")
    assert "quay.io" not in rows


def test_without_calicos_manifest_its_registry_is_listed_all_the_same(planned):
    plan, _ = planned("transit")
    rest = {urn: r for urn, r in plan.recording.resources.items() if not r.type.endswith(":ConfigGroup")}
    rows = rows_of(replace(plan, recording=replace(plan.recording, resources=rest)))
    assert {"quay.io", "*.quay.io"} <= {row["destination"] for row in rows}


def test_pod_identity_asks_a_host_of_its_own(planned):
    plan, _ = planned("transit")
    without = {row["destination"] for row in rows_of(plan)}
    with_agent = changed(plan, "aws:eks/addon:Addon", lambda i: i | {"addonName": "eks-pod-identity-agent"})
    more = {row["destination"] for row in rows_of(with_agent)} - without
    assert more <= {"eks-auth.ap-northeast-1.amazonaws.com"}
    assert "eks-auth.ap-northeast-1.amazonaws.com" in {row["destination"] for row in rows_of(with_agent)}


def test_hosts_are_those_of_the_machines_systems_and_of_the_partition(planned):
    only = [{"name": "rack-1", "address": "10.80.0.11", "os": "al2023"}]
    hosts = {row["destination"] for row in rows_of(planned("transit", hybridNodes=only)[0])}
    assert "cdn.amazonlinux.com" in hosts
    assert not [host for host in hosts if "ubuntu" in host or "snap" in host]


def test_machines_behind_a_proxy_must_reach_it(planned):
    site = {"nodeCidrs": RANGES, **WAYS["transit"], "httpsProxy": "http://proxy.example.internal:3128"}
    rows = rows_of(planned("transit", site=site)[0])
    proxies = [row for row in rows if row["destination"] == "proxy.example.internal"]
    assert [(row["source"], row["protocol"], row["port"]) for row in proxies] == [
        (cidr, "tcp", "3128") for cidr in RANGES
    ]


def test_dns_and_time_are_named_as_taken_for_granted(planned, way):
    plan, _ = planned(way)
    (line,) = [line for line in plan.flows.assumptions if "DNS" in line]
    assert "NTP, udp 123" in line


def test_on_a_terminal_what_differs_in_its_address_only_is_one_row(planned):
    plan, _ = planned("transit")
    console = Console(file=io.StringIO(), width=140, record=True)
    console.print(firewall.render(plan))
    text = console.export_text()
    assert "What the data centre (10.80.0.0/16, 10.81.0.0/24) must open, as it sees it" in text
    (alb,) = [line for line in text.splitlines() if line.split()[3:4] == ["ALB"]]
    assert alb.split()[:5] == ["in", "tcp", "30080", "ALB", "10.10.101.0/24"]
    assert text.count("10.10.102.0/24") == 1


def test_where_a_vpc_plays_the_data_centre_there_is_no_such_list(dev, config):
    plan = Plan(recording=dev, flows=prove(dev, Expectations.from_config(config())), notes=())
    assert firewall.render(plan) is None
    with pytest.raises(ValueError, match="a VPC of this stack plays the data centre"):
        firewall.to_csv(plan)


def test_the_picture_has_a_data_centre_in_place_of_the_vpc(planned, way):
    plan, _ = planned(way)
    text = draw(plan.recording, plan.flows)
    assert "Your data centre 10.80.0.0/16 +1" in text
    assert "rack-1" in text
    assert "10.81.0.12" in text
    assert "peering" not in text.partition("<!-- flows")[0].rpartition("<!-- between them -->")[2]
    link = text.partition("<!-- between them -->")[2].partition("<!-- flows")[0]
    assert {"transit": "transit", "vpn": "VPN", "none": "routes"}[way] in link
