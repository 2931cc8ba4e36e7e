"""Settings and changes of them, drawn from the schema by a seed: the same seed gives the same series.

What a setting may be follows from its field in settings/model.py. A change that needs more than its field says (a list
of nodes, versions, what only goes together) stands here by itself. A setting that is new is drawn without a line here.
"""

from collections.abc import Callable
from random import Random
from typing import Any

from pydantic.fields import FieldInfo

from infra.versions import KUBERNETES_DEFAULT
from settings import Settings
from settings.model import CONTROL_PLANE_LOGS
from tests.engine.conftest import BOUNDARY, CERTIFICATE, COLLEAGUE, OTHER_CERTIFICATE
from tests.engine.standin.cloud import CALLER
from tests.engine.standin.networks import EXISTING, PRIVATE, PUBLIC

# By the names that Stack.configure takes: aws_region is aws:region.
Values = dict[str, Any]
Change = Callable[[Random, Values], Values | None]

TRANSIT_GATEWAYS = ("tgw-0123456789abcdef0", "tgw-0fedcba9876543210")
VPN_GATEWAYS = ("vgw-0123456789abcdef0", "vgw-0fedcba9876543210")
RANGES = ("10.80.0.0/24", "10.81.0.0/24", "10.82.0.0/24")
BOUNDARIES = (BOUNDARY, "arn:aws:iam::123456789012:policy/teams/boundary")
_NETWORK: Values = {
    "vpcId": EXISTING,
    "privateSubnetIds": list(PRIVATE),
    "publicSubnetIds": list(PUBLIC),
}

_COMMON: Values = {"aws_region": "eu-central-1", "kubernetesVersion": "1.34"}
PLAYED: Values = {**_COMMON, "hybridNodes": [{"name": "edge"}, {"name": "edge-2", "os": "al2023"}]}
OWN: Values = {
    **_COMMON,
    "site": {"nodeCidrs": list(RANGES[:1]), "transitGatewayId": TRANSIT_GATEWAYS[0]},
    "hybridNodes": [
        {"name": "edge", "address": "10.80.0.11"},
        {"name": "edge-2", "address": "10.80.0.12", "os": "al2023", "architecture": "arm64"},
    ],
}
IN_A_VPC_THAT_EXISTS: Values = {**OWN, "network": _NETWORK}

# Names that begin alike: what is meant for one must not reach another.
_NAMES = ("edge", "edge-2", "edge-20", "rack-7", "rack-7-b")
_SYSTEMS = ("ubuntu-24.04", "ubuntu-22.04", "al2023")
_TYPES = ("t4g.medium", "t4g.large", "m6i.large")
_CLIENTS = tuple(f"203.0.{number}.0/24" for number in range(1, 100))
_PUBLIC = ("198.51.99.0/24", "203.0.114.0/24", "192.1.2.0/24", "5.6.7.0/24")
_PORTS = (443, 6443, 8443, 9443, 10250, 30001)
_NODE_PORTS = (30080, 30001, 31000)
_TAGS = (
    {},
    {"Owner": "the network team"},
    {"Owner": "somebody else", "CostCenter": "42"},
    {"owner": "in lower case"},
    {"Owner": "twice", "owner": "for IAM"},
    {"aws:owner": "reserved"},
    {f"tag-{number}": "" for number in range(48)},
)
_ADMINS = (COLLEAGUE, "arn:aws:iam::123456789012:user/pipelines/deploy", CALLER)
_CERTIFICATES = ("", CERTIFICATE, OTHER_CERTIFICATE)
_REGISTRIES = ("", "registry.example.com/mirror", "registry.example.com:5000")
# One name that begins like another.
_GROUPS: tuple[Values, ...] = (
    {"name": "gpu", "instanceType": "g6.xlarge", "ami": "nvidia", "taints": ["gpu=yes:NoSchedule"]},
    {"name": "gpu-2", "labels": {"pool": "second"}},
    {"name": "batch", "instanceType": "m7i.large", "spot": True, "min": 0, "desired": 1},
    {"name": "batch", "instanceType": "m7i.large", "diskGiB": 40, "taints": ["batch=yes:NoExecute"]},
)
_FIXED = {
    "aws_region": "eu-west-1",
    "availabilityZones": 3,
    "clusterName": "other",
    "onPremVpcCidr": "10.91.0.0/16",
    "podCidr": "192.168.0.0/17",
    "serviceCidr": "172.20.0.0/16",
    "vpcCidr": "10.20.0.0/16",
}


# --- nodes ------------------------------------------------------------------------------------------


def _with_nodes(values: Values, nodes: list[Values]) -> Values:
    return {**values, "hybridNodes": nodes}


def _is_own(values: Values) -> bool:
    return "site" in values


def _free(taken: list[str], all_of: tuple[str, ...]) -> list[str]:
    return [each for each in all_of if each not in taken]


def _free_addresses(values: Values) -> list[str]:
    taken = [node["address"] for node in values["hybridNodes"]]
    starts = [cidr.rpartition(".")[0] for cidr in values["site"]["nodeCidrs"]]
    return _free(taken, tuple(f"{start}.{host}" for start in starts for host in (11, 12, 13, 14)))


