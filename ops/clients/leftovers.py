"""AWS after a destroy: lists of what still carries a stack's names or tags, as `id (detail)`.

A tag is looked for where the resource itself is listed. The Resource Groups Tagging API comes last, as a net under
everything else: it lags behind by minutes and still lists what was deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from ops.clients.aws import AwsClient

STACK_TAG = "eks-hybrid-calico:stack"
Object = dict[str, Any]

# Types with a lister of their own, or that cannot outlive their VPC (gone.vpcs). What else the net catches is news.
_LISTED_TYPES = frozenset(
    {
        "ec2:elastic-ip",
        "ec2:instance",
        "ec2:internet-gateway",
        "ec2:launch-template",
        "ec2:natgateway",
        "ec2:network-interface",
        "ec2:route-table",
        "ec2:security-group",
        "ec2:security-group-rule",
        "ec2:subnet",
        "ec2:volume",
        "ec2:vpc",
        "ec2:vpc-peering-connection",
        "eks:access-entry",
        "eks:addon",
        "eks:cluster",
        "eks:nodegroup",
        "elasticloadbalancing:listener",
        "elasticloadbalancing:listener-rule",
        "elasticloadbalancing:loadbalancer",
        "elasticloadbalancing:targetgroup",
        "logs:log-group",
        "ssm:managed-instance",
    }
)
# Who may take on the roles that this project makes; roles of other services are not asked for their tags.
_TRUSTED = ("ssm.amazonaws.com", "eks.amazonaws.com", "ec2.amazonaws.com")


@dataclass(frozen=True, kw_only=True)
class Names:
    """What a stack called its things."""

    project: str
    stack: str
    region: str
    cluster: str

    @property
    def tag(self) -> str:
        """Give the value of the stack tag."""
        return f"{self.project}/{self.stack}"

    @property
    def subject(self) -> dict[str, str]:
        """Say what a report is about."""
        return {"destroyed stack": self.stack, "cluster": self.cluster, "region": self.region}


class LeftoversAws(AwsClient):
    """What is left of a stack."""

    def left(self, kind: str, names: Names) -> list[str]:
        """List what is left of a kind, a key of `LISTERS`."""
        return sorted(set(LISTERS[kind](self, names)))


def _ec2(aws: AwsClient, operation: str, key: str, names: Names, *more: Object) -> list[Object]:
    """List an EC2 kind by the stack tag and by each of `more` filters; an item may come twice."""
    filters = [{"Name": f"tag:{STACK_TAG}", "Values": [names.tag]}, *more]
    return [item for one in filters for item in aws.pages("ec2", operation, key, Filters=[one])]


def _of_cluster(names: Names) -> Object:
    """Find what Kubernetes or EKS made for the cluster, which carries none of our tags."""
    return {"Name": "tag-key", "Values": [f"kubernetes.io/cluster/{names.cluster}"]}


def _eks_group(names: Names) -> Object:
    return {"Name": "tag:aws:eks:cluster-name", "Values": [names.cluster]}


def _cluster(aws: AwsClient, names: Names) -> Iterator[str]:
    answer = aws.ask("eks", "describe_cluster", missing=("ResourceNotFoundException",), name=names.cluster)
    if answer:
        yield f"{names.cluster} ({answer['cluster'].get('status')})"


def _instances(aws: AwsClient, names: Names) -> Iterator[str]:
    for reservation in _ec2(aws, "describe_instances", "Reservations", names, _of_cluster(names)):
        for instance in reservation["Instances"]:
            # EC2 shows a terminated instance for about an hour.
            if instance["State"]["Name"] != "terminated":
                yield f"{instance['InstanceId']} ({instance['State']['Name']})"


def _registrations(aws: AwsClient, names: Names) -> Iterator[str]:
    # Tags of an activation pass to the machines that register with it.
    for key, value in ((STACK_TAG, names.tag), ("EKSClusterARN", _cluster_arn(aws, names))):
        filters = [{"Key": f"tag:{key}", "Values": [value]}]
        for item in aws.pages(
            "ssm", "describe_instance_information", "InstanceInformationList", Filters=filters
        ):
            yield f"{item['InstanceId']} ({item.get('PingStatus')}, {item.get('ComputerName', 'no host name')})"


def _cluster_arn(aws: AwsClient, names: Names) -> str:
    caller = aws.ask("sts", "get_caller_identity")
    partition = caller["Arn"].split(":")[1]
    return f"arn:{partition}:eks:{names.region}:{caller['Account']}:cluster/{names.cluster}"


def _carries(tags: Iterable[Object] | None, key: str, value: str) -> bool:
    return any(tag["Key"] == key and tag["Value"] == value for tag in tags or [])


def _activations(aws: AwsClient, names: Names) -> Iterator[str]:
    arn = _cluster_arn(aws, names)
    for item in aws.pages("ssm", "describe_activations", "ActivationList"):
        tags = item.get("Tags")
        if _carries(tags, STACK_TAG, names.tag) or _carries(tags, "EKSClusterARN", arn):
            yield f"{item['ActivationId']} ({item.get('Description', 'no description')})"


def _interfaces(aws: AwsClient, names: Names) -> Iterator[str]:
    described = {"Name": "description", "Values": [f"Amazon EKS {names.cluster}"]}
    for item in _ec2(aws, "describe_network_interfaces", "NetworkInterfaces", names, described):
        yield f"{item['NetworkInterfaceId']} ({item.get('Description') or item.get('Status')})"


def _groups(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(
        aws, "describe_security_groups", "SecurityGroups", names, _of_cluster(names), _eks_group(names)
    ):
        yield f"{item['GroupId']} ({item['GroupName']})"


def _volumes(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_volumes", "Volumes", names, _of_cluster(names)):
        yield f"{item['VolumeId']} ({item['Size']} GiB, {item['State']})"


def _addresses(aws: AwsClient, names: Names) -> Iterator[str]:
    filters = [{"Name": f"tag:{STACK_TAG}", "Values": [names.tag]}]
    for item in aws.ask("ec2", "describe_addresses", Filters=filters)["Addresses"]:
        yield f"{item['AllocationId']} ({item['PublicIp']})"


def _templates(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_launch_templates", "LaunchTemplates", names):
        yield f"{item['LaunchTemplateId']} ({item['LaunchTemplateName']})"


def _vpcs(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_vpcs", "Vpcs", names):
        yield f"{item['VpcId']} ({item['CidrBlock']})"


def _balancers(aws: AwsClient, names: Names) -> Iterator[str]:
    yield from _elb(aws, names, "describe_load_balancers", "LoadBalancers", "LoadBalancer")


def _target_groups(aws: AwsClient, names: Names) -> Iterator[str]:
    yield from _elb(aws, names, "describe_target_groups", "TargetGroups", "TargetGroup")


def _elb(aws: AwsClient, names: Names, operation: str, key: str, kind: str) -> Iterator[str]:
    found = {item[f"{kind}Arn"]: item[f"{kind}Name"] for item in aws.pages("elbv2", operation, key)}
    arns = list(found)
    # The API takes 20 at a time.
    for start in range(0, len(arns), 20):
        answer = aws.ask("elbv2", "describe_tags", ResourceArns=arns[start : start + 20])
        for item in answer["TagDescriptions"]:
            if _carries(item.get("Tags"), STACK_TAG, names.tag):
                yield found[item["ResourceArn"]]


def _log_groups(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in aws.pages(
        "logs", "describe_log_groups", "logGroups", logGroupNamePrefix=f"/aws/eks/{names.cluster}/"
    ):
        yield item["logGroupName"]


def _roles(aws: AwsClient, names: Names) -> Iterator[str]:
    for role in aws.pages("iam", "list_roles", "Roles"):
        if any(service in str(role.get("AssumeRolePolicyDocument")) for service in _TRUSTED):
            answer = aws.ask("iam", "list_role_tags", missing=("NoSuchEntity",), RoleName=role["RoleName"])
            if _carries((answer or {}).get("Tags"), STACK_TAG, names.tag):
                yield role["RoleName"]


def _others(aws: AwsClient, names: Names) -> Iterator[str]:
    filters = [{"Key": STACK_TAG, "Values": [names.tag]}]
    for item in aws.pages(
        "resourcegroupstaggingapi", "get_resources", "ResourceTagMappingList", TagFilters=filters
    ):
        if arn_type(item["ResourceARN"]) not in _LISTED_TYPES:
            yield item["ResourceARN"]


def arn_type(arn: str) -> str:
    """Give service and type of an ARN, `ec2:instance`; only the service where ARNs of that service have no type."""
    parts = arn.split(":", 5)
    if len(parts) < 6:
        return arn
    kind = parts[5].replace(":", "/").partition("/")[0]
    return f"{parts[2]}:{kind}"


LISTERS = {
    "cluster": _cluster,
    "instances": _instances,
    "registrations": _registrations,
    "activations": _activations,
    "network-interfaces": _interfaces,
    "security-groups": _groups,
    "volumes": _volumes,
    "elastic-ips": _addresses,
    "launch-templates": _templates,
    "load-balancers": _balancers,
    "target-groups": _target_groups,
    "log-groups": _log_groups,
    "roles": _roles,
    "vpcs": _vpcs,
    "others": _others,
}
