"""What two or more settings must be to each other. The API rejects most of this ten minutes in, or never."""

from collections.abc import Callable, Iterator, Sequence
from itertools import combinations, count
from typing import Final

from infra import addressing, versions
from infra.names import KUBELET_PORT, METRICS_PORT
from settings.model import HybridNode, Settings
from settings.problems import Problem, remove_command, set_command
from settings.values import (
    DOCKER_BRIDGE,
    EXAMPLE_CERTIFICATE_NAME,
    EXAMPLE_SITE,
    EXAMPLE_SUBNET,
    EXAMPLE_VPC,
    seconds,
)

# What tests/userdata/test_cloud_config.py leaves of EC2's 16 KiB.
_MOST_LABEL_TEXT = 300
# EKS wants at least 6 free addresses in each of its subnets and recommends 16.
# https://docs.aws.amazon.com/eks/latest/userguide/network-reqs.html
_CONTROL_PLANE_ADDRESSES: Final = 16
# Of a control plane and of a load balancer.
_FEWEST_ZONES: Final = 2

# Of regions whose name starts so. Most others are in "aws".
_PARTITIONS: Final = {"cn-": "aws-cn", "us-gov-": "aws-us-gov"}
# A security group takes 60 rules: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
_CLIENTS_OF_TWO_PORTS: Final = 30

# The four networks. Of two that overlap, the one named later here is the one to move.
_RANGES: Final = {
    "vpcCidr": "vpc_cidr",
    "onPremVpcCidr": "on_prem_vpc_cidr",
    "podCidr": "pod_cidr",
    "serviceCidr": "service_cidr",
}
# A data centre of one's own has no VPC: its own ranges stand in.
_PLAYED: Final = "onPremVpcCidr"
_MADE: Final = "vpcCidr"
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
    taken = [_range(settings, other) for other in _networks(settings) if other != name]
    taken += settings.site.node_cidrs
    return addressing.free_range(prefix, [*taken, DOCKER_BRIDGE], [default, *addressing.RFC_1918])


def _networks(settings: Settings) -> list[str]:
    """Name the networks that this stack has, of which the settings know the ranges."""
    absent = {_PLAYED} if settings.site.is_own else set()
    # A VPC that exists has ranges that only AWS knows: infra/existing_vpc.py judges them.
    absent |= {_MADE} if settings.network.vpc_id else set()
    return [name for name in _RANGES if name not in absent]


def _overlaps(first: str, second: str) -> Callable[[Settings], Iterator[Problem]]:
    def check(settings: Settings) -> Iterator[Problem]:
        there = {first, second} <= set(_networks(settings))
        if there and addressing.overlap(_range(settings, first), _range(settings, second)):
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
        KUBELET_PORT: "kubelets",
        METRICS_PORT: "metrics-server",
        **({settings.sample_node_port: "the sample application"} if settings.sample_app else {}),
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


def _a_role_from_a_role_lasts_an_hour(settings: Settings) -> Iterator[Problem]:
    """https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html, "role chaining"."""
    for index, role in enumerate(settings.assume_roles):
        if index and role.duration and seconds(role.duration) > 60 * 60:
            path = f"aws:assumeRoles[{index}].duration"
            yield Problem(
                path=path,
                seen=role.duration,
                wrong="is more than 1h, the most that AWS gives for a role that is taken from another role",
                advice="Set no more",
                command=set_command(path, "1h"),
            )


