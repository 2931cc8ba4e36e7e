"""The settings themselves: names, types, defaults, and what each value must be on its own.

The same names, types and defaults stand in the schema of Pulumi.yaml, which the Pulumi CLI applies; a test keeps
the two equal. What concerns two settings at once is in `settings.checks`. A field's description completes
the sentence "VALUE is not ..."; a text at the top has none, because Pulumi passes nothing but text there.
"""

from typing import Annotated, Any, get_args

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from infra import addressing, changes, instances, names, shapes, versions
from infra.credentials import SESSION_NAME, Identity
from infra.systems import DEFAULT_SYSTEM, SYSTEMS
from settings.values import (
    EXAMPLE_BOUNDARY,
    EXAMPLE_CERTIFICATE,
    EXAMPLE_EGRESS,
    EXAMPLE_HOST,
    EXAMPLE_PROXY,
    EXAMPLE_PUBLIC,
    EXAMPLE_REGISTRY,
    EXAMPLE_ROLE,
    EXAMPLE_SHA256,
    EXAMPLE_SITE,
    EXAMPLE_SUBNET,
    EXAMPLE_TAINT,
    EXAMPLE_TRANSIT_GATEWAY,
    EXAMPLE_VPC,
    EXAMPLE_VPN_GATEWAY,
    NODE_NAME_LENGTH,
    POD_MTU_ACROSS_A_VPN,
    Address,
    AnySource,
    CalicoVersion,
    InstanceType,
    InstanceTypes,
    Labels,
    NodeadmVersion,
    NoProxy,
    PodMtu,
    Port,
    PublicSource,
    SessionDuration,
    Sha256,
    Tags,
    Taint,
    Whole,
    Zone,
    matching,
    network_range,
    one_of,
    optional,
    seconds,
    sized,
    structured,
    unique,
)

_NOT_TRIED = {"rhel": "RHEL is not supported: the join was never run on it, see docs/data-centre.md"}
_MANIFEST_URL = versions.calico_manifest_url(versions.CALICO_DEFAULT)
ARCHITECTURES: tuple[instances.Architecture, ...] = ("amd64", "arm64")
ACTIVATION_HOURS = 24
SUPPORT_TYPES = ("STANDARD", "EXTENDED")
CONTROL_PLANE_LOGS = ("api", "audit", "authenticator", "controllerManager", "scheduler")

# The snapshots that the AMIs start from are smaller; images and logs need the rest. 16 TiB is gp3's limit.
_Disk = Annotated[Whole, Field(ge=20, le=16384, description="a disk of 20 to 16384 GiB")]


class _Model(BaseModel):
    model_config = ConfigDict(
        alias_generator=to_camel, coerce_numbers_to_str=True, extra="forbid", frozen=True
    )


class ManagedNodes(_Model):
    """A managed node group in the EKS VPC. `instance_types` are of one architecture."""

    instance_types: InstanceTypes = Field(
        ("t4g.medium",),
        alias="instanceType",
        description="an EC2 instance type, or several separated by commas",
        examples=["t4g.medium"],
    )
    # EKS allows 450 nodes in a group. CoreDNS and Calico's controllers run here, so one node is the least.
    min: Whole = Field(1, ge=0, le=450, description="a number of nodes from 0 to 450")
    max: Whole = Field(3, ge=1, le=450, description="a number of nodes from 1 to 450")
    desired: Whole = Field(2, ge=1, le=450, description="a number of nodes from 1 to 450")
    spot: bool = Field(False, description="true or false")
    disk_gib: _Disk = Field(30, alias="diskGiB")
    ami: Annotated[shapes.Ami, one_of(get_args(shapes.Ami), example="standard")] = Field(
        "standard", description="standard, nvidia or neuron"
    )
    labels: Labels = Field(
        {}, description="a map of labels", examples=["batch"], json_schema_extra={"part": ".pool"}
    )
    taints: Annotated[tuple[Taint, ...], unique] = Field(
        (), description="a list of taints", examples=[EXAMPLE_TAINT], json_schema_extra={"part": "[0]"}
    )

    @property
    def architecture(self) -> instances.Architecture:
        """The architecture that all the instance types have."""
        return instances.architecture(self.instance_types[0])


