"""AWS as doctor sees it: one method per question, answers in the shapes of the AWS API. Everything here reads.

The requests, their errors and the classes for tests are verify's; here are the questions verify does not ask.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from ops.clients.aws import RealAws

Object = dict[str, Any]

# GetConsoleOutput keeps the last 64 KB; Latest is for Nitro machines only, others answer with this code.
# https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_GetConsoleOutput.html
_NO_LATEST = ("UnsupportedOperation", "InvalidParameterCombination", "InvalidParameterValue")
_GONE = ("InvalidInstanceID.NotFound", "InvalidInstanceID.Malformed")


class Cloud(Protocol):
    """What doctor asks of AWS. A missing single thing is None."""

    def tagged_instances(self, key: str, value: str) -> list[Object]:
        """Describe the EC2 instances with a tag, terminated ones too, for the hour that EC2 remembers them."""
        ...

    def instances(self, instance_ids: Sequence[str]) -> list[Object]:
        """Describe EC2 instances; ids that do not exist are left out."""
        ...

    def console(self, instance_id: str) -> Object | None:
        """Get the console output: Output (text) and Timestamp."""
        ...

    def activations(self) -> list[Object]:
        """Describe all SSM activations of the region. They never hold their code."""
        ...

    def registered(self, activation_ids: Sequence[str]) -> list[Object]:
        """List the managed instances (mi-*) that registered with some activations."""
        ...

    def cluster(self, name: str) -> Object | None:
        """Describe an EKS cluster."""
        ...

    def access_entries(self, cluster: str) -> list[Object]:
        """Describe all access entries of an EKS cluster."""
        ...

    def node_groups(self, cluster: str) -> list[Object]:
        """Describe all node groups of an EKS cluster."""
        ...

    def add_ons(self, cluster: str) -> list[Object]:
        """Describe all add-ons of an EKS cluster."""
        ...

    def tagged_target_groups(self, key: str, value: str) -> list[Object]:
        """Describe the target groups with a tag."""
        ...

    def target_health(self, target_group_arn: str) -> list[Object]:
        """Describe the registered targets of a target group and their health."""
        ...


class RealCloud(RealAws):
    """`Cloud` by boto3."""

    def tagged_instances(self, key: str, value: str) -> list[Object]:
        """See `Cloud`."""
        wanted = {"Name": f"tag:{key}", "Values": [value]}
        found = self.pages("ec2", "describe_instances", "Reservations", Filters=[wanted])
        return [instance for reservation in found for instance in reservation.get("Instances") or []]

    def console(self, instance_id: str) -> Object | None:
        """See `Cloud`."""
        # botocore decodes Output from base64. An instance type without Latest has what it said while booting.
        newest = self.ask(
            "ec2",
            "get_console_output",
            missing=(*_NO_LATEST, *_GONE),
            InstanceId=instance_id,
            Latest=True,
        )
        if newest is not None:
            return newest
        return self.ask("ec2", "get_console_output", missing=_GONE, InstanceId=instance_id)

    def activations(self) -> list[Object]:
        """See `Cloud`."""
        return self.pages("ssm", "describe_activations", "ActivationList")

    def registered(self, activation_ids: Sequence[str]) -> list[Object]:
        """See `Cloud`."""
        found: list[Object] = []
        # SSM takes at most 100 values in a filter.
        for start in range(0, len(activation_ids), 100):
            wanted = {"Key": "ActivationIds", "Values": list(activation_ids[start : start + 100])}
            found += self.pages(
                "ssm", "describe_instance_information", "InstanceInformationList", Filters=[wanted]
            )
        return found

    def access_entries(self, cluster: str) -> list[Object]:
        """See `Cloud`."""
        names = self.pages("eks", "list_access_entries", "accessEntries", clusterName=cluster)
        found = [self.access_entry(cluster, name) for name in names]
        return [entry for entry in found if entry is not None]

    def node_groups(self, cluster: str) -> list[Object]:
        """See `Cloud`."""
        names = self.pages("eks", "list_nodegroups", "nodegroups", clusterName=cluster)
        return self._described("nodegroup", cluster, "nodegroupName", names)

    def add_ons(self, cluster: str) -> list[Object]:
        """See `Cloud`."""
        names = self.pages("eks", "list_addons", "addons", clusterName=cluster)
        return self._described("addon", cluster, "addonName", names)

    def _described(self, kind: str, cluster: str, argument: str, names: Sequence[str]) -> list[Object]:
        found = []
        for name in names:
            answer = self.ask(
                "eks",
                f"describe_{kind}",
                missing=("ResourceNotFoundException",),
                clusterName=cluster,
                **{argument: name},
            )
            if answer is not None:
                found.append(answer[kind])
        return found

    def tagged_target_groups(self, key: str, value: str) -> list[Object]:
        """See `Cloud`."""
        # Not by the Resource Groups Tagging API, which lags behind by minutes: the stack may have failed just now.
        groups = self.pages("elbv2", "describe_target_groups", "TargetGroups")
        wanted: set[str] = set()
        # DescribeTags takes at most 20 ARNs. A group that is deleted meanwhile makes the answer None.
        for start in range(0, len(groups), 20):
            arns = [group["TargetGroupArn"] for group in groups[start : start + 20]]
            answer = self.ask("elbv2", "describe_tags", missing=("TargetGroupNotFound",), ResourceArns=arns)
            for item in answer["TagDescriptions"] if answer else []:
                if {"Key": key, "Value": value} in item.get("Tags", []):
                    wanted.add(item["ResourceArn"])
        return [group for group in groups if group["TargetGroupArn"] in wanted]
