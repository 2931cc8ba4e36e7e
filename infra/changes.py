"""Which settings cannot change on a stack that is up, why, and the way out.

Pure: no pulumi package is imported here. docs/changes.md says what a change of every other setting does.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType
from typing import Any, Final, Literal, Self

from infra import versions

_DESTROY: Final = "destroy this stack first (pulumi destroy, then pulumi up)"
_BESIDE: Final = "build a second stack beside it (pulumi stack init NAME, with a clusterName of its own)"


@dataclass(frozen=True, kw_only=True)
class Fixed:
    """A setting that never changes.

    `since` says from when on: from the first `pulumi up` ("networks"), or from when the stack has a control plane
    ("cluster"). A first `pulumi up` that failed before may so be repeated with other values of the second kind.
    """

    key: str
    since: Literal["networks", "cluster"]
    why: str


FIXED: Final = MappingProxyType(
    {
        "region": Fixed(
            key="aws:region",
            since="networks",
            why="everything would be built anew in the other region, and what there is could not be found any more",
        ),
        "account_id": Fixed(
            key="the AWS account",
            since="networks",
            why="the credentials in use (aws:profile, or the environment) belong to an account that has nothing of "
            "this stack",
        ),
        "network": Fixed(
            key="network",
            since="networks",
            why="a control plane and its load balancer never leave their VPC and their zones",
        ),
        "vpcCidr": Fixed(
            key="vpcCidr",
            since="networks",
            why="a control plane never leaves its VPC, and a VPC does not change its network",
        ),
        "onPremVpcCidr": Fixed(
            key="onPremVpcCidr",
            since="networks",
            why="a VPC does not change its network, and every hybrid node has its address in it",
        ),
        "site": Fixed(
            key="site",
            since="networks",
            why="the hybrid nodes of one kind of site are instances, those of the other are machines of your own, and "
            "no node moves from the one to the other",
        ),
        "availabilityZones": Fixed(
            key="availabilityZones",
            since="networks",
            why="a control plane keeps the zones that it was made with (EKS refuses subnets in others), and the "
            "managed nodes and the load balancer stand in the same ones",
        ),
        "clusterName": Fixed(
            key="clusterName",
            since="cluster",
            why="an EKS cluster cannot be renamed: a new one would be built, and all nodes and workloads with it",
        ),
        "podCidr": Fixed(
            key="podCidr",
            since="cluster",
            why="Calico reads it once, when the first node starts, and running pods keep their addresses",
        ),
        "serviceCidr": Fixed(
            key="serviceCidr",
            since="cluster",
            why="EKS sets it once: a new control plane would be built, and everything in the old one would be lost",
        ),
    }
)

# What a release chooses where the stack sets nothing. A newer release may choose something else, but a stack that is
# up keeps what it has until somebody says otherwise.
DEFAULTED: Final = ("kubernetesVersion", "supportType", "calicoVersion", "nodeadmVersion", "podMtu")

# What else is remembered, because only some changes of it are possible.
REMEMBERED: Final = (*FIXED, *DEFAULTED, "clusterAdmins", "release")

# Releases before 0.2 had these defaults and did not remember them. The pods of a site of one's own had 1390.
_BEFORE_0_2: Final = MappingProxyType({"calicoVersion": "3.32.1", "nodeadmVersion": "v1.0.20"})
_OWN_SITE_POD_MTU_BEFORE_0_2: Final = "1390"


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """What EKS has: the Kubernetes minor version, STANDARD or EXTENDED.

    Empty where nobody said: the id of its VPC, and the ranges of its hybrid nodes.
    """

    version: str
    support_type: str
    vpc_id: str = ""
    node_cidrs: tuple[str, ...] = ()

    @classmethod
    def described(cls, cluster: Mapping[str, Any]) -> Self:
        """Read the answer of DescribeCluster; what was never said about support is EXTENDED.

        https://docs.aws.amazon.com/eks/latest/userguide/view-upgrade-policy.html
        """
        policy, remote = (cluster.get(key) or {} for key in ("upgradePolicy", "remoteNetworkConfig"))
        return cls(
            version=cluster["version"],
            support_type=policy.get("supportType", "EXTENDED"),
            vpc_id=(cluster.get("resourcesVpcConfig") or {}).get("vpcId", ""),
            node_cidrs=tuple(
                cidr for network in remote.get("remoteNodeNetworks", ()) for cidr in network["cidrs"]
            ),
        )


class NoAnswerError(Exception):
    """EKS could not be asked; the text is AWS's."""


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One change that cannot be made: `setting` as the keys above; the rest are parts of sentences.

    Where `what` begins with the setting, `text` puts its namespace before it, the project's name.
    """

    setting: str
    what: str
    why: str
    fix: str

    @property
    def reason(self) -> str:
        """All of it, in full sentences."""
        return f"{self.what}: {self.why}. {self.fix}."

    def text(self, project: str) -> str:
        """Give the reason with the setting's full name."""
        return f"{project}:{self.reason}" if self.what.startswith(self.setting) else self.reason


