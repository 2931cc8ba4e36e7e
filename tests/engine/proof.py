"""What a change of each setting does to a stack that is up: the table that the engine tests prove, row by row.

docs/changes.md says the same in words for people; a test keeps the two equal.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import yaml

from tests.engine.harness import PROFILE

Effect = Literal["Refused", "In place", "New before old", "Upgrade"]

CLUSTER = "aws:eks/cluster:Cluster"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
TEMPLATE = "aws:ec2/launchTemplate:LaunchTemplate"
LISTENER = "aws:lb/listener:Listener"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
MACHINES = (CLUSTER, NODE_GROUP, INSTANCE)
DOCUMENT = Path(__file__).parents[2] / "docs" / "changes.md"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One setting: its effect, the fixture whose `pulumi up` changed it, and the resource that shows it.

    `of` is a type and the start of a name; `refusal` is in the text of a preview that refuses; `stored` is what the
    resource that remembers the settings has under a name; `output` is a stack output and what it then says.
    """

    effect: Effect
    step: str
    of: tuple[str, str] = ("", "")
    kind: str = "Update"
    refusal: str = ""
    stored: tuple[str, str] = ("", "")
    output: tuple[str, str] = ("", "")


def _refused(words: str) -> Row:
    return Row(effect="Refused", step="refused", refusal=words)


def _new_machine(step: str, name: str = "") -> Row:
    return Row(effect="New before old", step=step, of=(INSTANCE, name))


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
    "hybridNodes": Row(effect="In place", step="grown", of=(INSTANCE, "hybrid-2."), kind="Create"),
    "hybridNodes[].name": _new_machine("resized", ""),
    "hybridNodes[].instanceType": _new_machine("resized", "hybrid-1."),
    "hybridNodes[].os": _new_machine("other_os", "hybrid-1."),
    "hybridNodes[].diskGiB": _new_machine("resized", "hybrid-"),
    "site": _refused("site cannot change from the VPC of this stack that plays one to a site of your own"),
    "podMtu": Row(effect="In place", step="adjusted", of=_CALICO),
    "activationHours": Row(
        effect="In place", step="grown", of=("aws:ssm/activation:Activation", "hybrid-2."), kind="Create"
    ),
    "apiAllowedCidrs": Row(effect="In place", step="adjusted", of=(CLUSTER, "")),
    "albAllowedCidrs": Row(
        effect="In place", step="adjusted_back", of=(INGRESS, "load-balancer-"), kind="Create"
    ),
    "albCertificateArn": Row(effect="In place", step="adjusted", of=(LISTENER, "alb-https"), kind="Create"),
    "albHostName": Row(effect="In place", step="adjusted", output=("albUrl", "https://app.example.com")),
    "sampleNodePort": Row(
        effect="In place", step="adjusted", of=("kubernetes:core/v1:Service", "sample-svc")
    ),
    "webhookPorts": Row(
        effect="In place", step="adjusted_back", of=(INGRESS, "hybrid-ingress-webhook"), kind="Create"
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
    "aws:defaultTags": Row(effect="In place", step="retagged", of=(TEMPLATE, "managed")),
}


def documented() -> dict[str, str]:
    """Return what docs/changes.md says: setting and effect, in its order."""
    rows = re.findall(r"^\| `([^`]+)` \| \*\*([^*]+)\*\*", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(rows)


def settings() -> list[str]:
    """Return every setting of Pulumi.yaml, parts of maps and of list entries too, and those of AWS's own."""
    schema = yaml.safe_load((DOCUMENT.parents[1] / "Pulumi.yaml").read_text(encoding="utf-8"))["config"]
    found = []
    for name, declared in schema.items():
        default = declared.get("default")
        if isinstance(default, dict) and default:
            found += [f"{name}.{part}" for part in default]
            continue
        found.append(name)
        if isinstance(default, list) and default and isinstance(default[0], dict):
            found += [f"{name}[].{part}" for part in default[0]]
    return [*found, "aws:region", "the AWS account", "aws:profile", "aws:defaultTags"]