def _add_node(random: Random, values: Values) -> Values | None:
    nodes = values["hybridNodes"]
    names = _free([node["name"] for node in nodes], _NAMES)
    if not names or len(nodes) >= 4:
        return None
    node: Values = {"name": random.choice(names), "os": random.choice(_SYSTEMS)}
    if _is_own(values):
        node |= {"address": random.choice(_free_addresses(values))}
    else:
        node |= {"instanceType": random.choice(_TYPES)}
    place = random.randrange(len(nodes) + 1)
    return _with_nodes(values, [*nodes[:place], node, *nodes[place:]])


def _remove_node(random: Random, values: Values) -> Values:
    nodes = list(values["hybridNodes"])
    # The last one cannot go: that is refused.
    nodes.pop(random.randrange(len(nodes)))
    return _with_nodes(values, nodes)


def _reorder_nodes(random: Random, values: Values) -> Values:
    nodes = values["hybridNodes"]
    return _with_nodes(values, random.sample(nodes, len(nodes)))


def _node(key: str, choices: Callable[[Values], tuple[Any, ...] | list[Any]], *, own: bool | None) -> Change:
    """Give one node another value. `own`: only a machine of one's own has it, or only an instance."""

    def change(random: Random, values: Values) -> Values | None:
        possible = choices(values) if own in (None, _is_own(values)) else ()
        if not possible:
            return None
        nodes = list(values["hybridNodes"])
        place = random.randrange(len(nodes))
        nodes[place] = {**nodes[place], key: random.choice(possible)}
        return _with_nodes(values, nodes)

    return change


def _swap_addresses(random: Random, values: Values) -> Values | None:
    nodes = list(values["hybridNodes"])
    if not _is_own(values) or len(nodes) < 2:
        return None
    first, second = random.sample(range(len(nodes)), 2)
    here, there = nodes[first]["address"], nodes[second]["address"]
    nodes[first], nodes[second] = {**nodes[first], "address": there}, {**nodes[second], "address": here}
    return _with_nodes(values, nodes)


def _rename(random: Random, values: Values) -> Values | None:
    names = _free([node["name"] for node in values["hybridNodes"]], _NAMES)
    return _node("name", lambda _: names, own=None)(random, values)


# --- the rest ---------------------------------------------------------------------------------------


def _to(key: str, draw: Callable[[Random], Any]) -> Change:
    return lambda random, values: {**values, key: draw(random)}


def _some(of: tuple[Any, ...], *most: int) -> Callable[[Random], list[Any]]:
    return lambda random: random.sample(of, random.choice(most))


def _site(random: Random, values: Values) -> Values | None:
    if not _is_own(values):
        return None
    ways: list[Values] = [
        *({"transitGatewayId": each} for each in TRANSIT_GATEWAYS),
        *({"vpnGatewayId": each} for each in VPN_GATEWAYS),
        {"routes": "none"},
    ]
    ranges = {"nodeCidrs": values["site"]["nodeCidrs"]}
    return {**values, "site": {**ranges, **random.choice(ways)}}


def _ranges(random: Random, values: Values) -> Values | None:
    if not _is_own(values):
        return None
    ranges = random.sample(RANGES, random.randint(1, 3))
    return {**values, "site": {**values["site"], "nodeCidrs": ranges}}


def _managed(random: Random, values: Values) -> Values:
    sizes = sorted(random.choices(range(1, 6), k=3))
    group = {
        "instanceType": random.choice((*_TYPES, "t4g.medium,t4g.large")),
        "spot": random.choice((False, True)),
        "diskGiB": random.choice((30, 40)),
        **dict(zip(("min", "desired", "max"), sizes, strict=True)),
    }
    kept = random.sample(sorted(group), random.randint(0, 4))
    before = values.get("managedNodes", {})
    return {**values, "managedNodes": {**group, **{key: before[key] for key in kept if key in before}}}


def _more_managed(random: Random, values: Values) -> Values:
    groups = {group["name"]: group for group in random.sample(_GROUPS, random.randint(0, 3))}
    return {**values, "moreManagedNodes": list(groups.values())}


def _network(random: Random, values: Values) -> Values:
    """Another one than the stack has is refused. Only the addresses that its machines are known by change."""
    has = values.get("network", _NETWORK)
    possible: list[Values] = [
        {},
        _NETWORK,
        {**_NETWORK, "privateSubnetIds": list(PUBLIC), "publicSubnetIds": list(PRIVATE)},
        *({**has, "egressCidrs": cidrs} for cidrs in ([], list(_PUBLIC[:1]), list(_PUBLIC[1:3]))),
    ]
    return {**values, "network": random.choice(possible)}


def _kubernetes(random: Random, values: Values) -> Values:
    minor = int(values.get("kubernetesVersion", KUBERNETES_DEFAULT).split(".")[1])
    return {**values, "kubernetesVersion": f"1.{minor + random.choice((1, 1, 1, 2, -1))}"}


def _fixed(random: Random, values: Values) -> Values:
    key = random.choice(sorted(_FIXED))
    return {**values, key: _FIXED[key]}