def refusals(
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    control_plane: Callable[[], ControlPlane | None],
    *,
    unset: Collection[str] = (),
    today: date,
) -> Iterator[Refusal]:
    """Say which changes from `old` to `new` cannot be made.

    Args:
        old: what the stack was last told to be, by the keys of `REMEMBERED`. Empty on a stack that remembers nothing:
            then only what EKS has is judged, and what earlier releases chose.
        new: what it is told to be now.
        control_plane: asked at most once: what the control plane of `old` has in truth; None when there is none.
        unset: those of `DEFAULTED` that the stack leaves to the release.
        today: decides whether a Kubernetes version is in extended support.

    """
    newer = _newer_release(old.get("release", ""), new["release"])
    if newer:
        yield newer
        return
    changed = [key for key in FIXED if _has_changed(key, old, new)]
    for key in changed:
        if FIXED[key].since == "networks":
            yield _fixed(key, old.get(key), new.get(key))
    present = control_plane()
    if present is None:
        return
    if not old:
        yield from _without_memory(present, new)
    for key in changed:
        if FIXED[key].since == "cluster":
            yield _fixed(key, old.get(key), new.get(key))
    yield from control_plane_refusals(present, old, new, unset=unset, today=today)
    if "calicoVersion" not in unset:
        yield from _calico(old.get("calicoVersion"), new["calicoVersion"])
    has = {**_BEFORE_0_2, "podMtu": _OWN_SITE_POD_MTU_BEFORE_0_2 if _is_own(old) else "0", **old}
    for key in ("calicoVersion", "nodeadmVersion", "podMtu"):
        if key in unset and has[key] != new[key]:
            yield _left_to_the_release(key, has[key], new[key])


def _without_memory(present: ControlPlane, new: Mapping[str, Any]) -> Iterator[Refusal]:
    """What remembers nothing is of a release that knew no VPC but its own, and no data centre of one's own."""
    if present.vpc_id and _place(new)[0] not in ("", present.vpc_id):
        yield _fixed("network", None, new["network"])
    if present.node_cidrs and _is_own(new) and not {*present.node_cidrs} & {*new["site"]["nodeCidrs"]}:
        yield _fixed("site", None, new["site"])


def control_plane_refusals(
    present: ControlPlane,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    *,
    unset: Collection[str],
    today: date,
) -> Iterator[Refusal]:
    """Say what of `new` EKS would refuse, or would do although nobody asked for it. `old` as in `refusals`."""
    yield from _kubernetes(present, old, new, unset)
    yield from _support(present, new["supportType"], "supportType" in unset, today)


def refused_admins(admins: Sequence[str], has_entry: Callable[[str], bool]) -> Iterator[Refusal]:
    """Say which of `clusterAdmins` EKS would not take: those that have an access entry which is not the stack's."""
    for index, arn in enumerate(admins):
        if has_entry(arn):
            yield Refusal(
                setting="clusterAdmins",
                what=f"clusterAdmins[{index}] {arn} has an access entry already, or gets one from EKS",
                why="whoever makes the cluster is its administrator without being named, and EKS takes no second entry",
                fix=f"Take it out: pulumi config rm --path 'clusterAdmins[{index}]'. If somebody made the entry by "
                "hand: aws eks delete-access-entry",
            )