def _certificate_is_of_this_stack(settings: Settings) -> Iterator[Problem]:
    """A load balancer takes certificates of its own region and account only."""
    arn, allowed = settings.alb_certificate_arn, settings.allowed_account_ids
    if arn is None:
        return
    _, partition, _, region, account, _ = arn.split(":")
    wanted = _partition(settings.region, partition)
    fits = not allowed or account in allowed
    example = (
        f"arn:{wanted}:acm:{settings.region}:{account if fits else allowed[0]}:{EXAMPLE_CERTIFICATE_NAME}"
    )
    if (partition, region) != (wanted, settings.region):
        yield Problem(
            path="albCertificateArn",
            seen=arn,
            wrong=f"is not of aws:region {settings.region}, and a load balancer takes certificates of its region only",
            advice=f"Set one of aws acm list-certificates --region {settings.region}, or make one there",
            command=set_command("albCertificateArn", example),
        )
    elif not fits:
        yield Problem(
            path="albCertificateArn",
            seen=arn,
            wrong=f"is of account {account}, which is not one of aws:allowedAccountIds {', '.join(allowed)}, and a load"
            " balancer takes certificates of its account only",
            advice=f"Set one of aws acm list-certificates --region {settings.region}, or make one there",
            command=set_command("albCertificateArn", example),
        )


def _boundary_is_of_this_stack(settings: Settings) -> Iterator[Problem]:
    """A role takes a policy of its own account, or one that AWS keeps."""
    arn, allowed = settings.permissions_boundary_arn, settings.allowed_account_ids
    if arn is None:
        return
    _, partition, _, _, account, name = arn.split(":", 5)
    wanted = _partition(settings.region, partition)
    fits = account == "aws" or not allowed or account in allowed
    if partition != wanted:
        wrong = f"is of the partition {partition}, and aws:region {settings.region} is in {wanted}"
    elif not fits:
        wrong = f"is of account {account}, which is not one of aws:allowedAccountIds {', '.join(allowed)}"
    else:
        return
    yield Problem(
        path="permissionsBoundaryArn",
        seen=arn,
        wrong=f"{wrong}, and a role takes a policy of its own account only",
        advice="Set one of aws iam list-policies --scope Local",
        command=set_command(
            "permissionsBoundaryArn", f"arn:{wanted}:iam::{account if fits else allowed[0]}:{name}"
        ),
    )


def _partition(region: str, given: str) -> str:
    """Name the partition of a region: what its name says, else the given one where that can be."""
    of_region = next((name for start, name in _PARTITIONS.items() if region.startswith(start)), None)
    return of_region or ("aws" if given in _PARTITIONS.values() else given)


def _clients_fit_the_group(settings: Settings) -> Iterator[Problem]:
    clients = len(settings.alb_allowed_cidrs)
    if settings.alb_certificate_arn and clients > _CLIENTS_OF_TWO_PORTS:
        yield Problem(
            path="albAllowedCidrs",
            seen=clients,
            wrong="ranges take two rules each with albCertificateArn, for the ports 80 and 443, and a security group"
            " takes 60",
            advice=f"{_CLIENTS_OF_TWO_PORTS} are possible; join some, or remove them",
            command=remove_command(f"albAllowedCidrs[{_CLIENTS_OF_TWO_PORTS}]"),
        )


