"""The stack's outputs, from the Pulumi CLI or from a file, checked and typed.

The CLI is used rather than the Automation API because it is the CLI in either case, and run like this it uses the
user's own backend, login and passphrase settings unchanged.
"""

import json
import sys
from ipaddress import IPv4Network
from pathlib import Path
from typing import Annotated, Any

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from infra.names import HYBRID_ZONE
from ops.clients import tools
from ops.clients.errors import AskError
from userdata.join_files import JoinConfig


def _parsed(value: object) -> object:
    """Accept a kubeconfig as JSON text (the stack output) or as an object (a hand-made file)."""
    return json.loads(value) if isinstance(value, str) else value


class _Output(BaseModel):
    # hide_input_in_errors: an error message must not repeat a kubeconfig.
    model_config = ConfigDict(
        alias_generator=to_camel,
        populate_by_name=True,
        frozen=True,
        extra="ignore",
        hide_input_in_errors=True,
    )


class HybridNode(_Output):
    """One hybrid node as the settings name it, with its SSM activation; a machine of one's own has no EC2 instance."""

    name: str
    instance_id: str = ""
    private_ip: str
    activation_id: str
    zone: str = HYBRID_ZONE


class Join(_Output):
    """What a machine of one's own needs to join, as the program hands it to `ops join`: a secret."""

    config: JoinConfig
    address: str
    activation_id: str
    activation_code: Annotated[str, Field(repr=False)]
    expires: AwareDatetime


class ManagedNodeGroup(_Output):
    """The managed node group and the auto-scaling group behind it."""

    name: str
    auto_scaling_group: str


class NodeRange(_Output):
    """Smallest and largest number of managed nodes."""

    min: int
    max: int


def _ranges(text: object) -> object:
    """Split the ranges of a VPC: one that was there before the stack may have several."""
    return text.split(", ") if isinstance(text, str) else text


class Expected(_Output):
    """The output `opsOnly`: what the program decided and the cluster cannot tell.

    `named` has what is not a field here: the gateway to a data centre of one's own, whose name says its kind.
    """

    model_config = ConfigDict(extra="allow")

    region: str
    account_id: str
    partition: str
    vpc_id: str
    on_prem_vpc_id: str = ""
    vpc_cidrs: Annotated[tuple[IPv4Network, ...], BeforeValidator(_ranges), Field(alias="vpcCidr")]
    # In a VPC that was there before the stack; empty where all of its subnets are the stack's.
    subnet_ids: tuple[str, ...] = ()
    on_prem_vpc_cidr: IPv4Network | None = None
    pod_cidr: IPv4Network
    service_cidr: IPv4Network
    peering_id: str = ""
    pod_mtu: int = 0
    hybrid_role_arn: str
    remote_node_networks: tuple[IPv4Network, ...]
    # ARNs of the two behind the ALB, by side; without a sample app there are none, and no port.
    target_groups: dict[str, str] = {}
    node_port: int | None = None
    managed_nodes: NodeRange
    project: str
    stack: str
    profile: str = ""
    roles: tuple[dict[str, Any], ...] = ()

    @property
    def named(self) -> dict[str, Any]:
        """Give the other outputs, by the names that the program gave them."""
        return self.model_extra or {}

    @property
    def own_site(self) -> bool:
        """Whether the hybrid nodes are machines of one's own: EC2 knows nothing of them."""
        return not self.on_prem_vpc_id

    @property
    def vpcs(self) -> tuple[str, ...]:
        """The VPCs of the stack."""
        return (self.vpc_id, self.on_prem_vpc_id) if self.on_prem_vpc_id else (self.vpc_id,)

    @property
    def sts_host(self) -> str:
        """Name a host outside the cluster that every region has and every node needs."""
        return f"sts.{self.region}.amazonaws.com{'.cn' if self.partition == 'aws-cn' else ''}"


class Deployment(_Output):
    """A deployed stack. The kubeconfig is a secret: it is in no repr and no message."""

    cluster_name: str
    kubeconfig: Annotated[dict[str, Any], BeforeValidator(_parsed), Field(repr=False)]
    alb_url: str = ""
    alb_dns_name: str = ""
    hybrid_nodes: tuple[HybridNode, ...]
    managed_node_group: ManagedNodeGroup
    # By its own name too: stacks of release 0.1 have it so.
    checks: Expected = Field(alias="opsOnly")
    joins: Annotated[dict[str, Join], Field(repr=False)] = {}

    @property
    def no_name_fits(self) -> bool:
        """Whether the URL is https and has the load balancer's own name, which no certificate has."""
        return self.alb_url.startswith("https:") and not self.alb_dns_name

    @property
    def cluster_arn(self) -> str:
        """Build the cluster's ARN; names are enough for it."""
        expected = self.checks
        return f"arn:{expected.partition}:eks:{expected.region}:{expected.account_id}:cluster/{self.cluster_name}"

    @property
    def subject(self) -> dict[str, str]:
        """Say what a report is about."""
        expected = self.checks
        return {"stack": expected.stack, "cluster": self.cluster_name, "region": expected.region}


def deployment(*, outputs: str | None, stack: str | None) -> Deployment:
    """Read the deployment behind a file (`-`: standard input) or behind `pulumi stack output`.

    Errors: AskError (no CLI, no stack, an unreadable file, or outputs that are not this project's).
    """
    source = f"--outputs {outputs}" if outputs else "pulumi stack output"
    text = file_text(outputs) if outputs else _cli(stack)
    try:
        values = json.loads(text)
    except json.JSONDecodeError as error:
        raise AskError(f"{source} is not JSON (line {error.lineno})", code="outputs-unreadable") from None
    try:
        return Deployment.model_validate(values)
    except ValidationError as error:
        places = sorted({".".join(str(part) for part in item["loc"]) or "(all)" for item in error.errors()})
        raise AskError(
            f"{source}: missing or malformed: {', '.join(places)}", code="outputs-incomplete"
        ) from None


def file_text(name: str) -> str:
    """Read a file of outputs (`-`: standard input).

    Errors: AskError (it cannot be read).
    """
    try:
        return sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise AskError(f"--outputs {name}: {error}", code="outputs-unreadable") from None


def _cli(stack: str | None) -> str:
    done = tools.pulumi("stack", "output", "--json", "--show-secrets", stack=stack, timeout_s=120)
    if done.exit_code:
        raise AskError(
            f"pulumi stack output: {done.stderr.strip() or f'exit code {done.exit_code}'}",
            code="outputs-refused",
        )
    return done.stdout
