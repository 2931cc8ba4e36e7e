"""What the settings ask of the components, in groups: what one component takes together. Pure.

`settings` makes these, and `__main__` hands them on.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from infra.credentials import Identity
from infra.instances import Architecture

# A kind of EKS's images of Amazon Linux 2023: those with drivers for GPUs and for AWS's own accelerators.
Ami = Literal["standard", "nvidia", "neuron"]


@dataclass(frozen=True, kw_only=True)
class AccountSettings:
    """Where the stack is built and who signs in.

    `zones` is how many availability zones the control plane is in; `default_tags` are those of `aws:defaultTags`.
    `permissions_boundary` is the ARN of a policy that limits every role, None where there is none.
    """

    identity: Identity
    zones: int
    default_tags: Mapping[str, str]
    permissions_boundary: str | None


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
class Alb:
    """The door of the sample app: who may call the load balancer, and the port that each node answers on.

    `certificate_arn` makes it answer https, and redirect http. `host_name` is a name of the user's that leads to it.
    """

    allowed_cidrs: Sequence[str]
    node_port: int
    certificate_arn: str | None = None
    host_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ExistingVpc:
    """A VPC that was there before the stack. `egress_cidrs` are public ranges that its machines are known by."""

    vpc_id: str
    private_subnet_ids: Sequence[str]
    public_subnet_ids: Sequence[str]
    egress_cidrs: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """The ranges of both networks and of what lies over them.

    `vpc_cidr` counts where there is no `existing` VPC, `on_prem_vpc_cidr` where the stack plays the data centre.
    `api_allowed_cidrs` may reach the API.
    """

    existing: ExistingVpc | None
    vpc_cidr: str
    on_prem_vpc_cidr: str
    pods: PodNetwork
    service_cidr: str
    api_allowed_cidrs: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Opened:
    """What the firewall opens beside the fixed flows.

    `alb` is None where there is no sample app. `operating_systems` are those of the hybrid nodes, `webhook_ports` what
    the control plane calls on the nodes.
    """

    alb: Alb | None
    operating_systems: Sequence[str]
    webhook_ports: Sequence[int]


@dataclass(frozen=True, kw_only=True)
class ControlPlaneSettings:
    """The EKS cluster: `allowed_cidrs` may reach the API's public endpoint.

    `log_types` are EKS's names of control-plane logs; none is sent when it is empty. `support_type` is EKS's word for
    what happens when the version leaves standard support: STANDARD upgrades by itself, EXTENDED keeps it at six times
    the price. `admins` are ARNs of IAM roles and users.
    """

    cluster_name: str
    kubernetes_version: str
    support_type: str
    service_cidr: str
    allowed_cidrs: Sequence[str]
    log_types: Sequence[str]
    admins: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class ManagedGroup:
    """A managed node group. `instance_types` are of one architecture; EKS takes the first that is to be had.

    The first group of a stack has no `name`. `taints` are KEY=VALUE:EFFECT, as the kubelet takes them.
    """

    name: str
    ami: Ami
    labels: Mapping[str, str]
    taints: Sequence[str]
    instance_types: Sequence[str]
    architecture: Architecture
    min: int
    max: int
    desired: int
    spot: bool
    disk_gib: int


@dataclass(frozen=True, kw_only=True)
class HybridNodeSettings:
    """What one hybrid node is. `name` is a DNS label, `os` a row of infra/systems.py.

    `address` is that of a machine of one's own; None makes an instance of `instance_type`. `zone` is the place, for the
    scheduler; `labels` stand beside the program's own, `taints` are KEY=VALUE:EFFECT, as the kubelet takes them.
    """

    name: str
    os: str
    instance_type: str
    architecture: Architecture
    disk_gib: int
    address: str | None
    zone: str
    labels: Mapping[str, str]
    taints: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Nodeadm:
    """The release of nodeadm; `sha256` is its pinned digest by architecture, None to trust the one beside it."""

    version: str
    sha256: Mapping[str, str | None]


@dataclass(frozen=True, kw_only=True)
class OwnSite:
    """A data centre of one's own; without ranges there is none.

    One of the gateways leads there, or neither: then somebody else makes the routes. `no_proxy` is what its machines
    reach without the proxy, separated by commas.
    """

    node_cidrs: Sequence[str]
    transit_gateway_id: str | None
    vpn_gateway_id: str | None
    https_proxy: str | None
    no_proxy: str | None
