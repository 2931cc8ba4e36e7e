"""How long things typically take to be created. Estimates, unless a file of measured durations says better.

Where a source is named, it is a public log of the same resource under the same AWS provider (Pulumi's is built
from Terraform's, and polls as it does). Everything that is not in the table answers in one call.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ops.clients.durations import Measured


@dataclass(frozen=True, kw_only=True)
class Duration:
    """Seconds: a quick day, a usual one, a slow one."""

    low: int
    typical: int
    high: int
    source: str


_LOGS = "applied in public Terraform logs"
ONE_CALL = Duration(low=1, typical=2, high=5, source="one API call")
TYPICAL: Mapping[str, Duration] = {
    # 9m43s and 10m06s for the control plane alone; 748 s for pulumi_eks with role and add-on.
    "eks:index:Cluster": Duration(
        low=510,
        typical=620,
        high=900,
        source="terraform-aws-eks #2203 and #3218, pulumi-eks #1819",
    ),
    # One node boots inside it: 1m48s, 1m59s, 2m48s.
    "aws:eks/nodeGroup:NodeGroup": Duration(
        low=100, typical=120, high=210, source="DevopsArtFactory/terraform-provisioning #46"
    ),
    # 14 to 56 s with a node that is Ready; 20 minutes and a failure without (terraform-aws-eks #3001).
    "aws:eks/addon:Addon": Duration(low=14, typical=20, high=60, source=_LOGS),
    "aws:ec2/natGateway:NatGateway": Duration(low=85, typical=105, high=150, source=_LOGS),
    "aws:lb/loadBalancer:LoadBalancer": Duration(low=135, typical=160, high=240, source=_LOGS),
    # Turning on DNS host names is a second call, which is waited for.
    "aws:ec2/vpc:Vpc": Duration(
        low=11, typical=13, high=22, source="DevopsArtFactory/terraform-provisioning #7"
    ),
    # Until EC2 says "running"; the boot comes after.
    "aws:ec2/instance:Instance": Duration(low=12, typical=15, high=40, source=_LOGS),
    "kubernetes:yaml/v2:ConfigGroup": Duration(
        low=5, typical=15, high=40, source="40 objects, a few at a time; not awaited"
    ),
    # Pods are placed, images are pulled, probes pass.
    "kubernetes:apps/v1:Deployment": Duration(
        low=10, typical=25, high=60, source="image pull and first probe"
    ),
}
# Not a resource: EC2 calls an instance running long before it is a node. Awaited Deployments feel the difference.
JOINS = "hybrid node joins"
# From "running" to a Ready node: cloud-init, packages, nodeadm install, SSM registration, kubelet, Calico's images.
HYBRID_NODE_JOINS = Duration(
    low=110,
    typical=180,
    high=420,
    source="assumed, no public log was found",
)
NOTHING_MEASURED: Mapping[str, Measured] = MappingProxyType({})


def duration_of(kind: str, measured: Mapping[str, Measured] = NOTHING_MEASURED) -> Duration:
    """The duration of a resource's creation by its type token, or of what happens in a hybrid node (`JOINS`)."""
    found = measured.get(kind)
    if found is not None:
        return Duration(low=found.low, typical=found.typical, high=found.high, source="measured")
    return HYBRID_NODE_JOINS if kind == JOINS else TYPICAL.get(kind, ONE_CALL)
