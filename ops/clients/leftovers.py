"""AWS after a destroy: lists of what is left in a stack's VPCs or carries its names or tags, as `id (who made it)`.

What others made in a VPC of ours (a load balancer of a Service, an endpoint of GuardDuty) has no tag of ours and holds
the VPC all the same, so it is looked for by VPC. The Resource Groups Tagging API comes last, as a net under everything
else: it lags behind by minutes and still lists what was deleted.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from infra.names import CLUSTER_ARN_TAG, STACK_TAG
from ops.clients.aws import AwsClient

Object = dict[str, Any]

# Types with a lister of their own, or that cannot outlive their VPC. What else the net catches is news.
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
        "ec2:vpc-endpoint",
        "ec2:vpc-peering-connection",
        "eks:access-entry",
        "eks:addon",
        "eks:cluster",
        "eks:nodegroup",
        "elasticloadbalancing:listener",
        "elasticloadbalancing:listener-rule",
        "elasticloadbalancing:loadbalancer",
        "elasticloadbalancing:targetgroup",
        "iam:oidc-provider",
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


def left(aws: AwsClient, kind: str, names: Names) -> list[str]:
    """List what is left of a kind, a key of `LISTERS`."""
    return sorted(set(LISTERS[kind](aws, names)))


def _ec2(aws: AwsClient, operation: str, key: str, names: Names, *more: Object) -> list[Object]:
    """List an EC2 kind by the stack tag and by each of `more` filters; an item may come twice."""
    filters = [_by_tag(names), *more]
    return [item for one in filters for item in aws.pages("ec2", operation, key, Filters=[one])]


def _by_tag(names: Names) -> Object:
    return {"Name": f"tag:{STACK_TAG}", "Values": [names.tag]}


def _vpc_ids(aws: AwsClient, names: Names) -> list[str]:
    return [item["VpcId"] for item in aws.pages("ec2", "describe_vpcs", "Vpcs", Filters=[_by_tag(names)])]


def _in_vpcs(aws: AwsClient, names: Names) -> list[Object]:
    """Find what is in a VPC of the stack, whoever made it; no filter once the VPCs are gone."""
    found = _vpc_ids(aws, names)
    return [{"Name": "vpc-id", "Values": found}] if found else []


# How services call what they make in a VPC, and whose it is.
_MAKERS = (
    (r"guardduty", "GuardDuty"),
    (r"^Amazon EKS |^eks-cluster-sg-", "EKS"),
    (r"^ELB |^k8s-elb-|^k8s-", "a load balancer of a Service or Ingress"),
    (r"^aws-K8S-", "the VPC CNI"),
    (r"^Interface for NAT Gateway", "a NAT gateway"),
    (r"^VPC Endpoint Interface", "a VPC endpoint"),
)


def _made_by(words: str, tags: Mapping[str, str], names: Names) -> str:
    """Say who made a thing, from its words (description, name) and its tags; empty when neither tells."""
    for key in ("service.k8s.aws/stack", "kubernetes.io/service-name"):
        if key in tags:
            return f"made for Service {tags[key]}"
    if "ingress.k8s.aws/stack" in tags:
        return f"made for Ingress {tags['ingress.k8s.aws/stack']}"
    if "kubernetes.io/created-for/pvc/name" in tags:
        space = tags.get("kubernetes.io/created-for/pvc/namespace", "?")
        return f"made for PersistentVolumeClaim {space}/{tags['kubernetes.io/created-for/pvc/name']}"
    if tags.get("GuardDutyManaged") == "true":
        return "made by GuardDuty"
    if tags.get(STACK_TAG) == names.tag:
        return "made by this stack"
    for pattern, maker in _MAKERS:
        if re.search(pattern, words, re.IGNORECASE):
            return f"made by {maker}"
    return "made by Kubernetes" if f"kubernetes.io/cluster/{names.cluster}" in tags else ""


def tags_of(item: Object) -> dict[str, str]:
    """Give the tags of an item, whichever service described it."""
    found = item.get("Tags") or item.get("TagSet") or []
    return {tag["Key"]: tag["Value"] for tag in found}


def _shown(ident: str, *parts: str) -> str:
    return f"{ident} ({', '.join(part for part in parts if part)})"


def _of_cluster(names: Names) -> Object:
    """Find what Kubernetes or EKS made for the cluster, which carries none of our tags."""
    return {"Name": "tag-key", "Values": [f"kubernetes.io/cluster/{names.cluster}"]}


def _cluster(aws: AwsClient, names: Names) -> Iterator[str]:
    if cluster := aws.cluster(names.cluster):
        yield f"{names.cluster} ({cluster.get('status')})"


def _instances(aws: AwsClient, names: Names) -> Iterator[str]:
    wanted = [*_in_vpcs(aws, names), _of_cluster(names)]
    for reservation in _ec2(aws, "describe_instances", "Reservations", names, *wanted):
        for instance in reservation["Instances"]:
            # EC2 shows a terminated instance for about an hour.
            if instance["State"]["Name"] != "terminated":
                yield _shown(
                    instance["InstanceId"], instance["State"]["Name"], _made_by("", tags_of(instance), names)
                )


def _registrations(aws: AwsClient, names: Names) -> Iterator[str]:
    # Tags of an activation pass to the machines that register with it.
    for key, value in ((STACK_TAG, names.tag), (CLUSTER_ARN_TAG, _cluster_arn(aws, names))):
        filters = [{"Key": f"tag:{key}", "Values": [value]}]
        for item in aws.pages(
            "ssm", "describe_instance_information", "InstanceInformationList", Filters=filters
        ):
            yield f"{item['InstanceId']} ({item.get('PingStatus')}, {item.get('ComputerName', 'no host name')})"


def _cluster_arn(aws: AwsClient, names: Names) -> str:
    _, partition, _, _, account, _ = aws.ask("sts", "get_caller_identity")["Arn"].split(":", 5)
    return f"arn:{partition}:eks:{names.region}:{account}:cluster/{names.cluster}"


def _activations(aws: AwsClient, names: Names) -> Iterator[str]:
    arn = _cluster_arn(aws, names)
    for item in aws.pages("ssm", "describe_activations", "ActivationList"):
        tags = tags_of(item)
        if tags.get(STACK_TAG) == names.tag or tags.get(CLUSTER_ARN_TAG) == arn:
            yield f"{item['ActivationId']} ({item.get('Description', 'no description')})"


def _interfaces(aws: AwsClient, names: Names) -> Iterator[str]:
    described = {"Name": "description", "Values": [f"Amazon EKS {names.cluster}"]}
    wanted = [*_in_vpcs(aws, names), described]
    for item in _ec2(aws, "describe_network_interfaces", "NetworkInterfaces", names, *wanted):
        words = item.get("Description") or item.get("Status") or ""
        yield _shown(item["NetworkInterfaceId"], words, _made_by(words, tags_of(item), names))


def _endpoints(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_vpc_endpoints", "VpcEndpoints", names, *_in_vpcs(aws, names)):
        service = item.get("ServiceName", "")
        yield _shown(item["VpcEndpointId"], service, _made_by(service, tags_of(item), names))


def _groups(aws: AwsClient, names: Names) -> Iterator[str]:
    of_eks = {"Name": "tag:aws:eks:cluster-name", "Values": [names.cluster]}
    wanted = [*_in_vpcs(aws, names), _of_cluster(names), of_eks]
    for item in _ec2(aws, "describe_security_groups", "SecurityGroups", names, *wanted):
        # That of the VPC itself goes with it.
        if item["GroupName"] != "default":
            name = item["GroupName"]
            yield _shown(item["GroupId"], name, _made_by(name, tags_of(item), names))


def _volumes(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_volumes", "Volumes", names, _of_cluster(names)):
        yield _shown(
            item["VolumeId"], f"{item['Size']} GiB", item["State"], _made_by("", tags_of(item), names)
        )


def _addresses(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in aws.ask("ec2", "describe_addresses", Filters=[_by_tag(names)])["Addresses"]:
        yield f"{item['AllocationId']} ({item['PublicIp']})"


def _templates(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_launch_templates", "LaunchTemplates", names):
        yield f"{item['LaunchTemplateId']} ({item['LaunchTemplateName']})"


def _vpcs(aws: AwsClient, names: Names) -> Iterator[str]:
    for item in _ec2(aws, "describe_vpcs", "Vpcs", names):
        yield f"{item['VpcId']} ({item['CidrBlock']})"


def _balancers(aws: AwsClient, names: Names) -> Iterator[str]:
    yield from _elb(aws, names, "describe_load_balancers", "LoadBalancers", "LoadBalancer")
    vpcs = _vpc_ids(aws, names)
    classic = {
        item["LoadBalancerName"]: item
        for item in aws.pages("elb", "describe_load_balancers", "LoadBalancerDescriptions")
    }
    for described in _tags_in_elb(aws, "elb", "LoadBalancerNames", list(classic)):
        name, tags = described["LoadBalancerName"], tags_of(described)
        if classic[name].get("VPCId") in vpcs or _ours(tags, names):
            yield _shown(name, "classic", _made_by("", tags, names))


def _target_groups(aws: AwsClient, names: Names) -> Iterator[str]:
    yield from _elb(aws, names, "describe_target_groups", "TargetGroups", "TargetGroup")


def _elb(aws: AwsClient, names: Names, operation: str, key: str, kind: str) -> Iterator[str]:
    vpcs = _vpc_ids(aws, names)
    for item, tags in tagged_in_elb(aws, operation, key, f"{kind}Arn"):
        if item.get("VpcId") in vpcs or _ours(tags, names):
            sort = item.get("Type") or item.get("TargetType") or ""
            yield _shown(item[f"{kind}Name"], sort, _made_by("", tags, names))


def tagged_in_elb(
    aws: AwsClient, operation: str, key: str, arn_key: str
) -> Iterator[tuple[Object, dict[str, str]]]:
    """List all of a kind in Elastic Load Balancing, each with its tags."""
    items = {item[arn_key]: item for item in aws.pages("elbv2", operation, key)}
    for described in _tags_in_elb(aws, "elbv2", "ResourceArns", list(items)):
        yield items[described["ResourceArn"]], tags_of(described)


def _tags_in_elb(aws: AwsClient, service: str, parameter: str, names: list[str]) -> Iterator[Object]:
    """Describe the tags of each, 20 at a time; what has gone since it was listed, as after a destroy, is left out."""
    for start in range(0, len(names), 20):
        piece = names[start : start + 20]
        gone = ("LoadBalancerNotFound", "TargetGroupNotFound")
        answer = aws.ask(service, "describe_tags", missing=gone, **{parameter: piece})
        if answer is not None:
            yield from answer["TagDescriptions"]
        elif len(piece) > 1:
            for name in piece:
                yield from _tags_in_elb(aws, service, parameter, [name])


def _ours(tags: Mapping[str, str], names: Names) -> bool:
    """Tell by its tags what the stack made, or a controller in its cluster."""
    return (
        tags.get(STACK_TAG) == names.tag
        or tags.get("elbv2.k8s.aws/cluster") == names.cluster
        or f"kubernetes.io/cluster/{names.cluster}" in tags
    )


def log_groups(aws: AwsClient, names: Names) -> list[Object]:
    """List the log groups of the cluster's name."""
    prefix = f"/aws/eks/{names.cluster}/"
    return aws.pages("logs", "describe_log_groups", "logGroups", logGroupNamePrefix=prefix)