class MoreManagedNodes(ManagedNodes):
    """One more group, beside `managedNodes`, with a name of its own."""

    name: Annotated[
        str,
        matching(
            r"[a-z]([a-z0-9-]{0,18}[a-z0-9])?",
            what="a name of at most 20 characters (a-z, 0-9, - inside) that starts with a letter",
            example="pool-{number}",
        ),
    ] = Field(description="a name for the group", examples=["pool-{number}"])


class Site(_Model):
    """A data centre of one's own, in place of the VPC that plays one. Without `node_cidrs` there is none.

    One of `transit_gateway_id`, `vpn_gateway_id` and `routes` says how the EKS VPC reaches it.
    """

    # https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-networking.html: 15 ranges at most.
    node_cidrs: Annotated[
        tuple[
            Annotated[
                str,
                network_range(example=EXAMPLE_SITE, largest=8, smallest=32, why="EKS takes no other size"),
            ],
            ...,
        ],
        unique,
        sized(0, most=15, what="ranges", why="EKS takes 15", part="[0]", example=EXAMPLE_SITE),
    ] = Field(
        (),
        description="a list of private IPv4 CIDRs",
        examples=[EXAMPLE_SITE],
        json_schema_extra={"part": "[0]"},
    )
    transit_gateway_id: Annotated[
        Annotated[
            str,
            matching(
                r"tgw-([0-9a-f]{8}|[0-9a-f]{17})",
                what="the id of a transit gateway",
                example=EXAMPLE_TRANSIT_GATEWAY,
            ),
        ]
        | None,
        optional,
    ] = Field(None, description="the id of a transit gateway", examples=[EXAMPLE_TRANSIT_GATEWAY])
    vpn_gateway_id: Annotated[
        Annotated[
            str,
            matching(
                r"vgw-([0-9a-f]{8}|[0-9a-f]{17})",
                what="the id of a virtual private gateway",
                example=EXAMPLE_VPN_GATEWAY,
            ),
        ]
        | None,
        optional,
    ] = Field(None, description="the id of a virtual private gateway", examples=[EXAMPLE_VPN_GATEWAY])
    routes: Annotated[Annotated[str, one_of(("none",), example="none")] | None, optional] = Field(
        None, description="the word none", examples=["none"]
    )
    # Without a password: this value reaches files that everybody on the machine reads, as AWS documents them.
    # https://docs.aws.amazon.com/eks/latest/userguide/hybrid-nodes-proxy.html
    https_proxy: Annotated[
        Annotated[
            str,
            matching(
                r"http://[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?:\d{1,5}",
                what="the address of a proxy, http://HOST:PORT without a user or a path",
                example=EXAMPLE_PROXY,
            ),
        ]
        | None,
        optional,
    ] = Field(None, description="the address of a proxy", examples=[EXAMPLE_PROXY])
    no_proxy: Annotated[NoProxy | None, optional] = Field(
        None, description="a list of hosts and ranges, separated by commas", examples=[".example.internal"]
    )

    @property
    def is_own(self) -> bool:
        """Whether there is such a data centre."""
        return bool(self.node_cidrs)

    @property
    def ways(self) -> dict[str, str | None]:
        """The settings that say how the EKS VPC reaches it, of which one is set."""
        return {
            "transitGatewayId": self.transit_gateway_id,
            "vpnGatewayId": self.vpn_gateway_id,
            "routes": self.routes,
        }


_Subnet = Annotated[
    str, matching(r"subnet-([0-9a-f]{8}|[0-9a-f]{17})", what="the id of a subnet", example=EXAMPLE_SUBNET)
]
# A security group takes 60 rules, and a port needs one for each subnet.
_Subnets = Annotated[
    tuple[_Subnet, ...],
    unique,
    sized(
        0, most=3, what="subnets", why="one in each of two or three zones", part="[0]", example=EXAMPLE_SUBNET
    ),
]


class Network(_Model):
    """A VPC that was there before the stack, for the EKS side. Without `vpc_id` the stack makes one."""

    vpc_id: Annotated[
        Annotated[
            str,
            matching(r"vpc-([0-9a-f]{8}|[0-9a-f]{17})", what="the id of a VPC", example=EXAMPLE_VPC),
        ]
        | None,
        optional,
    ] = Field(None, description="the id of a VPC", examples=[EXAMPLE_VPC])
    private_subnet_ids: _Subnets = Field(
        (), description="a list of subnet ids", examples=[EXAMPLE_SUBNET], json_schema_extra={"part": "[0]"}
    )
    public_subnet_ids: _Subnets = Field(
        (), description="a list of subnet ids", examples=[EXAMPLE_SUBNET], json_schema_extra={"part": "[0]"}
    )
    egress_cidrs: Annotated[tuple[PublicSource, ...], unique] = Field(
        (),
        description="a list of IPv4 CIDRs",
        examples=[EXAMPLE_EGRESS],
        json_schema_extra={"part": "[0]"},
    )


