"""What two or more settings must be to each other. The API rejects most of this ten minutes in, or never."""

from collections.abc import Callable, Iterator
from itertools import combinations, count
from typing import Final

from infra import addressing, versions
from infra.flows import METRICS_PORT
from settings.model import Settings
from settings.problems import Problem, remove_command, set_command
from settings.values import DOCKER_BRIDGE

# EKS wants at least 6 free addresses in each of its subnets and recommends 16.
# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
_CONTROL_PLANE_ADDRESSES: Final = 16

# The four networks. Of two that overlap, the one named later here is the one to move.
_RANGES: Final = {
    "vpcCidr": "vpc_cidr",
    "onPremVpcCidr": "on_prem_vpc_cidr",
    "podCidr": "pod_cidr",
    "serviceCidr": "service_cidr",
}
_WHERE_TO_MOVE: Final = {
    "onPremVpcCidr": "the EKS VPC",
    "podCidr": "both VPCs",
    "serviceCidr": "both VPCs and podCidr",
}


def problems_between(settings: Settings, unusable: frozenset[str]) -> Iterator[Problem]:
    """Find what is wrong between settings that are each valid.

    Args:
        settings: the settings, with defaults in place of the unusable ones.
        unusable: the top-level names whose own value was rejected; checks that need one of them are left out.

    """
    for needs, check in _CHECKS:
        if unusable.isdisjoint(needs):
            yield from check(settings)


def _range(settings: Settings, name: str) -> str:
    return getattr(settings, _RANGES[name])


def _room(settings: Settings, name: str, prefix: int = 16) -> str:
    """Find a range that a network could have: its default where that is free, else the first that is free."""
    default: str = Settings.model_fields[_RANGES[name]].default
    taken = [_range(settings, other) for other in _RANGES if other != name]
    return addressing.free_range(prefix, [*taken, DOCKER_BRIDGE], [default, *addressing.RFC_1918])


def _overlaps(first: str, second: str) -> Callable[[Settings], Iterator[Problem]]:
    def check(settings: Settings) -> Iterator[Problem]:
        if addressing.overlap(_range(settings, first), _range(settings, second)):
            yield Problem(
                path=second,
                seen=_range(settings, second),
                wrong=f"overlaps {first} {_range(settings, first)}",
                advice=f"Choose a private range outside {_WHERE_TO_MOVE[second]}",
                command=set_command(second, _room(settings, second)),
            )

    return check


def _webhook_ports_are_free(settings: Settings) -> Iterator[Problem]:
    taken = {
        10250: "kubelets",
        METRICS_PORT: "metrics-server",
        settings.sample_node_port: "the sample application",
    }
    for index, port in enumerate(settings.webhook_ports):
        if port in taken:
            path = f"webhookPorts[{index}]"
            yield Problem(
                path=path,
                seen=str(port),
                wrong=f"is open already, for {taken[port]}",
                advice="Take it out",
                command=remove_command(path),
            )


def _versions_fit(settings: Settings) -> Iterator[Problem]:
    kubernetes, calico = settings.kubernetes_version, settings.calico_release
    if kubernetes not in calico.line.kubernetes:
        line = next(each for each in versions.CALICO_LINES.values() if kubernetes in each.kubernetes)
        releases = [versions.calico_release(version) for version in versions.CALICO_SHA256]
        fitting = next((each.version for each in releases if kubernetes in each.line.kubernetes), line.newest)
        yield Problem(
            path="calicoVersion",
            seen=calico.version,
            wrong=f"is not tested with kubernetesVersion {kubernetes}"
            f" but with {', '.join(calico.line.kubernetes)}",
            advice=f"Choose {fitting}",
            command=set_command("calicoVersion", fitting),
        )


def _release_has_a_digest(settings: Settings) -> Iterator[Problem]:
    release = settings.calico_release
    if release.sha256 is None and settings.calico_manifest_sha256 is None:
        yield Problem(
            path="calicoVersion",
            seen=release.version,
            wrong="has no digest in this program, and calicoManifestSha256 is not set",
            advice=f"The table has {', '.join(versions.CALICO_SHA256)}. Any other release needs its digest, which this"
            " command reads from the release's manifest and prints as settings",
            command=f".venv/bin/ops pin calico {release.version}",
        )


def _digest_has_a_manifest(settings: Settings) -> Iterator[Problem]:
    release, digest = settings.calico_release, settings.calico_manifest_sha256
    if digest and release.sha256 not in (None, digest) and not settings.calico_manifest:
        yield Problem(
            path="calicoManifestSha256",
            seen=digest,
            wrong="has no calicoManifest to belong to",
            advice="The digest of the release's own manifest is known; remove this one",
            command=remove_command("calicoManifestSha256"),
        )


def _nodeadm_digests_fit(settings: Settings) -> Iterator[Problem]:
    digests = settings.nodeadm_sha256
    if not (digests.arm64 or digests.amd64):
        return
    if settings.nodeadm_version == "latest":
        yield Problem(
            path="nodeadmVersion",
            seen=settings.nodeadm_version,
            wrong="moves, and nodeadmSha256 pins one build",
            advice="Name the release that the digest is of",
            command=set_command("nodeadmVersion", versions.NODEADM_DEFAULT),
        )
    for index, node in enumerate(settings.hybrid_nodes):
        if settings.nodeadm_digests[node.architecture] is None:
            yield Problem(
                path="nodeadmSha256",
                seen=digests.model_dump(exclude_none=True),
                wrong=f"has no digest for {node.architecture}, which hybridNodes[{index}] needs",
                advice="Pin every architecture in use, or none",
                command=remove_command("nodeadmSha256"),
            )
            return


