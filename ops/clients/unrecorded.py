"""What AWS has of a stack and the stack's state has not, with the commands that delete it.

An engine that was killed, or an answer that was lost, leaves what AWS has made and nobody has recorded: the next `up`
is refused (`Resource.AlreadyAssociated`, `InvalidPermission.Duplicate`) or pays for a second one, and `destroy` ends in
DependencyViolation. The engine makes a resource out of the ids of others only when it has recorded those: nothing hangs
on what it has not recorded, and to delete that loses nothing.

What goes with its parent and can be made again is not looked for: attachments of targets and auto-scaling groups.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from botocore import xform_name

from infra.iam import HYBRID_NODE_POLICIES, MANAGED_NODE_POLICIES
from infra.names import FIXED_SETTINGS_RESOURCE, POD_IDENTITY_RESOURCE, STACK_TAG
from ops.clients.aws import IN_CLUSTER, AwsClient, used_by
from ops.clients.errors import AskError
from ops.clients.leftovers import Names, log_groups, oidc_providers, roles, tagged_in_elb, tags_of

Object = dict[str, Any]

# Operation, key of its answer, key of the id, commands. In an order in which they can be deleted.
_EC2: Final = (
    ("describe_nat_gateways", "NatGateways", "NatGatewayId",
     ("delete-nat-gateway --nat-gateway-id {id}", "wait nat-gateway-deleted --nat-gateway-ids {id}")),
    ("describe_vpc_endpoints", "VpcEndpoints", "VpcEndpointId", ("delete-vpc-endpoints --vpc-endpoint-ids {id}",)),
    ("describe_vpc_peering_connections", "VpcPeeringConnections", "VpcPeeringConnectionId",
     ("delete-vpc-peering-connection --vpc-peering-connection-id {id}",)),
    ("describe_transit_gateway_vpc_attachments", "TransitGatewayVpcAttachments", "TransitGatewayAttachmentId",
     ("delete-transit-gateway-vpc-attachment --transit-gateway-attachment-id {id}",)),
    ("describe_instances", "Reservations", "InstanceId",
     ("terminate-instances --instance-ids {id}", "wait instance-terminated --instance-ids {id}")),
    ("describe_addresses", "Addresses", "AllocationId", ("release-address --allocation-id {id}",)),
    ("describe_security_group_rules", "SecurityGroupRules", "SecurityGroupRuleId",
     ("revoke-security-group-{direction} --group-id {group} --security-group-rule-ids {id}",)),
    ("describe_security_groups", "SecurityGroups", "GroupId", ("delete-security-group --group-id {id}",)),
    ("describe_subnets", "Subnets", "SubnetId", ("delete-subnet --subnet-id {id}",)),
    ("describe_internet_gateways", "InternetGateways", "InternetGatewayId",
     ("detach-internet-gateway --internet-gateway-id {id} --vpc-id {attached}",
      "delete-internet-gateway --internet-gateway-id {id}")),
    ("describe_route_tables", "RouteTables", "RouteTableId", ("delete-route-table --route-table-id {id}",)),
    ("describe_vpcs", "Vpcs", "VpcId", ("delete-vpc --vpc-id {id}",)),
    ("describe_launch_templates", "LaunchTemplates", "LaunchTemplateId",
     ("delete-launch-template --launch-template-id {id}",)),
)  # fmt: skip
# AWS lists these for about an hour more.
_GONE: Final = frozenset({"deleted", "terminated", "shutting-down", "rejected", "expired", "failed"})
# Known by these inputs: AWS does not know their ids.
_BY_INPUTS: Final = {
    "aws:ec2/route:Route": ("routeTableId", "destinationCidrBlock"),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ("role", "policyArn"),
    "aws:iam/rolePolicy:RolePolicy": ("role", "name"),
}
# The last is what pulumi-eks attaches. An organization may attach others, which are not ours.
_POLICIES: Final = (*HYBRID_NODE_POLICIES, *MANAGED_NODE_POLICIES, "AmazonEKSClusterPolicy")


@dataclass(frozen=True, kw_only=True)
class Unrecorded:
    """Something that the state does not have; `commands` delete it, in this order.

    `id` is AWS's; `vpc` the id of the VPC that it is in, empty where AWS does not say.
    """

    kind: str
    id: str
    name: str = ""
    vpc: str = ""
    commands: tuple[str, ...]

    @property
    def what(self) -> str:
        """Name it for people."""
        return f"{self.kind} {self.id}{f' ({self.name})' if self.name else ''}"

    @property
    def delete(self) -> str:
        """Give one line for a shell."""
        return " && ".join(self.commands)


def recorded(deployment: Mapping[str, Any]) -> dict[str, str]:
    """Give the URNs in a state by AWS's ids; `deployment` is that of `pulumi stack export`.

    A route is known by its table and destination, a policy of a role by both. A transit gateway that something
    leads to counts as recorded, and so do the VPC that was there before, its subnets and the ranges of the site.
    """
    urns: dict[str, str] = {}
    for resource in deployment.get("resources") or ():
        type_, inputs = str(resource.get("type")), resource.get("inputs") or {}
        # What is not AWS's may have the id of something that is: the clean-up of a node has its activation's.
        if type_.startswith("aws:") or type_ == POD_IDENTITY_RESOURCE:
            keys = _BY_INPUTS.get(type_, ())
            known_by = " ".join(str(inputs.get(key)) for key in keys)
            for ident in (resource.get("id"), inputs.get("transitGatewayId"), known_by):
                urns[str(ident)] = str(resource.get("urn"))
        elif type_ == FIXED_SETTINGS_RESOURCE:
            network, site = inputs.get("network") or {}, inputs.get("site") or {}
            subnets = (*network.get("privateSubnetIds", ()), *network.get("publicSubnetIds", ()))
            ranges = site.get("nodeCidrs") or (inputs.get("onPremVpcCidr"),)
            urns |= dict.fromkeys(
                filter(None, (network.get("vpcId"), *subnets, *ranges)), str(resource.get("urn"))
            )
    return urns


def find(aws: AwsClient, names: Names, state: Mapping[str, str]) -> list[Unrecorded]:
    """List what AWS has of a stack and its state (`recorded`) has not.

    Errors: AskError (AWS could not be asked, or what there is belongs to another state and must not be deleted).
    """
    searches = (_eks, _balancers, _in_tables, _ec2, _others)
    missing = [item for search in searches for item in search(aws, names, state) if item.id not in state]
    vpcs = {item.id for item in missing if item.kind == "vpc"}
    for item in missing:
        if item.vpc in vpcs:
            raise AskError(
                f"{item.vpc} and {item.what} in it carry the tag of stack {names.tag}, and this state has neither",
                code="other-state",
            )
    return missing


def _commands(names: Names, service: str, *commands: str) -> tuple[str, ...]:
    return tuple(f"aws {service} {command} --region {names.region}" for command in commands)


def _eks(aws: AwsClient, names: Names, _state: Mapping[str, str]) -> Iterator[Unrecorded]:
    cluster, described = names.cluster, aws.cluster(names.cluster)
    if not described or (described.get("tags") or {}).get(STACK_TAG) != names.tag:
        return
    for kind, (*_, parameter) in IN_CLUSTER.items():
        for item in aws.in_cluster(cluster, kind):
            if (item.get("tags") or {}).get(STACK_TAG) == names.tag:
                which = f"--cluster-name {cluster} --{xform_name(parameter, '-')} {item[parameter]}"
                lines = [f"delete-{kind} {which}"]
                if kind == "nodegroup":
                    waits = [f"wait nodegroup-active {which}"] if item.get("status") == "CREATING" else []
                    lines = [*waits, *lines, f"wait nodegroup-deleted {which}"]
                commands = _commands(names, "eks", *lines)
                yield Unrecorded(kind=kind, id=f"{cluster}:{item[parameter]}", commands=commands)
    # EKS deletes no cluster that it is still making.
    waits = [f"wait cluster-active --name {cluster}"] if described["status"] == "CREATING" else []
    lines = [*waits, f"delete-cluster --name {cluster}", f"wait cluster-deleted --name {cluster}"]
    yield Unrecorded(kind="cluster", id=cluster, commands=_commands(names, "eks", *lines))


def _balancers(aws: AwsClient, names: Names, _state: Mapping[str, str]) -> Iterator[Unrecorded]:
    balancers = [
        item
        for item, tags in tagged_in_elb(aws, "describe_load_balancers", "LoadBalancers", "LoadBalancerArn")
        if tags.get(STACK_TAG) == names.tag
    ]
    for item in balancers:
        arn = item["LoadBalancerArn"]
        for listener in aws.pages("elbv2", "describe_listeners", "Listeners", LoadBalancerArn=arn):
            ident = listener["ListenerArn"]
            commands = _commands(names, "elbv2", f"delete-listener --listener-arn {ident}")
            yield Unrecorded(kind="listener", id=ident, commands=commands)
        lines = (
            f"delete-load-balancer --load-balancer-arn {arn}",
            f"wait load-balancers-deleted --load-balancer-arns {arn}",
        )
        yield Unrecorded(
            kind="load-balancer",
            id=arn,
            vpc=item.get("VpcId", ""),
            commands=_commands(names, "elbv2", *lines),
        )
    for item, tags in tagged_in_elb(aws, "describe_target_groups", "TargetGroups", "TargetGroupArn"):
        if tags.get(STACK_TAG) == names.tag:
            arn = item["TargetGroupArn"]
            commands = _commands(names, "elbv2", f"delete-target-group --target-group-arn {arn}")
            yield Unrecorded(kind="target-group", id=arn, vpc=item.get("VpcId", ""), commands=commands)


def _in_tables(aws: AwsClient, names: Names, state: Mapping[str, str]) -> Iterator[Unrecorded]:
    """List what carries no tags: associations and routes, in the route tables that the state has.

    Of a VPC that was there before: only routes to the site, in the tables that the stack's subnets use.
    """
    vpcs = [ident for ident in state if ident.startswith("vpc-")]
    in_vpcs = [{"Name": "vpc-id", "Values": vpcs}]
    tables = aws.pages("ec2", "describe_route_tables", "RouteTables", Filters=in_vpcs) if vpcs else []
    in_use = used_by([ident for ident in state if ident.startswith("subnet-")], tables)
    for table in tables:
        ident = table["RouteTableId"]
        ours = ident in state
        for association in table.get("Associations", ()) if ours else ():
            if not association.get("Main"):
                name = association["RouteTableAssociationId"]
                line = f"disassociate-route-table --association-id {name}"
                yield Unrecorded(
                    kind="route-table-association", id=name, commands=_commands(names, "ec2", line)
                )
        for route in table.get("Routes", ()) if ours or ident in in_use else ():
            # Somebody else's lead to something else.
            keys = ("NatGatewayId", "GatewayId", "VpcPeeringConnectionId", "TransitGatewayId")
            to = next((route[key] for key in keys if route.get(key)), "")
            cidr = route.get("DestinationCidrBlock")
            if cidr and to in state and (ours or cidr in state):
                line = f"delete-route --route-table-id {ident} --destination-cidr-block {cidr}"
                yield Unrecorded(kind="route", id=f"{ident} {cidr}", commands=_commands(names, "ec2", line))


def _described(aws: AwsClient, names: Names, operation: str, key: str) -> Iterator[Object]:
    wanted = [{"Name": f"tag:{STACK_TAG}", "Values": [names.tag]}]
    if operation == "describe_addresses":
        items = aws.ask("ec2", operation, Filters=wanted)[key]
    else:
        parameter = "Filter" if operation == "describe_nat_gateways" else "Filters"
        items = aws.pages("ec2", operation, key, **{parameter: wanted})
    for item in items:
        yield from item.get("Instances", [item])


def _ec2(aws: AwsClient, names: Names, state: Mapping[str, str]) -> Iterator[Unrecorded]:
    for operation, key, id_key, commands in _EC2:
        for item in _described(aws, names, operation, key):
            tags, ident, kind = tags_of(item), item[id_key], id_key.removesuffix("Id").lower()
            # A node group's machines carry our tag too, and EKS's group of a cluster. That of a VPC goes with it.
            if _gone(item) or item.get("GroupName") == "default" or any(map(_of_a_service, tags)):
                continue
            attached = next((each["VpcId"] for each in item.get("Attachments", ()) if each.get("VpcId")), "")
            direction = "egress" if item.get("IsEgress") else "ingress"
            lines = [
                line.format(id=ident, attached=attached, direction=direction, group=item.get("GroupId"))
                for line in commands
                if attached or "{attached}" not in line
            ]
            made = _commands(names, "ec2", *lines)
            name = tags.get("Name", "")
            if kind == "instance":
                # Its activation may have admitted it, and admits no second machine: the next up makes another one.
                made += tuple(
                    f"pulumi state taint --yes {shlex.quote(urn)}"
                    for urn in state.values()
                    if f"Activation::{name}." in urn
                )
            yield Unrecorded(
                kind=kind,
                id=ident,
                name=name,
                vpc=attached or ("" if kind == "vpc" else item.get("VpcId", "")),
                commands=made,
            )


def _gone(item: Object) -> bool:
    status = item.get("State") or item.get("Status") or ""
    if isinstance(status, dict):
        status = status.get("Name") or status.get("Code") or ""
    return status.lower() in _GONE


def _of_a_service(tag: str) -> bool:
    return tag.startswith(("aws:", "eks:"))


def _others(aws: AwsClient, names: Names, _state: Mapping[str, str]) -> Iterator[Unrecorded]:
    for name in roles(aws, names):
        # A role that has any is not deleted (DeleteConflict).
        for policy in aws.pages("iam", "list_attached_role_policies", "AttachedPolicies", RoleName=name):
            arn = policy["PolicyArn"]
            if arn.rpartition("/")[2] in _POLICIES:
                command = f"aws iam detach-role-policy --role-name {name} --policy-arn {arn}"
                yield Unrecorded(kind="attached-policy", id=f"{name} {arn}", commands=(command,))
        for policy in aws.pages("iam", "list_role_policies", "PolicyNames", RoleName=name):
            command = f"aws iam delete-role-policy --role-name {name} --policy-name {policy}"
            yield Unrecorded(kind="role-policy", id=f"{name} {policy}", commands=(command,))
        yield Unrecorded(kind="role", id=name, commands=(f"aws iam delete-role --role-name {name}",))
    for arn in oidc_providers(aws, names):
        command = f"aws iam delete-open-id-connect-provider --open-id-connect-provider-arn {arn}"
        yield Unrecorded(kind="oidc-provider", id=arn, commands=(command,))
    for item in log_groups(aws, names):
        name, arn = item["logGroupName"], item["arn"].removesuffix(":*")
        tags = aws.ask("logs", "list_tags_for_resource", resourceArn=arn)["tags"]
        if tags.get(STACK_TAG) == names.tag:
            line = f"delete-log-group --log-group-name {name}"
            yield Unrecorded(kind="log-group", id=name, commands=_commands(names, "logs", line))
    for item in aws.pages("ssm", "describe_activations", "ActivationList"):
        if tags_of(item).get(STACK_TAG) == names.tag and not item.get("Expired"):
            line = f"delete-activation --activation-id {item['ActivationId']}"
            yield Unrecorded(
                kind="activation", id=item["ActivationId"], commands=_commands(names, "ssm", line)
            )