class HybridNode(_Model):
    """One hybrid node: an instance in the on-prem VPC or, with an `address`, a machine of one's own."""

    name: Annotated[
        str,
        matching(
            rf"[a-z0-9]([a-z0-9-]{{0,{NODE_NAME_LENGTH - 2}}}[a-z0-9])?",
            what=f"a DNS label of at most {NODE_NAME_LENGTH} characters (a-z, 0-9, - inside)",
            example="hybrid-{number}",
        ),
    ] = Field(description="a name for the node", examples=["hybrid-{number}"])
    instance_type: InstanceType = Field("t4g.medium", description="an EC2 instance type")
    os: Annotated[str, one_of(tuple(SYSTEMS), example=DEFAULT_SYSTEM, absent=_NOT_TRIED)] = Field(
        DEFAULT_SYSTEM, description="the name of an operating system"
    )
    disk_gib: _Disk = Field(30, alias="diskGiB")
    address: Annotated[Address | None, optional] = Field(
        None, description="an IPv4 address", examples=["10.80.0.{number}"]
    )
    own_architecture: Annotated[
        Annotated[instances.Architecture, one_of(ARCHITECTURES, example="amd64")] | None, optional
    ] = Field(None, alias="architecture", description="amd64 or arm64", examples=["amd64"])

    zone: Zone = Field(names.HYBRID_ZONE, description="the name of a zone")
    labels: Labels = Field(
        {}, description="a map of labels", examples=["r1"], json_schema_extra={"part": ".rack"}
    )
    taints: Annotated[tuple[Taint, ...], unique] = Field(
        (), description="a list of taints", examples=[EXAMPLE_TAINT], json_schema_extra={"part": "[0]"}
    )

    @property
    def architecture(self) -> instances.Architecture:
        """That of the instance type; of a machine of one's own what is said, or amd64."""
        if self.address is None:
            return instances.architecture(self.instance_type)
        return self.own_architecture or "amd64"


class NodeadmSha256(_Model):
    """The digests of the pinned nodeadm, one per architecture in use."""

    arm64: Sha256 | None = Field(None, description="a SHA-256 digest", examples=[EXAMPLE_SHA256])
    amd64: Sha256 | None = Field(None, description="a SHA-256 digest", examples=[EXAMPLE_SHA256])


class DefaultTags(_Model):
    """Pulumi's own `aws:defaultTags`: tags for everything that the AWS provider makes."""

    tags: Tags = Field({}, description="a map of tags")


class AssumeRole(_Model):
    """One step of Pulumi's own `aws:assumeRoles`: a role that the AWS provider takes, and everything else with it."""

    role_arn: Annotated[
        str,
        matching(
            r"arn:aws[a-z-]*:iam::\d{12}:role/[\w+=,.@/-]+",
            what="the ARN of a role",
            example=EXAMPLE_ROLE,
        ),
    ] = Field(description="the ARN of a role", examples=[EXAMPLE_ROLE])
    # What IAM takes: https://docs.aws.amazon.com/STS/latest/APIReference/API_AssumeRole.html
    session_name: Annotated[
        str, matching(r"[\w+=,.@-]{2,64}", what="a session name of 2 to 64 characters", example=SESSION_NAME)
    ] = Field(SESSION_NAME, description="the name of a session")
    external_id: Annotated[
        str | None,
        matching(r"[\w+=,.@:/-]{2,1224}", what="an external id of 2 to 1224 characters", example="the-id"),
        optional,
    ] = Field(None, description="an external id", examples=["the-id"])
    duration: Annotated[SessionDuration | None, optional] = Field(
        None, description="a duration", examples=["1h"]
    )
    source_identity: Annotated[
        str | None,
        matching(r"[\w+=,.@-]{2,64}", what="a source identity of 2 to 64 characters", example="pulumi"),
        optional,
    ] = Field(None, description="a source identity", examples=["pulumi"])

    @property
    def request(self) -> dict[str, Any]:
        """The request of sts:AssumeRole."""
        request: dict[str, Any] = {"RoleArn": self.role_arn, "RoleSessionName": self.session_name}
        if self.external_id:
            request["ExternalId"] = self.external_id
        if self.duration:
            request["DurationSeconds"] = seconds(self.duration)
        if self.source_identity:
            request["SourceIdentity"] = self.source_identity
        return request


