"""Which settings cannot change on a stack that is up, why, and the way out.

Pure: no pulumi package is imported here. docs/changes.md says what a change of every other setting does.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, Literal

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

# What is no setting of this project's: Pulumi's own, and who signs in.
_OUTSIDE: Final = ("region", "account_id")

# What else is remembered, because only some changes of it are possible.
REMEMBERED: Final = (*FIXED, "kubernetesVersion", "calicoVersion")


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One change that cannot be made: `setting` as the keys above, `reason` in full sentences.

    The first word of `reason` is the setting; `text` puts its namespace before it, the project's name.
    """

    setting: str
    reason: str

    def text(self, project: str) -> str:
        """Give the reason with the setting's full name."""
        own = self.setting not in _OUTSIDE
        return f"{project}:{self.reason}" if own else self.reason


def refusals(
    old: Mapping[str, Any], new: Mapping[str, Any], version_of_cluster: Callable[[], str | None]
) -> Iterator[Refusal]:
    """Say which changes from `old` to `new` cannot be made.

    Args:
        old: what the stack was last told to be, by the keys of `REMEMBERED`; keys that are missing are not judged,
            and on a stack that remembers nothing everything is possible.
        new: what it is told to be now.
        version_of_cluster: asked at most once, and only when it matters: the Kubernetes version that the control
            plane of `old` has in truth; None when there is none.

    """
    changed = [key for key in REMEMBERED if _has_changed(key, old, new)]
    for key in changed:
        if key in FIXED and FIXED[key].since == "networks":
            yield _fixed(key, old.get(key), new.get(key))
    later = [key for key in changed if key not in FIXED or FIXED[key].since == "cluster"]
    if not later:
        return
    version = version_of_cluster()
    if version is None:
        return
    for key in later:
        if key in FIXED:
            yield _fixed(key, old.get(key), new.get(key))
        elif key == "kubernetesVersion":
            # By what EKS has: after an upgrade that failed, what was asked for last is not what there is.
            yield from _kubernetes(version, new[key])
        else:
            yield from _calico(old[key], new[key])


def _has_changed(key: str, old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Compare what both know. Of a site only the kind is fixed; a site of one's own has no VPC on premises."""
    if key == "site":
        # A release that knew no site remembers the range of the VPC that plays one.
        return bool(old) and _is_own(old) != _is_own(new)
    if key == "onPremVpcCidr" and _is_own(old):
        return False
    return key in old and old[key] != new[key]


def _is_own(values: Mapping[str, Any]) -> bool:
    return bool(values.get("site", {}).get("nodeCidrs"))


def _kind(site: Any) -> str:
    ranges = (site or {}).get("nodeCidrs")
    return f"a site of your own ({', '.join(ranges)})" if ranges else "the VPC of this stack that plays one"


def _fixed(key: str, old: object, new: object) -> Refusal:
    fixed = FIXED[key]
    if key == "site":
        ranges = (old or {}).get("nodeCidrs") if isinstance(old, Mapping) else None
        back = (
            f"pulumi config set --path 'site.nodeCidrs[0]' {ranges[0]}" if ranges else "pulumi config rm site"
        )
        return Refusal(
            setting=key,
            reason=f"site cannot change from {_kind(old)} to {_kind(new)} while this stack is up: "
            f"{fixed.why}. Keep it: {back}. To change it all the same, {_DESTROY}, or {_BESIDE}.",
        )
    again = f"Sign in to account {old} again"
    keep = again if key == "account_id" else f"Keep it: pulumi config set {fixed.key} {old}"
    return Refusal(
        setting=key,
        reason=f"{fixed.key} cannot change from {old} to {new} while this stack is up: {fixed.why}. {keep}. "
        f"To change it all the same, {_DESTROY}, or {_BESIDE}.",
    )


def _kubernetes(present: str, new: str) -> Iterator[Refusal]:
    step = _minor(new) - _minor(present)
    if step in (0, 1):
        return
    name = f"kubernetesVersion cannot change from {present} to {new}"
    if step < 0:
        reason = (
            f"{name}: EKS takes no Kubernetes version back. Keep it: pulumi config set kubernetesVersion {present}. "
            f"To have {new}, {_BESIDE}, or {_DESTROY}."
        )
    else:
        following = f"1.{_minor(present) + 1}"
        reason = (
            f"{name} in one step: EKS upgrades one minor version at a time. First "
            f"pulumi config set kubernetesVersion {following}, then pulumi up, then go on to {new} in the same way."
        )
    yield Refusal(setting="kubernetesVersion", reason=reason)


def _minor(version: str) -> int:
    return int(version.split(".")[1])


def _calico(old: str, new: str) -> Iterator[Refusal]:
    if [int(part) for part in new.split(".")] < [int(part) for part in old.split(".")]:
        yield Refusal(
            setting="calicoVersion",
            reason=f"calicoVersion cannot change from {old} to {new}: the Calico project describes upgrades "
            "only, and an older release may not understand what a newer one has written. Keep it: "
            f"pulumi config set calicoVersion {old}. To have {new}, {_BESIDE}, or {_DESTROY}.",
        )
