"""What the settings ask of the components, in groups: what one component takes together. Pure.

`settings` makes these, `__main__` hands them on, and nothing here has a default: those are the settings' own.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.credentials import Identity
from infra.instances import Architecture


@dataclass(frozen=True, kw_only=True)
class AccountShape:
    """Where the stack is built and who signs in.

    `zones` is how many availability zones the control plane is in; `default_tags` are those of `aws:defaultTags`.
    """

    identity: Identity
    zones: int
    default_tags: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class CalicoSource:
    """Where Calico's manifest comes from: an address, the path of a file, or None for the release's own address."""

    version: str
    manifest: str | None
    sha256: str | None


@dataclass(frozen=True, kw_only=True)
class PodNetwork:
    """The overlay: the range of the pods' addresses, and their MTU in bytes, 0 where Calico finds it."""

    cidr: str
    mtu: int


@dataclass(frozen=True, kw_only=True)
class AlbShape:
    """The door of the sample app: who may call the load balancer, and the port that each node answers on.

    `certificate_arn` makes it answer https, and redirect http. `host_name` is a name of the user's that leads to it.
    """

    allowed_cidrs: Sequence[str]
    node_port: int
    certificate_arn: str | None = None
    host_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class NetworksShape:
    """The ranges of both networks and of what lies over them, and what the firewall opens beside the fixed flows.

    `on_prem_vpc_cidr` counts where the stack plays the data centre. `operating_systems` are those of the hybrid nodes,
    `webhook_ports` what the control plane calls on the nodes.
    """

    vpc_cidr: str
    on_prem_vpc_cidr: str
    pods: PodNetwork
    service_cidr: str
    alb: AlbShape
    operating_systems: Sequence[str]
    webhook_ports: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ControlPlaneShape:
    """The EKS cluster: `allowed_cidrs` may reach the API's public endpoint.

    `log_types` are EKS's names of control-plane logs; none is sent when it is empty. `support_type` is EKS's word for
    what happens when the version leaves standard support: STANDARD upgrades by itself, EXTENDED keeps it at six times
    the price.
    """

    cluster_name: str
    kubernetes_version: str
    support_type: str
    service_cidr: str
    allowed_cidrs: Sequence[str]
    log_types: Sequence[str]


class HybridNodeSpec(Protocol):
    """What one hybrid node is."""

    @property
    def name(self) -> str:
        """A DNS label, unique in the stack."""
        ...

    @property
    def os(self) -> str:
        """An operating system of the image table."""
        ...

    @property
    def instance_type(self) -> str:
        """An EC2 instance type."""
        ...

    @property
    def architecture(self) -> Architecture:
        """The architecture of the instance type."""
        ...

    @property
    def disk_gib(self) -> int:
        """Size of the root volume in GiB."""
        ...

    @property
    def address(self) -> str | None:
        """The address of a machine of one's own; None makes an instance."""
        ...


@dataclass(frozen=True, kw_only=True)
class HybridNodesShape:
    """All hybrid nodes; `nodeadm_sha256` maps an architecture to the pinned digest of nodeadm.

    `activation_hours` is how long a new activation admits its machine.
    """

    nodes: Sequence[HybridNodeSpec]
    nodeadm_version: str
    nodeadm_sha256: Mapping[str, str | None]
    activation_hours: int