def minor(version: str) -> int:
    """The 36 of 1.36."""
    return int(version.split(".")[1])


def _newer_release(remembered: str, own: str) -> Refusal | None:
    if not remembered or _numbers(remembered) <= _numbers(own):
        return None
    return Refusal(
        setting="release",
        what=f"This stack was last changed by release {remembered} of this program, and this is {own}",
        why="an older release would take back what a newer one has made",
        fix=f"Use release {remembered} or a newer one (git pull, or git checkout v{remembered})",
    )


def _numbers(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]


def _has_changed(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Compare what both know: of a site the kind only, and ranges only of VPCs that the stack has."""
    if key == "site":
        # A release that knew no site remembers the range of the VPC that plays one.
        return bool(old) and _is_own(old) != _is_own(new)
    if key == "network":
        # So does one that knew no VPC that exists.
        return bool(old) and _moves(_place(old), _place(new))
    if key in ("vpcCidr", "availabilityZones") and _place(old)[0]:
        return False
    if key == "onPremVpcCidr" and _is_own(old):
        return False
    return key in old and old[key] != new[key]


def _is_own(values: Mapping[str, Any]) -> bool:
    return bool(values.get("site", {}).get("nodeCidrs"))


def _place(values: Mapping[str, Any]) -> tuple[str, list[str], list[str]]:
    """Give the id of a VPC that exists, and its private and public subnets; nothing where the stack makes one."""
    network = values.get("network") or {}
    private, public = (sorted(network.get(key, ())) for key in ("privateSubnetIds", "publicSubnetIds"))
    return network.get("vpcId") or "", private, public


def _moves(old: tuple[str, list[str], list[str]], new: tuple[str, list[str], list[str]]) -> bool:
    """Whether something would stand elsewhere. Without public subnets there was no load balancer, or will be none."""
    return old[:2] != new[:2] or bool(old[2] and new[2] and old[2] != new[2])


def _where(network: object) -> str:
    vpc, private, public = _place({"network": network})
    return f"{vpc} ({', '.join([*private, *public])})" if vpc else "the VPC of this stack"


def _kind(site: Any) -> str:
    ranges = (site or {}).get("nodeCidrs")
    return f"a site of your own ({', '.join(ranges)})" if ranges else "the VPC of this stack that plays one"


def _set(key: str, value: object) -> str:
    return f"pulumi config set {key} {value}"


def _fixed(key: str, old: object, new: object) -> Refusal:
    fixed = FIXED[key]
    if key == "site":
        ranges = (old or {}).get("nodeCidrs") if isinstance(old, Mapping) else None
        back = (
            f"pulumi config set --path 'site.nodeCidrs[0]' {ranges[0]}" if ranges else "pulumi config rm site"
        )
        change = f"site cannot change from {_kind(old)} to {_kind(new)}"
        keep = f"Keep it: {back}"
    elif key == "network":
        vpc, *_ = _place({"network": old})
        keep = "Keep it: " + (f"name {_where(old)} again" if vpc else "pulumi config rm network")
        change = f"network cannot change from {_where(old)} to {_where(new)}"
    else:
        again = f"Sign in to account {old} again"
        keep = again if key == "account_id" else f"Keep it: {_set(fixed.key, old)}"
        change = f"{fixed.key} cannot change from {old} to {new}"
    return Refusal(
        setting=key,
        what=f"{change} while this stack is up",
        why=fixed.why,
        fix=f"{keep}. To change it all the same, {_DESTROY}, or {_BESIDE}",
    )


def _left_to_the_release(key: str, has: str, default: str, step: str = "") -> Refusal:
    """Refuse a default that would change a stack that is up. `step` is the next value where more than one is needed."""
    return Refusal(
        setting=key,
        what=f"{key} is not set, and this release's default {default} is not what this stack has, {has}",
        why="a stack that is up changes only when somebody says so",
        fix=f"To keep what it has: {_set(key, has)}. To change it: {_set(key, step or default)}",
    )


def _kubernetes(
    present: ControlPlane, old: Mapping[str, Any], new: Mapping[str, Any], unset: Collection[str]
) -> Iterator[Refusal]:
    has, wanted, remembered = present.version, new["kubernetesVersion"], old.get("kubernetesVersion")
    if wanted == has:
        return
    step = minor(wanted) - minor(has)
    following = f"1.{minor(has) + 1}"
    name = "kubernetesVersion"
    if (step < 0 and remembered is None) or (remembered is not None and minor(has) > minor(remembered)):
        # After an upgrade that failed it is the other way round: the stack remembers more than EKS has.
        yield Refusal(
            setting="kubernetesVersion",
            what=f"EKS has Kubernetes {has}, and {name} says {wanted}",
            why="EKS has upgraded the control plane by itself (supportType STANDARD, at the end of standard support), "
            "or somebody else did, and it takes no version back",
            fix=f"{_set('kubernetesVersion', has)}, then pulumi refresh, then make up: it brings the nodes and the "
            "add-ons after it",
        )
    elif step < 0:
        yield Refusal(
            setting="kubernetesVersion",
            what=f"{name} cannot change from {has} to {wanted}",
            why="EKS takes no Kubernetes version back",
            fix=f"Keep it: {_set('kubernetesVersion', has)}. To have {wanted}, {_BESIDE}, or {_DESTROY}",
        )
    elif "kubernetesVersion" in unset:
        yield _left_to_the_release("kubernetesVersion", has, wanted, following)
    elif step > 1:
        yield Refusal(
            setting="kubernetesVersion",
            what=f"{name} cannot change from {has} to {wanted} in one step",
            why="EKS upgrades one minor version at a time",
            fix=f"First {_set('kubernetesVersion', following)}, then pulumi up, then go on to {wanted} in the same way",
        )
    else:
        yield from _calico_goes_first(has, wanted, old.get("calicoVersion"))


def _calico_goes_first(has: str, wanted: str, calico: str | None) -> Iterator[Refusal]:
    line = versions.CALICO_LINES.get(calico.rpartition(".")[0]) if calico else None
    if line and wanted not in line.kubernetes:
        yield Refusal(
            setting="kubernetesVersion",
            what=f"kubernetesVersion cannot change from {has} to {wanted} while the stack runs Calico "
            f"{calico}",
            why=f"its project tests it with {', '.join(line.kubernetes)}, and the control plane is upgraded first",
            fix=f"Calico first: {_set('kubernetesVersion', has)}, make up, then {_set('kubernetesVersion', wanted)} "
            "and make up again (docs/upgrade.md)",
        )


def _support(present: ControlPlane, wanted: str, unset: bool, today: date) -> Iterator[Refusal]:
    if wanted == present.support_type:
        return
    ended = versions.STANDARD_SUPPORT_ENDS.get(present.version, date.max)
    if wanted == "STANDARD" and today > ended:
        yield Refusal(
            setting="supportType",
            what=f"supportType cannot change from {present.support_type} to {wanted}",
            why=f"Kubernetes {present.version} left standard support on {ended}, and EKS takes STANDARD only for a "
            "version that is in it",
            fix=f"Keep it: {_set('supportType', present.support_type)}. Or upgrade Kubernetes until its version is in "
            f"standard support, then {_set('supportType', wanted)}",
        )
    elif unset:
        yield _left_to_the_release("supportType", present.support_type, wanted)


def _calico(old: str | None, new: str) -> Iterator[Refusal]:
    if old is not None and _numbers(new) < _numbers(old):
        yield Refusal(
            setting="calicoVersion",
            what=f"calicoVersion cannot change from {old} to {new}",
            why="the Calico project describes upgrades only, and an older release may not understand what a newer one "
            "has written",
            fix=f"Keep it: {_set('calicoVersion', old)}. To have {new}, {_BESIDE}, or {_DESTROY}",
        )