def _versions_fit(settings: Settings) -> Iterator[Problem]:
    kubernetes, calico = settings.kubernetes_version, settings.calico_release
    if kubernetes not in calico.line.kubernetes:
        line = next(each for each in versions.CALICO_LINES.values() if kubernetes in each.kubernetes)
        releases = [versions.calico_release(version) for version in versions.CALICO_SHA256]
        pinned = next((each.version for each in releases if kubernetes in each.line.kubernetes), None)
        fitting = pinned or line.newest
        yield Problem(
            path="calicoVersion",
            seen=calico.version,
            wrong=f"is not tested with kubernetesVersion {kubernetes}"
            f" but with {', '.join(calico.line.kubernetes)}",
            advice=f"Choose {fitting}"
            if pinned
            else f"Choose {fitting}, whose digest this command reads and prints with the settings; a stack that is up"
            " gets Calico first, then Kubernetes in a pulumi up of its own (docs/upgrade.md)",
            command=set_command("calicoVersion", fitting)
            if pinned
            else f".venv/bin/ops pin calico {fitting}",
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


def _digest_is_of_no_other_release(settings: Settings) -> Iterator[Problem]:
    version, digest = settings.calico_version, settings.calico_manifest_sha256
    other = next((other for other, known in versions.CALICO_SHA256.items() if known == digest), version)
    if other != version:
        yield Problem(
            path="calicoManifestSha256",
            seen=digest,
            wrong=f"is the digest of Calico {other}, and calicoVersion is {version}",
            advice="One of the two is wrong; the digest of a known release need not be set",
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
    for path, nodes in settings.node_groups.items():
        if nodes.min > nodes.max:
            wrong = f"is below {path}.min {nodes.min}"
            yield _size_problem(f"{path}.max", nodes.max, wrong, f"{path}.max", nodes.min)
        elif nodes.desired < nodes.min:
            wrong = f"is below {path}.min {nodes.min}"
            yield _size_problem(f"{path}.desired", nodes.desired, wrong, f"{path}.desired", nodes.min)
        elif nodes.desired > nodes.max:
            # Who asks for more nodes wants them.
            wrong = f"is above {path}.max {nodes.max}"
            yield _size_problem(f"{path}.desired", nodes.desired, wrong, f"{path}.max", nodes.desired)


def _size_problem(path: str, seen: int, wrong: str, mended: str, fix: int) -> Problem:
    return Problem(
        path=path,
        seen=seen,
        wrong=wrong,
        advice="Keep min <= desired <= max",
        command=set_command(mended, fix),
    )


def _groups_differ(settings: Settings) -> Iterator[Problem]:
    names = [group.name for group in settings.more_managed_nodes]
    yield from _each_its_own(names, "moreManagedNodes", "group", "pool")


def _images_are_built(settings: Settings) -> Iterator[Problem]:
    for path, group in settings.node_groups.items():
        if group.ami == "neuron" and group.architecture == "arm64":
            yield Problem(
                path=f"{path}.ami",
                seen=group.ami,
                wrong=f"is for amd64, and {path}.instanceType {group.instance_types[0]} is arm64",
                advice="AWS builds it for inf and trn instances",
                command=remove_command(f"{path}.ami"),
            )


def _the_first_group_lets_pods_in(settings: Settings) -> Iterator[Problem]:
    for index, taint in enumerate(settings.managed_nodes.taints):
        if not taint.endswith(":PreferNoSchedule"):
            path = f"managedNodes.taints[{index}]"
            yield Problem(
                path=path,
                seen=taint,
                wrong="would keep CoreDNS, Calico's controllers and metrics-server out, which run on this group",
                advice="Put nodes with such a taint into a group of moreManagedNodes",
                command=remove_command(path),
            )


def _names_differ(settings: Settings) -> Iterator[Problem]:
    names = [node.name for node in settings.hybrid_nodes]
    yield from _each_its_own(names, "hybridNodes", "node", "hybrid")


def _each_its_own(names: Sequence[str], setting: str, noun: str, stem: str) -> Iterator[Problem]:
    free = (name for number in count(1) if (name := f"{stem}-{number}") not in names)
    for index, name in enumerate(names):
        first = names.index(name)
        if first < index:
            path = f"{setting}[{index}].name"
            yield Problem(
                path=path,
                seen=name,
                wrong=f"is the name of {setting}[{first}] too",
                advice=f"Give each {noun} its own name",
                command=set_command(path, next(free)),
            )


def _labels_fit_the_user_data(settings: Settings) -> Iterator[Problem]:
    for index, node in enumerate(settings.hybrid_nodes):
        length = len("".join([*node.labels, *node.labels.values(), *node.taints]))
        if length > _MOST_LABEL_TEXT:
            path = f"hybridNodes[{index}]"
            yield Problem(
                path=f"{path}.labels",
                seen=dict(node.labels),
                wrong=f"has, with the taints, {length} characters",
                advice=f"{_MOST_LABEL_TEXT} fit into the user data of an instance; label the Node with kubectl instead",
                command=remove_command(f"{path}.labels"),
            )


def _largest(settings: Settings) -> str:
    return (
        "managedNodes.max with that of moreManagedNodes"
        if settings.more_managed_nodes
        else "managedNodes.max"
    )


def _every_node_gets_pod_addresses(settings: Settings) -> Iterator[Problem]:
    managed, hybrid = settings.most_managed_nodes, len(settings.hybrid_nodes)
    nodes, blocks = managed + hybrid, addressing.pod_blocks(settings.pod_cidr)
    if nodes > blocks:
        # A /16 has 1024 blocks, and each bit less of prefix twice as many.
        prefix = min(16, addressing.POD_BLOCK_PREFIX - (nodes - 1).bit_length())
        yield Problem(
            path="podCidr",
            seen=settings.pod_cidr,
            wrong=f"has {blocks} blocks of /26 for {nodes} nodes ({_largest(settings)} {managed} and {hybrid} hybrid)",
            advice="Each node needs a block; choose a larger range",
            command=set_command("podCidr", _room(settings, "podCidr", prefix)),
        )


def _managed_nodes_get_addresses(settings: Settings) -> Iterator[Problem]:
    if settings.network.vpc_id:
        return
    _, private = addressing.subnet_layout(settings.vpc_cidr, settings.availability_zones)
    room = sum(addressing.usable_addresses(each) - _CONTROL_PLANE_ADDRESSES for each in private)
    if settings.most_managed_nodes > room:
        more = settings.most_managed_nodes - settings.managed_nodes.max
        yield Problem(
            path="managedNodes.max",
            seen=settings.managed_nodes.max,
            wrong=f"nodes{f' and {more} of moreManagedNodes' if more else ''} do not fit the private subnets of"
            f" vpcCidr {settings.vpc_cidr}, which hold {room}"
            f" beside {_CONTROL_PLANE_ADDRESSES} addresses each for the control plane",
            advice="Choose fewer nodes or a larger VPC",
            command=set_command("managedNodes.max", room - more)
            if room > more
            else remove_command("moreManagedNodes"),
        )


def _hybrid_nodes_get_addresses(settings: Settings) -> Iterator[Problem]:
    if settings.site.is_own:
        return
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


def _site_overlaps_nothing(settings: Settings) -> Iterator[Problem]:
    ranges = settings.site.node_cidrs
    others = [(name, _range(settings, name)) for name in _networks(settings)]
    for index, cidr in enumerate(ranges):
        path = f"site.nodeCidrs[{index}]"
        earlier = [(f"site.nodeCidrs[{number}]", each) for number, each in enumerate(ranges[:index])]
        for name, other in [*others, *earlier]:
            if addressing.overlap(cidr, other):
                # The ranges of a data centre are as they are: what can move is the stack's.
                moves = name in _RANGES
                yield Problem(
                    path=path,
                    seen=cidr,
                    wrong=f"overlaps {name} {other}",
                    advice=f"Your ranges are as they are: move {name}" if moves else "Remove the smaller one",
                    command=set_command(name, _room(settings, name)) if moves else remove_command(path),
                )
                break


def _network_is_whole(settings: Settings) -> Iterator[Problem]:
    network = settings.network
    given = {
        "privateSubnetIds": network.private_subnet_ids,
        "publicSubnetIds": network.public_subnet_ids,
        "egressCidrs": network.egress_cidrs,
    }
    if network.vpc_id is None:
        name = next((name for name, value in given.items() if value), None)
        if name:
            yield Problem(
                path=f"network.{name}",
                seen=list(given[name]),
                wrong="is of a VPC that exists, and network.vpcId is not set",
                advice="Set the VPC",
                command=set_command("network.vpcId", EXAMPLE_VPC),
            )
        return
    wanted = {"privateSubnetIds": "for the control plane and the managed nodes"}
    if settings.sample_app:
        wanted["publicSubnetIds"] = "for the load balancer of sampleApp"
    for name, why in wanted.items():
        count = len(given[name])
        if count < _FEWEST_ZONES:
            path = f"network.{name}[{count}]"
            yield Problem(
                path=f"network.{name}",
                seen=list(given[name]),
                wrong=f"of network.vpcId {network.vpc_id} are fewer than two, {why}",
                advice="Name one in each of two or more zones",
                command=set_command(path, EXAMPLE_SUBNET.replace("{number}", str(count))),
            )
    both = [each for each in network.public_subnet_ids if each in network.private_subnet_ids]
    for subnet in both:
        path = f"network.publicSubnetIds[{network.public_subnet_ids.index(subnet)}]"
        yield Problem(
            path=path,
            seen=subnet,
            wrong="is one of network.privateSubnetIds too, and a subnet leads to the internet in one way",
            advice="Name it once",
            command=remove_command(path),
        )


def _one_way_leads_to_the_site(settings: Settings) -> Iterator[Problem]:
    site = settings.site
    ways = site.ways
    given = [name for name, value in ways.items() if value]
    if not site.is_own:
        others = {**ways, "httpsProxy": site.https_proxy, "noProxy": site.no_proxy}
        name = next((name for name, value in others.items() if value), None)
        if name:
            yield Problem(
                path=f"site.{name}",
                seen=others[name],
                wrong="is for a data centre of your own, and site.nodeCidrs is not set",
                advice="Set the ranges that your machines have their addresses in",
                command=set_command("site.nodeCidrs[0]", EXAMPLE_SITE),
            )
        return
    if not given:
        yield Problem(
            path="site.nodeCidrs",
            seen=list(site.node_cidrs),
            wrong="have no way that leads to them",
            advice="Set one of "
            + ", ".join(f"site.{name}" for name in ways if name != "routes")
            + ", or, where you make the routes yourself, site.routes none",
            command=set_command("site.routes", "none"),
        )
    for name in given[1:]:
        yield Problem(
            path=f"site.{name}",
            seen=ways[name],
            wrong=f"is a second way beside site.{given[0]}",
            advice="One of them leads to the ranges; remove the other",
            command=remove_command(f"site.{name}"),
        )
    if site.no_proxy and not site.https_proxy:
        yield Problem(
            path="site.noProxy",
            seen=site.no_proxy,
            wrong="has no site.httpsProxy to be an exception from",
            advice="Remove it, or set the proxy",
            command=remove_command("site.noProxy"),
        )


def _machines_are_where_the_site_is(settings: Settings) -> Iterator[Problem]:
    ranges, seen = settings.site.node_cidrs, dict[str, int]()
    for index, node in enumerate(settings.hybrid_nodes):
        path = f"hybridNodes[{index}]"
        yield from _fits_its_kind(settings, node, path)
        if node.address is None or not ranges:
            continue
        if not addressing.lies_within(f"{node.address}/32", ranges):
            yield Problem(
                path=f"{path}.address",
                seen=node.address,
                wrong=f"is outside site.nodeCidrs {', '.join(ranges)}, and nodeadm init refuses such a node",
                advice="Write the machine's own address, or add its range",
                command=set_command(f"site.nodeCidrs[{len(ranges)}]", _range_of(settings, node.address)),
            )
        elif node.address in seen:
            taken = {each.address for each in settings.hybrid_nodes}
            yield Problem(
                path=f"{path}.address",
                seen=node.address,
                wrong=f"is the address of hybridNodes[{seen[node.address]}] too",
                advice="Each machine has its own",
                command=set_command(f"{path}.address", addressing.free_address(ranges, taken)),
            )
        seen.setdefault(node.address, index)


def _range_of(settings: Settings, address: str) -> str:
    """Find a range for one more machine: its /24 where that is free, else itself alone."""
    wide = str(addressing.around(address, 24))
    taken = [*settings.site.node_cidrs, *(_range(settings, name) for name in _networks(settings))]
    free = not any(addressing.overlap(wide, each) for each in [*taken, DOCKER_BRIDGE])
    return wide if free else f"{address}/32"


def _fits_its_kind(settings: Settings, node: HybridNode, path: str) -> Iterator[Problem]:
    """Tell a machine of one's own from an instance, whose settings are others."""
    if settings.site.is_own and node.address is None:
        taken = {each.address for each in settings.hybrid_nodes}
        yield Problem(
            path=path,
            seen=node.name,
            wrong="has no address, and a site of your own has no instances",
            advice="Set the address that the machine has",
            command=set_command(f"{path}.address", addressing.free_address(settings.site.node_cidrs, taken)),
        )
    if node.address is None:
        given = {"architecture": node.own_architecture}
    elif not settings.site.is_own:
        given = {"address": node.address}
    else:
        # What is for an instance would do nothing.
        words = {"instance_type": "instanceType", "disk_gib": "diskGiB"}
        given = {word: getattr(node, name) for name, word in words.items() if name in node.model_fields_set}
    for name, value in given.items():
        if value is None:
            continue
        why = {
            "architecture": "is for a machine of your own; that of an instance follows from its instanceType",
            "address": "is for a machine of your own, and this stack has no site.nodeCidrs",
        }.get(name, "is for an instance, and this node has an address: it is a machine of your own")
        yield Problem(
            path=f"{path}.{name}",
            seen=value,
            wrong=why,
            advice="Remove it" if name != "address" else "Remove it, or set site.nodeCidrs",
            command=remove_command(f"{path}.{name}"),
        )


_CHECKS: Final[tuple[tuple[tuple[str, ...], Callable[[Settings], Iterator[Problem]]], ...]] = (
    *(
        # Whether there is a VPC on premises depends on the site, and one of the stack's own on the network.
        (
            (
                first,
                second,
                *(["site"] if _PLAYED in (first, second) else []),
                *(["network"] if _MADE in (first, second) else []),
            ),
            _overlaps(first, second),
        )
        for first, second in combinations(_RANGES, 2)
    ),
    (("kubernetesVersion", "calicoVersion"), _versions_fit),
    (("calicoVersion", "calicoManifestSha256"), _release_has_a_digest),
    (("calicoVersion", "calicoManifest", "calicoManifestSha256"), _digest_has_a_manifest),
    (("calicoVersion", "calicoManifestSha256"), _digest_is_of_no_other_release),
    (("nodeadmVersion", "nodeadmSha256", "hybridNodes"), _nodeadm_digests_fit),
    (("aws:assumeRoles",), _a_role_from_a_role_lasts_an_hour),
    (("webhookPorts", "sampleNodePort", "sampleApp"), _webhook_ports_are_free),
    (("albCertificateArn", "aws:region", "aws:allowedAccountIds"), _certificate_is_of_this_stack),
    (("albCertificateArn", "albAllowedCidrs"), _clients_fit_the_group),
    (("permissionsBoundaryArn", "aws:region", "aws:allowedAccountIds"), _boundary_is_of_this_stack),
    (("managedNodes", "moreManagedNodes"), _group_size_is_in_order),
    (("managedNodes", "moreManagedNodes"), _images_are_built),
    (("managedNodes",), _the_first_group_lets_pods_in),
    (("moreManagedNodes",), _groups_differ),
    (("hybridNodes",), _names_differ),
    (("hybridNodes",), _labels_fit_the_user_data),
    (("podCidr", "managedNodes", "moreManagedNodes", "hybridNodes"), _every_node_gets_pod_addresses),
    (
        ("vpcCidr", "availabilityZones", "managedNodes", "moreManagedNodes", "network"),
        _managed_nodes_get_addresses,
    ),
    (("onPremVpcCidr", "hybridNodes", "site"), _hybrid_nodes_get_addresses),
    ((*_RANGES, "site", "network"), _site_overlaps_nothing),
    (("network", "sampleApp"), _network_is_whole),
    (("site",), _one_way_leads_to_the_site),
    (("site", "hybridNodes"), _machines_are_where_the_site_is),
)
