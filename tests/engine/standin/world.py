"""What exists in AWS and in the cluster: the sum of the journal that all stand-ins write.

Every provider process reads on where it stopped, so that several of them, and those of the next command, see the
same world.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.engine.standin.cloud import CALLER

CLUSTER = "aws:eks/cluster:Cluster"
ACCESS_ENTRY = "aws:eks/accessEntry:AccessEntry"
ACTIVATION = "aws:ssm/activation:Activation"
ADD_ON = "aws:eks/addon:Addon"
FAILED = "CREATE_FAILED"
UPDATING = "UPDATING"
# Of what is being created: it counts, and nothing can use it yet.
PENDING = "PENDING"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
TARGET = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
DEFAULT_GROUP = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"
VPC = "aws:ec2/vpc:Vpc"
AUTO_SCALING = "aws:autoscaling/attachment:Attachment"
# By a dynamic provider: what the program does not ask of the AWS provider.
ASKED_OF_EKS = ("CreateAddon", "UpdateAddon", "TagAddon")
# The log group that EKS has written again.
MADE_BY_EKS = "made-by-eks"
# What EKS removes with the cluster, and what lives inside it.
_WITH_THE_CLUSTER = ("kubernetes:", "aws:eks/addon:", "aws:eks/accessEntry:")


@dataclass(kw_only=True)
class Thing:
    """One resource that exists. `outputs` hold the inputs too; `status` is EKS's word for a node group, or PENDING."""

    token: str
    id: str
    inputs: dict[str, Any]
    outputs: dict[str, Any] = field(default_factory=dict)
    status: str = "ACTIVE"


class World:
    """Everything that exists, by type and id.

    `begun` is what is being created at this moment; `orders` are those of journal.py.
    """

    def __init__(self, journal: Path) -> None:
        self._journal, self._read = journal, 0
        self._things: dict[tuple[str, str], Thing] = {}
        self.begun: list[Thing] = []
        self.orders: dict[str, Any] = {}

    def refresh(self) -> None:
        """Read what the journal has got since the last time."""
        if not self._journal.exists():
            return
        with self._journal.open("rb") as file:
            file.seek(self._read)
            for line in file:
                if not line.endswith(b"\n"):
                    break  # somebody is writing it
                self._read += len(line)
                self.apply(json.loads(line))

    def apply(self, entry: dict[str, Any]) -> None:
        """Let one entry of the journal happen."""
        if "error" in entry:
            return
        call = entry["call"]
        if call in ("Exists", *ASKED_OF_EKS):
            # Not made by the AWS provider: somebody else's gateway, or an add-on that EKS was asked for.
            outputs = entry.get("outputs", {})
            self.add(Thing(token=entry["type"], id=entry["id"], inputs=entry["inputs"], outputs=outputs))
        elif call == "DeleteAddon":
            del self._things[entry["type"], entry["id"]]
        elif call == "Delete":
            self._delete(_token(entry), entry["id"])
        elif call in ("Create", "Update"):
            self._write(_token(entry), entry)

    def _delete(self, token: str, identity: str) -> None:
        gone = self._things.pop((token, identity), None)
        if gone and token in (TARGET, AUTO_SCALING):
            self._deregister(gone)
        if gone and token == LOG_GROUP:
            self._write_again(gone)
        inside = []
        if token == CLUSTER:
            inside = [each for each in self._things if each[0].startswith(_WITH_THE_CLUSTER)]
        elif token == VPC:
            groups = self.of(DEFAULT_GROUP)
            inside = [(each.token, each.id) for each in groups if each.inputs["vpcId"] == identity]
        for each in inside:
            del self._things[each]

    def _write(self, token: str, entry: dict[str, Any]) -> None:
        before = self._things.get((token, entry["id"]))
        if entry["call"] == "Update" and before is None:
            return
        thing = Thing(
            token=token,
            id=entry["id"],
            inputs=entry["inputs"],
            outputs={**entry.get("outputs", {}), **entry["inputs"]},
            status=entry.get("status") or (before.status if before else "ACTIVE"),
        )
        self.add(thing)
        if token == CLUSTER and entry["call"] == "Create":
            self._admit_creator(thing)

    def _admit_creator(self, cluster: Thing) -> None:
        """Let EKS make the access entry of whoever makes a cluster; so it does where nothing is said."""
        if cluster.inputs.get("accessConfig", {}).get("bootstrapClusterCreatorAdminPermissions", True):
            entry = {"clusterName": cluster.id, "principalArn": CALLER, "tags": {}}
            self.add(Thing(token=ACCESS_ENTRY, id=f"{cluster.id}:{CALLER}", inputs=entry))

    def _deregister(self, target: Thing) -> None:
        """Let a target go, whoever has registered it: DeregisterTargets knows the target, not its registrations."""
        twins = [
            key
            for key, each in self._things.items()
            if each.token == target.token and _place(each) == _place(target)
        ]
        for key in twins:
            del self._things[key]

    def _write_again(self, group: Thing) -> None:
        """Let EKS make the log group of a control plane again: its log streams end some time after it is gone."""
        if group.inputs["name"] in [
            f"/aws/eks/{cluster.inputs['name']}/cluster" for cluster in self.of(CLUSTER)
        ]:
            self.add(Thing(token=LOG_GROUP, id=MADE_BY_EKS, inputs={"name": group.inputs["name"]}))

    def add(self, thing: Thing) -> None:
        """Let something exist."""
        self._things[(thing.token, thing.id)] = thing

    def get(self, token: str, identity: str) -> Thing | None:
        """Return what has this id."""
        return self._things.get((token, identity))

    def of(self, token: str) -> list[Thing]:
        """Return everything of a type, and what of it is being created."""
        return [each for each in self if each.token == token]

    def __iter__(self) -> Iterator[Thing]:
        """Go through everything, what is being created included."""
        return iter([*self._things.values(), *self.begun])


def _place(target: Thing) -> tuple[Any, ...]:
    """Tell what is registered where; an auto-scaling group registers its machines by itself."""
    keys = ("targetGroupArn", "targetId", "port", "lbTargetGroupArn", "autoscalingGroupName")
    return tuple(target.inputs.get(key) for key in keys)


def _token(entry: dict[str, Any]) -> str:
    return entry["urn"].split("::")[2].split("$")[-1]