def _group_size_is_in_order(settings: Settings) -> Iterator[Problem]:
    nodes = settings.managed_nodes
    if nodes.min > nodes.max:
        yield _size_problem("max", nodes.max, f"is below managedNodes.min {nodes.min}", nodes.min)
    elif nodes.desired < nodes.min:
        yield _size_problem("desired", nodes.desired, f"is below managedNodes.min {nodes.min}", nodes.min)
    elif nodes.desired > nodes.max:
        yield _size_problem("desired", nodes.desired, f"is above managedNodes.max {nodes.max}", nodes.max)


def _size_problem(name: str, seen: int, wrong: str, fix: int) -> Problem:
    path = f"managedNodes.{name}"
    return Problem(
        path=path,
        seen=seen,
        wrong=wrong,
        advice="Keep min <= desired <= max",
        command=set_command(path, fix),
    )


def _names_differ(settings: Settings) -> Iterator[Problem]:
    names = [node.name for node in settings.hybrid_nodes]
    free = (name for number in count(1) if (name := f"hybrid-{number}") not in names)
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            path = f"hybridNodes[{index}].name"
            yield Problem(
                path=path,
                seen=name,
                wrong=f"is the name of hybridNodes[{first}] too",
                advice="Give each node its own name",
                command=set_command(path, next(free)),
            )


def _every_node_gets_pod_addresses(settings: Settings) -> Iterator[Problem]:
    managed, hybrid = settings.managed_nodes.max, len(settings.hybrid_nodes)
    nodes, blocks = managed + hybrid, addressing.pod_blocks(settings.pod_cidr)
    if nodes > blocks:
        # A /16 has 1024 blocks, and each bit less of prefix twice as many.
        prefix = min(16, addressing.POD_BLOCK_PREFIX - (nodes - 1).bit_length())
        yield Problem(
            path="podCidr",
            seen=settings.pod_cidr,
            wrong=f"has {blocks} blocks of /26 for {nodes} nodes (managedNodes.max {managed} and {hybrid} hybrid)",
            advice="Each node needs a block; choose a larger range",
            command=set_command("podCidr", _room(settings, "podCidr", prefix)),
        )


def _managed_nodes_get_addresses(settings: Settings) -> Iterator[Problem]:
    _, private = addressing.subnet_layout(settings.vpc_cidr, settings.availability_zones)
    room = sum(addressing.usable_addresses(each) - _CONTROL_PLANE_ADDRESSES for each in private)
    if settings.managed_nodes.max > room:
        yield Problem(
            path="managedNodes.max",
            seen=settings.managed_nodes.max,
            wrong=f"nodes do not fit the private subnets of vpcCidr {settings.vpc_cidr}, which hold {room}"
            f" beside {_CONTROL_PLANE_ADDRESSES} addresses each for the control plane",
            advice="Choose fewer nodes or a larger VPC",
            command=set_command("managedNodes.max", room),
        )


def _hybrid_nodes_get_addresses(settings: Settings) -> Iterator[Problem]:
    _, (private,) = addressing.subnet_layout(settings.on_prem_vpc_cidr, 1)
    room = addressing.usable_addresses(private)
    if len(settings.hybrid_nodes) > room:
        # A /16 is cut into the /24 subnets of the picture; a /17 has the largest ones.
        yield Problem(
            path="hybridNodes",
            seen=len(settings.hybrid_nodes),
            wrong=f"nodes do not fit the {room} addresses of {private}, the private subnet of onPremVpcCidr",
            advice="A /17 has the largest subnets, of /20",
            command=set_command("onPremVpcCidr", _room(settings, "onPremVpcCidr", 17)),
        )


_CHECKS: Final[tuple[tuple[tuple[str, ...], Callable[[Settings], Iterator[Problem]]], ...]] = (
    *(((first, second), _overlaps(first, second)) for first, second in combinations(_RANGES, 2)),
    (("kubernetesVersion", "calicoVersion"), _versions_fit),
    (("calicoVersion", "calicoManifestSha256"), _release_has_a_digest),
    (("calicoVersion", "calicoManifest", "calicoManifestSha256"), _digest_has_a_manifest),
    (("nodeadmVersion", "nodeadmSha256", "hybridNodes"), _nodeadm_digests_fit),
    (("webhookPorts", "sampleNodePort"), _webhook_ports_are_free),
    (("managedNodes",), _group_size_is_in_order),
    (("hybridNodes",), _names_differ),
    (("podCidr", "managedNodes", "hybridNodes"), _every_node_gets_pod_addresses),
    (("vpcCidr", "availabilityZones", "managedNodes"), _managed_nodes_get_addresses),
    (("onPremVpcCidr", "hybridNodes"), _hybrid_nodes_get_addresses),
)