def _log_groups(aws: AwsClient, names: Names) -> Iterator[str]:
    return (item["logGroupName"] for item in log_groups(aws, names))


def roles(aws: AwsClient, names: Names) -> Iterator[str]:
    """List the roles of the stack, by name."""
    for role in aws.pages("iam", "list_roles", "Roles"):
        name, trust = role["RoleName"], str(role.get("AssumeRolePolicyDocument"))
        trusted = any(service in trust for service in _TRUSTED)
        if trusted and _ours_in_iam(aws, names, "list_role_tags", RoleName=name):
            yield name


def oidc_providers(aws: AwsClient, names: Names) -> Iterator[str]:
    """List the OIDC providers of the stack, by ARN: a search by tag finds those of IAM in one region only."""
    for provider in aws.ask("iam", "list_open_id_connect_providers")["OpenIDConnectProviderList"]:
        arn = provider["Arn"]
        if _ours_in_iam(aws, names, "list_open_id_connect_provider_tags", OpenIDConnectProviderArn=arn):
            yield arn


def _ours_in_iam(aws: AwsClient, names: Names, operation: str, **which: str) -> bool:
    """Tell whether something of IAM carries the stack's tag; what is gone by now does not."""
    answer = aws.ask("iam", operation, missing=("NoSuchEntity",), **which)
    return tags_of(answer or {}).get(STACK_TAG) == names.tag


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
    "load-balancers": _balancers,
    "vpc-endpoints": _endpoints,
    "network-interfaces": _interfaces,
    "security-groups": _groups,
    "volumes": _volumes,
    "elastic-ips": _addresses,
    "launch-templates": _templates,
    "target-groups": _target_groups,
    "log-groups": _log_groups,
    "roles": roles,
    "oidc-providers": oidc_providers,
    "vpcs": _vpcs,
    "others": _others,
}
