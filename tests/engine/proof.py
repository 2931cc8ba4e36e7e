"""What a change of each setting does to a stack that is up: the table that the engine tests prove, row by row.

docs/changes.md says the same in words for people; a test keeps the two equal.
"""

import inspect
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from pydantic import BaseModel
from pydantic.alias_generators import to_camel

from settings.model import AssumeRole, DefaultTags, MoreManagedNodes, NodeadmSha256, Settings, Site
from tests.engine.harness import PROFILE

Effect = Literal["Refused", "In place", "New before old", "Upgrade"]

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
ROLE = "aws:iam/role:Role"
MACHINES = (CLUSTER, NODE_GROUP, INSTANCE)
DOCUMENT = Path(__file__).parents[2] / "docs" / "changes.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting: its effect, the fixture whose `pulumi up` changed it, and the resource that shows it.

    `of` is a type and the start of a name; `refusal` is in the text of a preview that refuses; `stored` is what the
    resource that remembers the settings has under a name; `output` is a stack output and what it then says. What is not
    shown in that stack's life is `shown_by` another test: file and name, under tests/.
    """

    effect: Effect
    step: str = ""
    shown_by: str = ""
    of: tuple[str, str] = ("", "")
    kind: str = "Update"
    refusal: str = ""
    stored: tuple[str, str] = ("", "")
    output: tuple[str, str] = ("", "")


def _refused(words: str) -> Row:
    return Row(effect="Refused", step="refused", refusal=words)


def _new_machine(step: str, name: str = "") -> Row:
    return Row(effect="New before old", step=step, of=(INSTANCE, name))


def _of_a_site(test: str, file: str = "engine/test_own_site.py") -> Row:
    return Row(effect="In place", shown_by=f"{file}::{test}")


def _of_groups(effect: Effect, test: str) -> Row:
    return Row(effect=effect, shown_by=f"engine/test_node_groups.py::{test}")


_JOIN_ONLY = _of_a_site("test_what_only_the_join_reads_changes_nothing_that_exists", "infra/test_site.py")
_SHAPES_A_NODE = Row(
    effect="New before old",
    shown_by=(
        "infra/test_nodes.py::"
        "test_what_shapes_a_node_gives_it_a_new_activation_and_instance_and_leaves_others_alone"
    ),
)
_NEW_GROUP = Row(effect="New before old", step="regrouped", of=(NODE_GROUP, "managed"))
_SIZE = Row(effect="In place", step="adjusted", of=(NODE_GROUP, "managed"))
_CALICO = ("kubernetes:apps/v1:DaemonSet", "calico")

ROWS: dict[str, Row] = {
    "clusterName": _refused("clusterName cannot change from eks-hybrid to other"),
    "kubernetesVersion": Row(effect="Upgrade", step="upgraded", of=(CLUSTER, "")),
    "supportType": Row(effect="In place", step="adjusted", of=(CLUSTER, "")),
    "calicoVersion": Row(effect="Upgrade", step="recalico", of=_CALICO),
    "calicoManifest": Row(effect="In place", step="recalico", of=_CALICO),
    "calicoManifestSha256": Row(effect="In place", step="recalico", of=_CALICO),
    "nodeadmVersion": _new_machine("rejoined"),
    "nodeadmSha256": _new_machine("rejoined"),
    "network.vpcId": _refused("network cannot change from the VPC of this stack to vpc-00000000000000aa0"),
    "network.privateSubnetIds": _refused("subnet-00000000000000aa1, subnet-00000000000000aa2"),
    "network.publicSubnetIds": _refused("subnet-00000000000000bb1, subnet-00000000000000bb2"),
    "network.egressCidrs": Row(
        effect="In place",
        shown_by="infra/test_existing_vpc.py::test_ranges_of_the_settings_are_let_in_beside_those_that_were_found",
    ),
    "vpcCidr": _refused("vpcCidr cannot change from 10.10.0.0/16 to 10.20.0.0/16"),
    "onPremVpcCidr": _refused("onPremVpcCidr cannot change from 10.90.0.0/16 to 10.91.0.0/16"),
    "podCidr": _refused("podCidr cannot change from 192.168.0.0/16 to 192.168.0.0/17"),
    "serviceCidr": _refused("serviceCidr cannot change from 172.16.0.0/16 to 172.20.0.0/16"),
    "availabilityZones": _refused("availabilityZones cannot change from 2 to 3"),
    "managedNodes.instanceType": _NEW_GROUP,
    "managedNodes.min": _SIZE,
    "managedNodes.max": _SIZE,
    "managedNodes.desired": _SIZE,
    "managedNodes.spot": _NEW_GROUP,
    "managedNodes.diskGiB": Row(effect="In place", step="adjusted_back", of=(TEMPLATE, "managed")),
    "managedNodes.ami": _of_groups("New before old", "test_another_image_is_a_new_group"),
    "managedNodes.labels": _of_groups("In place", "test_labels_and_taints_change_in_place"),
    "managedNodes.taints": _of_groups("In place", "test_labels_and_taints_change_in_place"),
    "moreManagedNodes": _of_groups("In place", "test_a_group_comes_and_goes_beside_the_others"),
    "hybridNodes": Row(effect="In place", step="grown", of=(INSTANCE, "hybrid-2."), kind="Create"),
    "hybridNodes[].name": _new_machine("resized", ""),
    "hybridNodes[].instanceType": _new_machine("resized", "hybrid-1."),
    "hybridNodes[].os": _new_machine("other_os", "hybrid-1."),
    "hybridNodes[].diskGiB": _new_machine("resized", "hybrid-"),
    "hybridNodes[].address": _of_a_site(
        "test_another_address_moves_the_target_and_nothing_else_of_the_machine"
    ),
    "hybridNodes[].architecture": _JOIN_ONLY,
    "hybridNodes[].zone": _SHAPES_A_NODE,
    "hybridNodes[].labels": _SHAPES_A_NODE,
    "hybridNodes[].taints": _SHAPES_A_NODE,
    "site": _refused("site cannot change from the VPC of this stack that plays one to a site of your own"),
    "site.nodeCidrs": _of_a_site("test_the_cluster_learns_of_the_new_range_in_place"),
    "site.transitGatewayId": _of_a_site("test_a_vpn_gateway_takes_over_before_the_transit_gateway_goes"),
    "site.vpnGatewayId": _of_a_site("test_another_vpn_gateway_is_attached_after_the_first_one_has_gone"),
    "site.routes": _of_a_site("test_routes_that_somebody_else_makes_need_nothing_of_the_stack"),
    "site.httpsProxy": _JOIN_ONLY,
    "site.noProxy": _JOIN_ONLY,
    "podMtu": Row(effect="In place", step="adjusted", of=_CALICO),
    "activationHours": Row(
        effect="In place", step="grown", of=("aws:ssm/activation:Activation", "hybrid-2."), kind="Create"
    ),
    "clusterAdmins": Row(
        effect="In place",
        step="adjusted",
        of=("aws:eks/accessPolicyAssociation:AccessPolicyAssociation", "admin-"),
        kind="Create",
    ),
    "permissionsBoundaryArn": Row(effect="In place", step="adjusted", of=(ROLE, "eks-eksRole-role")),
    "apiAllowedCidrs": Row(effect="In place", step="adjusted", of=(CLUSTER, "")),
    "imageRegistry": Row(
        effect="In place",
        shown_by="engine/test_sample_app.py::test_another_registry_changes_images_in_place_and_nothing_else",
    ),
    "sampleApp": Row(
        effect="In place",
        shown_by="engine/test_sample_app.py::test_without_the_sample_app_all_of_it_goes_and_nothing_else",
    ),
    "albAllowedCidrs": Row(
        effect="In place", step="adjusted_back", of=(INGRESS, "load-balancer-"), kind="Create"
    ),
    "albCertificateArn": Row(effect="In place", step="adjusted", of=(LISTENER, "alb-https"), kind="Create"),
    "albHostName": Row(effect="In place", step="adjusted", output=("albUrl", "https://app.example.com")),
    "sampleNodePort": Row(
        effect="In place", step="adjusted", of=("kubernetes:core/v1:Service", "sample-svc")
    ),
    "webhookPorts": Row(
        effect="In place", step="adjusted_back", of=(INGRESS, "hybrid-ingress-tcp-9443-"), kind="Create"
    ),
    "metricsServer": Row(
        effect="In place",
        step="adjusted",
        of=("kubernetes:apps/v1:Deployment", "metrics-server"),
        kind="Delete",
    ),
    "controlPlaneLogs": Row(effect="In place", step="adjusted_back", of=(CLUSTER, "")),
    "aws:region": _refused("aws:region cannot change from eu-central-1 to eu-west-1"),
    "the AWS account": _refused("the AWS account cannot change from 123456789012 to 210987654321"),
    "aws:profile": Row(effect="In place", step="retagged", stored=("profile", PROFILE)),
    "aws:assumeRoles": Row(
        effect="In place", shown_by="infra/test_account.py::test_who_signs_in_changes_nothing_in_aws"
    ),
    "aws:allowedAccountIds": Row(
        effect="In place", shown_by="infra/test_account.py::test_who_signs_in_changes_nothing_in_aws"
    ),
    "aws:defaultTags": Row(effect="In place", step="retagged", of=(TEMPLATE, "managed")),
}


def documented() -> dict[str, str]:
    """Return what docs/changes.md says: setting and effect, in its order."""
    rows = re.findall(r"^\| `([^`]+)` \| \*\*([^*]+)\*\*", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def settings() -> list[str]:
    """Return every setting that the program knows, parts of maps and of list entries too, and the account."""
    return sorted([*_names(Settings, ""), "the AWS account"], key=str.lower)


# Maps of one kind of value, and lists that are one value: their parts do not change by themselves. The parts of
# moreManagedNodes are those of managedNodes.
_WHOLE = {NodeadmSha256, DefaultTags, AssumeRole, MoreManagedNodes}


def _names(model: type[BaseModel], prefix: str) -> Iterator[str]:
    for name, field in model.model_fields.items():
        alias = f"{prefix}{field.alias or to_camel(name)}"
        parts = (field.annotation, *get_args(field.annotation))
        inner = [part for part in parts if inspect.isclass(part) and issubclass(part, BaseModel)]
        is_list = bool(inner) and inner[0] is not field.annotation
        # A map of parts has a row for each; a site as a whole is one of two kinds.
        if not inner or inner[0] in _WHOLE or is_list or inner[0] is Site:
            yield alias
        for part in set(inner) - _WHOLE:
            yield from _names(part, f"{alias}[]." if is_list else f"{alias}.")