def _one_port_for_another(random: Random, values: Values) -> Values | None:
    """Let a port that webhooks have be the sample app's, and the other way round."""
    ports, node_port = values.get("webhookPorts", []), values.get("sampleNodePort", 30080)
    high = [port for port in ports if port >= 30000]
    if not high:
        return {
            **values,
            "webhookPorts": [node_port],
            "sampleNodePort": 31000 if node_port != 31000 else 30080,
        }
    port = random.choice(high)
    return {
        **values,
        "webhookPorts": [node_port if each == port else each for each in ports],
        "sampleNodePort": port,
    }


def _by_its_field(name: str, field: FieldInfo) -> Change | None:
    """Draw a setting that has no line of its own, from its type, its limits and its example."""
    default = field.default
    limits = {
        key: getattr(each, key) for each in field.metadata for key in ("ge", "le") if hasattr(each, key)
    }
    extra = field.json_schema_extra
    part = str(extra["part"]) if isinstance(extra, dict) and "part" in extra else ""
    if isinstance(default, bool):
        return lambda _, values: {**values, name: not values.get(name, default)}
    if limits.keys() == {"ge", "le"}:
        return lambda random, values: {**values, name: random.randint(limits["ge"], limits["le"])}
    if isinstance(default, tuple) and field.examples and part == "[0]":
        example = field.examples[0]
        return lambda _, values: {**values, name: [] if values.get(name) else [example]}
    return None


CHANGES: dict[str, Change] = {
    "a node more": _add_node,
    "a node less": _remove_node,
    "nodes in another order": _reorder_nodes,
    "a node's name": _rename,
    "a node's system": _node("os", lambda _: _SYSTEMS, own=None),
    "a node's type": _node("instanceType", lambda _: _TYPES, own=False),
    "a node's disk": _node("diskGiB", lambda _: (30, 40), own=False),
    "a node's architecture": _node("architecture", lambda _: ("amd64", "arm64"), own=True),
    "a node's address": _node("address", _free_addresses, own=True),
    "two addresses swapped": _swap_addresses,
    "a node's zone": _node("zone", lambda _: ("onprem", "hall-2"), own=None),
    "a node's labels": _node("labels", lambda _: ({}, {"rack": "r1"}, {"rack": "r2"}), own=None),
    "a node's taints": _node("taints", lambda _: ([], ["dedicated=batch:NoSchedule"]), own=None),
    "the gateway": _site,
    "the ranges of the site": _ranges,
    "albAllowedCidrs": _to("albAllowedCidrs", _some(_CLIENTS, 1, 2, 3, 40)),
    "apiAllowedCidrs": _to("apiAllowedCidrs", _some(_PUBLIC, 1, 2, 3)),
    "webhookPorts": _to("webhookPorts", _some(_PORTS, 0, 1, 2, 4)),
    "sampleNodePort": _to("sampleNodePort", lambda random: random.choice(_NODE_PORTS)),
    "a port for another": _one_port_for_another,
    "albCertificateArn": _to("albCertificateArn", lambda random: random.choice(_CERTIFICATES)),
    "albHostName": _to("albHostName", lambda random: random.choice(("", "app.example.com"))),
    "controlPlaneLogs": _to("controlPlaneLogs", _some(CONTROL_PLANE_LOGS, 0, 1, 2)),
    "aws:defaultTags": _to("aws_defaultTags", lambda random: {"tags": random.choice(_TAGS)}),
    "clusterAdmins": _to("clusterAdmins", _some(_ADMINS, 0, 1, 2)),
    "permissionsBoundaryArn": _to("permissionsBoundaryArn", lambda random: random.choice(("", *BOUNDARIES))),
    "imageRegistry": _to("imageRegistry", lambda random: random.choice(_REGISTRIES)),
    "network": _network,
    "managedNodes": _managed,
    "moreManagedNodes": _more_managed,
    "kubernetesVersion": _kubernetes,
    "supportType": _to("supportType", lambda random: random.choice(("STANDARD", "EXTENDED"))),
    "calicoVersion": _to("calicoVersion", lambda random: random.choice(("3.31.7", "3.32.1"))),
    "nodeadmVersion": _to("nodeadmVersion", lambda random: random.choice(("v1.0.19", "v1.0.20"))),
    "podMtu": _to("podMtu", lambda random: random.choice((0, 1280, 1400))),
    "what is fixed": _fixed,
}
# Settings whose drawing is one of the above, by the names that users write, and those that are not drawn: where
# the manifest of the stand-in comes from, and who signs in (test_credentials.py).
_ELSEWHERE = frozenset(
    {
        "hybridNodes", "site", "calicoManifest", "calicoManifestSha256", "nodeadmSha256",
        "aws:profile", "aws:allowedAccountIds", "aws:assumeRoles", *_FIXED, *CHANGES,
    }
)  # fmt: skip
CHANGES |= {
    name: change
    for key, field in Settings.model_fields.items()
    if (name := field.alias or key) not in _ELSEWHERE and (change := _by_its_field(name, field))
}