class Settings(_Model):
    """All settings of a stack, as `settings.parse` made them; sizes in GiB, CIDRs in canonical form."""

    region: Annotated[
        str,
        matching(r"[a-z]{2,}(-[a-z]+)+-\d{1,2}", what="the name of an AWS region", example="ap-northeast-1"),
    ] = Field(alias="aws:region", description="the AWS region to build in", examples=["ap-northeast-1"])
    profile: Annotated[str | None, optional] = Field(None, alias="aws:profile")
    allowed_account_ids: Annotated[
        tuple[Annotated[str, matching(r"\d{12}", what="an account id", example="123456789012")], ...],
        structured,
    ] = Field(
        (),
        alias="aws:allowedAccountIds",
        description="a list of account ids",
        examples=["123456789012"],
        json_schema_extra={"part": "[0]"},
    )
    assume_roles: Annotated[tuple[AssumeRole, ...], structured] = Field(
        (),
        alias="aws:assumeRoles",
        description="a list of roles",
        examples=[EXAMPLE_ROLE],
        json_schema_extra={"part": "[0].roleArn"},
    )
    default_tags: Annotated[DefaultTags, structured] = Field(
        DefaultTags(),
        alias="aws:defaultTags",
        description="a map with one key, tags",
        examples=["the network team"],
        json_schema_extra={"part": ".tags.Owner"},
    )

    # The pattern is the API's. https://docs.aws.amazon.com/eks/latest/APIReference/API_CreateCluster.html
    cluster_name: Annotated[
        str,
        matching(
            r"[0-9A-Za-z][A-Za-z0-9_-]{0,99}",
            what="a cluster name of at most 100 letters, digits, - and _ that starts with a letter or digit",
            example="eks-hybrid",
        ),
    ] = "eks-hybrid"
    kubernetes_version: Annotated[
        str, one_of(tuple(versions.STANDARD_SUPPORT_ENDS), example=versions.KUBERNETES_DEFAULT)
    ] = versions.KUBERNETES_DEFAULT
    support_type: Annotated[str, one_of(SUPPORT_TYPES, example="STANDARD")] = "STANDARD"
    calico_version: CalicoVersion = versions.CALICO_DEFAULT
    calico_manifest: Annotated[
        Annotated[
            str,
            matching(
                r"https://.+|(?!.*://).+",
                what="an https:// address or the path of a file",
                example=_MANIFEST_URL,
            ),
        ]
        | None,
        optional,
    ] = None
    calico_manifest_sha256: Annotated[Sha256 | None, optional] = None
    nodeadm_version: NodeadmVersion = versions.NODEADM_DEFAULT
    nodeadm_sha256: Annotated[NodeadmSha256, structured] = Field(
        NodeadmSha256(),
        description="a map of digests by architecture, arm64 and amd64",
        examples=[EXAMPLE_SHA256],
        json_schema_extra={"part": ".arm64"},
    )

    network: Annotated[Network, structured] = Field(
        Network(),
        description="a map of settings for a VPC that exists",
        examples=[EXAMPLE_VPC],
        json_schema_extra={"part": ".vpcId"},
    )
    vpc_cidr: Annotated[
        str,
        network_range(
            example="10.10.0.0/16",
            largest=16,
            smallest=24,
            why="a subnet is an eighth of the VPC, and an ALB needs /27",
        ),
    ] = "10.10.0.0/16"
    on_prem_vpc_cidr: Annotated[
        str,
        network_range(
            example="10.90.0.0/16",
            largest=16,
            smallest=25,
            why="a subnet is an eighth of the VPC, and AWS wants /28",
        ),
    ] = "10.90.0.0/16"
    pod_cidr: Annotated[
        str,
        network_range(
            example="192.168.0.0/16",
            largest=8,
            smallest=addressing.POD_BLOCK_PREFIX,
            why="each node takes a /26 of it",
        ),
    ] = "192.168.0.0/16"
    # https://docs.aws.amazon.com/eks/latest/APIReference/API_KubernetesNetworkConfigRequest.html
    service_cidr: Annotated[
        str,
        network_range(
            example="172.16.0.0/16",
            largest=12,
            smallest=24,
            why="EKS takes no other size",
            within=addressing.RFC_1918,
        ),
    ] = "172.16.0.0/16"
    availability_zones: Whole = Field(2, ge=2, le=3, description="a number of availability zones, 2 or 3")

    managed_nodes: Annotated[ManagedNodes, structured] = Field(
        ManagedNodes(),
        description="a map of settings for the managed nodes",
        examples=["t4g.medium"],
        json_schema_extra={"part": ".instanceType"},
    )
    more_managed_nodes: Annotated[tuple[MoreManagedNodes, ...], structured] = Field(
        (),
        description="a list of managed node groups",
        examples=["pool-1"],
        json_schema_extra={"part": "[0].name"},
    )
    hybrid_nodes: Annotated[
        tuple[HybridNode, ...],
        structured,
        sized(1, what="hybrid nodes", why="one is the least", part="[0].name", example="hybrid-1"),
    ] = Field(
        (HybridNode(name="hybrid-1"),),
        description="a list of hybrid nodes",
        examples=["hybrid-1"],
        json_schema_extra={"part": "[0].name"},
    )

    site: Annotated[Site, structured] = Field(
        Site(),
        description="a map of settings for a data centre of your own",
        examples=[EXAMPLE_SITE],
        json_schema_extra={"part": ".nodeCidrs[0]"},
    )
    pod_mtu: PodMtu = Field(
        0, description="0 (automatic) or a number of bytes from 1280 to 8951", examples=[POD_MTU_ACROSS_A_VPN]
    )
    # https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_CreateActivation.html: 30 days at most.
    activation_hours: Whole = Field(
        ACTIVATION_HOURS, ge=1, le=720, description="a number of hours from 1 to 720"
    )

    # https://docs.aws.amazon.com/eks/latest/userguide/creating-access-entries.html: an ARN with its path.
    cluster_admins: Annotated[
        tuple[
            Annotated[
                str,
                matching(
                    r"arn:aws[a-z-]*:iam::\d{12}:(role|user)/[\w+=,.@/-]+",
                    what="the ARN of an IAM role or user (of a session's role, with its path: aws iam get-role)",
                    example=EXAMPLE_ROLE,
                ),
            ],
            ...,
        ],
        structured,
        unique,
    ] = Field(
        (),
        description="a list of ARNs of IAM roles and users",
        examples=[EXAMPLE_ROLE],
        json_schema_extra={"part": "[0]"},
    )
    # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html: a policy of one's own or AWS's.
    permissions_boundary_arn: Annotated[
        Annotated[
            str,
            matching(
                r"arn:aws[a-z-]*:iam::(\d{12}|aws):policy/[\w+=,.@/-]+",
                what="the ARN of an IAM policy",
                example=EXAMPLE_BOUNDARY,
            ),
        ]
        | None,
        optional,
    ] = None
    # EKS takes 40 ranges; the program adds the addresses of the two NAT gateways.
    # https://docs.aws.amazon.com/eks/latest/userguide/service-quotas.html
    api_allowed_cidrs: Annotated[
        tuple[PublicSource, ...],
        structured,
        unique,
        sized(
            1,
            most=38,
            what="ranges",
            why="EKS takes 40, and the two NAT gateways need theirs",
            part="[0]",
            example=EXAMPLE_PUBLIC,
        ),
    ] = Field(
        (addressing.ANYWHERE,),
        description="a list of IPv4 CIDRs",
        examples=[EXAMPLE_PUBLIC],
        json_schema_extra={"part": "[0]"},
    )
    image_registry: Annotated[
        Annotated[
            str,
            matching(
                r"(?=[^/]*[.:])[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(/[a-z0-9]+([._-]+[a-z0-9]+)*)*",
                what="the address of a registry, HOST[:PORT][/PATH] in lower case without a scheme",
                example=EXAMPLE_REGISTRY,
            ),
        ]
        | None,
        optional,
    ] = None
    sample_app: bool = Field(True, description="true or false")
    # https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html
    alb_allowed_cidrs: Annotated[
        tuple[AnySource, ...],
        structured,
        unique,
        sized(
            1,
            most=60,
            what="ranges",
            why="a security group takes 60 rules",
            part="[0]",
            example=EXAMPLE_PUBLIC,
        ),
    ] = Field(
        (addressing.ANYWHERE,),
        description="a list of IPv4 CIDRs",
        examples=[EXAMPLE_PUBLIC],
        json_schema_extra={"part": "[0]"},
    )
    # https://docs.aws.amazon.com/acm/latest/userguide/acm-overview.html
    alb_certificate_arn: Annotated[
        Annotated[
            str,
            matching(
                r"arn:aws[a-z-]*:acm:[a-z0-9-]+:\d{12}:certificate/[A-Za-z0-9-]+",
                what="the ARN of a certificate in AWS Certificate Manager",
                example=EXAMPLE_CERTIFICATE,
            ),
        ]
        | None,
        optional,
    ] = None
    alb_host_name: Annotated[
        Annotated[
            str,
            matching(
                r"(?=.{1,253}$)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]([a-z0-9-]{0,61}[a-z0-9])?",
                what="a DNS name in lower case, without a scheme, a port or a *",
                example=EXAMPLE_HOST,
            ),
        ]
        | None,
        optional,
    ] = None
    sample_node_port: Whole = Field(30080, ge=30000, le=32767, description="a port from 30000 to 32767")
    # A security group takes 60 rules, and a port needs one for each subnet of the control plane.
    webhook_ports: Annotated[
        tuple[Port, ...],
        structured,
        unique,
        sized(
            0,
            most=10,
            what="ports",
            why="a security group takes 60 rules",
            part="[0]",
            example="9443",
        ),
    ] = Field(
        (),
        description="a list of ports",
        examples=["9443"],
        json_schema_extra={"part": "[0]"},
    )
    metrics_server: bool = Field(True, description="true or false")
    control_plane_logs: Annotated[
        tuple[Annotated[str, one_of(CONTROL_PLANE_LOGS, example="audit")], ...], structured, unique
    ] = Field(
        (),
        description=f"a list of logs, of {', '.join(CONTROL_PLANE_LOGS)}",
        examples=["audit"],
        json_schema_extra={"part": "[0]"},
    )

    @property
    def left_to_the_release(self) -> tuple[str, ...]:
        """Those of `infra.changes.DEFAULTED` for which the stack has no value of its own."""
        own = {self.__class__.model_fields[name].alias for name in self.model_fields_set}
        return tuple(
            name for name in changes.DEFAULTED if name not in own or (name == "podMtu" and not self.pod_mtu)
        )

    @property
    def in_effect(self) -> dict[str, Any]:
        """All settings by the names that users write, with what follows where one is left open."""
        without = set() if self.network.vpc_id else {"network"}
        return {**self.model_dump(by_alias=True, exclude=without), "podMtu": self.calico_mtu}

    @property
    def roles(self) -> tuple[dict[str, Any], ...]:
        """The requests of sts:AssumeRole, in the order in which the roles are taken."""
        return tuple(role.request for role in self.assume_roles)

    @property
    def calico_mtu(self) -> int:
        """The MTU of the pods; 0 lets Calico find it, which it cannot where a VPN lies between the nodes."""
        return self.pod_mtu or (POD_MTU_ACROSS_A_VPN if self.site.is_own else 0)

    @property
    def account(self) -> shapes.AccountSettings:
        """Where the stack is built, and who signs in."""
        return shapes.AccountSettings(
            identity=Identity(region=self.region, profile=self.profile, roles=self.roles),
            zones=self.availability_zones,
            default_tags=self.default_tags.tags,
            permissions_boundary=self.permissions_boundary_arn,
        )

    @property
    def calico_source(self) -> shapes.CalicoSource:
        """Where Calico's manifest comes from."""
        return shapes.CalicoSource(
            version=self.calico_version, manifest=self.calico_manifest, sha256=self.calico_manifest_sha256
        )

    @property
    def pod_network(self) -> shapes.PodNetwork:
        """The overlay."""
        return shapes.PodNetwork(cidr=self.pod_cidr, mtu=self.calico_mtu)

    @property
    def alb(self) -> shapes.Alb | None:
        """The door of the sample app, where there is one."""
        if not self.sample_app:
            return None
        return shapes.Alb(
            allowed_cidrs=self.alb_allowed_cidrs,
            node_port=self.sample_node_port,
            certificate_arn=self.alb_certificate_arn,
            host_name=self.alb_host_name,
        )

    @property
    def ranges(self) -> shapes.Ranges:
        """The ranges of both networks, and of what lies over them."""
        return shapes.Ranges(
            existing=self.existing_vpc,
            vpc_cidr=self.vpc_cidr,
            on_prem_vpc_cidr=self.on_prem_vpc_cidr,
            pods=self.pod_network,
            service_cidr=self.service_cidr,
            api_allowed_cidrs=self.api_allowed_cidrs,
        )

    @property
    def opened(self) -> shapes.Opened:
        """What the firewall opens beside the fixed flows."""
        return shapes.Opened(
            alb=self.alb,
            operating_systems=[node.os for node in self.hybrid_nodes],
            webhook_ports=self.webhook_ports,
        )

    @property
    def existing_vpc(self) -> shapes.ExistingVpc | None:
        """The VPC that was there before the stack, if one is named."""
        network = self.network
        if network.vpc_id is None:
            return None
        return shapes.ExistingVpc(
            vpc_id=network.vpc_id,
            private_subnet_ids=network.private_subnet_ids,
            public_subnet_ids=network.public_subnet_ids,
            egress_cidrs=network.egress_cidrs,
        )

    @property
    def control_plane(self) -> shapes.ControlPlaneSettings:
        """The cluster."""
        return shapes.ControlPlaneSettings(
            cluster_name=self.cluster_name,
            kubernetes_version=self.kubernetes_version,
            support_type=self.support_type,
            service_cidr=self.service_cidr,
            allowed_cidrs=self.api_allowed_cidrs,
            log_types=self.control_plane_logs,
            admins=self.cluster_admins,
        )

    @property
    def node_groups(self) -> dict[str, ManagedNodes]:
        """The managed node groups by the path of their settings, managedNodes first."""
        more = {f"moreManagedNodes[{index}]": group for index, group in enumerate(self.more_managed_nodes)}
        return {"managedNodes": self.managed_nodes, **more}

    @property
    def managed_groups(self) -> tuple[shapes.ManagedGroup, ...]:
        """The managed nodes, group by group."""
        return tuple(
            shapes.ManagedGroup(
                name=group.name if isinstance(group, MoreManagedNodes) else "",
                ami=group.ami,
                labels=group.labels,
                taints=group.taints,
                instance_types=group.instance_types,
                architecture=group.architecture,
                min=group.min,
                max=group.max,
                desired=group.desired,
                spot=group.spot,
                disk_gib=group.disk_gib,
            )
            for group in self.node_groups.values()
        )

    @property
    def most_managed_nodes(self) -> int:
        """How many managed nodes there may be, in all groups together."""
        return sum(group.max for group in self.node_groups.values())

    @property
    def nodes(self) -> tuple[shapes.HybridNodeSettings, ...]:
        """The hybrid nodes, whether instances or machines of one's own."""
        return tuple(
            shapes.HybridNodeSettings(
                name=node.name,
                os=node.os,
                instance_type=node.instance_type,
                architecture=node.architecture,
                disk_gib=node.disk_gib,
                address=node.address,
                zone=node.zone,
                labels=node.labels,
                taints=node.taints,
            )
            for node in self.hybrid_nodes
        )

    @property
    def nodeadm(self) -> shapes.Nodeadm:
        """The program that makes a machine join."""
        return shapes.Nodeadm(version=self.nodeadm_version, sha256=self.nodeadm_digests)

    @property
    def own_site(self) -> shapes.OwnSite:
        """A data centre of one's own, if there is one."""
        site = self.site
        return shapes.OwnSite(
            node_cidrs=site.node_cidrs,
            transit_gateway_id=site.transit_gateway_id,
            vpn_gateway_id=site.vpn_gateway_id,
            https_proxy=site.https_proxy,
            no_proxy=site.no_proxy,
        )

    @property
    def calico_release(self) -> versions.CalicoRelease:
        """The row of the version table that `calico_version` names."""
        return versions.calico_release(self.calico_version)

    @property
    def nodeadm_digests(self) -> dict[str, str | None]:
        """The digest that nodeadm must have, by architecture; None to trust the one published beside it.

        What the settings say counts; what they leave open is as the version table says.
        """
        if self.nodeadm_sha256 != NodeadmSha256():
            return {"arm64": self.nodeadm_sha256.arm64, "amd64": self.nodeadm_sha256.amd64}
        table = versions.NODEADM_SHA256.get(self.nodeadm_version, {})
        return {"arm64": table.get("arm64"), "amd64": table.get("amd64")}
