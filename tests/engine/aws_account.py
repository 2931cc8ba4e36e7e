"""The world of the stand-ins as AWS's APIs describe it, and the AWS CLI's commands that remove something from it."""

import json
import shlex
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from ops.clients.aws import AwsClient
from tests.engine.standin import refusals
from tests.engine.standin.world import ACTIVATION, CLUSTER, Thing, World

Object = dict[str, Any]

# Operation: key of the answer, key of the id, types.
_EC2 = {
    "describe_addresses": ("Addresses", "AllocationId", "aws:ec2/eip:Eip"),
    "describe_instances": ("Reservations", "InstanceId", "aws:ec2/instance:Instance"),
    "describe_internet_gateways": (
        "InternetGateways",
        "InternetGatewayId",
        "aws:ec2/internetGateway:InternetGateway",
    ),
    "describe_launch_templates": (
        "LaunchTemplates",
        "LaunchTemplateId",
        "aws:ec2/launchTemplate:LaunchTemplate",
    ),
    "describe_nat_gateways": ("NatGateways", "NatGatewayId", "aws:ec2/natGateway:NatGateway"),
    "describe_route_tables": ("RouteTables", "RouteTableId", "aws:ec2/routeTable:RouteTable"),
    "describe_security_groups": ("SecurityGroups", "GroupId", "aws:ec2/securityGroup:SecurityGroup"),
    "describe_subnets": ("Subnets", "SubnetId", "aws:ec2/subnet:Subnet"),
    "describe_transit_gateway_vpc_attachments": (
        "TransitGatewayVpcAttachments",
        "TransitGatewayAttachmentId",
        "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
    ),
    "describe_vpc_endpoints": ("VpcEndpoints", "VpcEndpointId", "aws:ec2/vpcEndpoint:VpcEndpoint"),
    "describe_vpc_peering_connections": (
        "VpcPeeringConnections",
        "VpcPeeringConnectionId",
        "aws:ec2/vpcPeeringConnection:VpcPeeringConnection",
    ),
    "describe_vpcs": ("Vpcs", "VpcId", "aws:ec2/vpc:Vpc"),
    "describe_security_group_rules": (
        "SecurityGroupRules",
        "SecurityGroupRuleId",
        "aws:vpc/securityGroup",
    ),
}
_TARGETS = {
    "natGatewayId": "NatGatewayId",
    "gatewayId": "GatewayId",
    "vpcPeeringConnectionId": "VpcPeeringConnectionId",
    "transitGatewayId": "TransitGatewayId",
}
_IN_CLUSTER = {
    "list_nodegroups": "aws:eks/nodeGroup:NodeGroup",
    "list_addons": "aws:eks/addon:Addon",
    "list_access_entries": "aws:eks/accessEntry:AccessEntry",
}
_ELB = {
    "describe_load_balancers": ("LoadBalancerArn", "aws:lb/loadBalancer:LoadBalancer"),
    "describe_target_groups": ("TargetGroupArn", "aws:lb/targetGroup:TargetGroup"),
}
_OIDC_PROVIDER = "aws:iam/openIdConnectProvider:OpenIdConnectProvider"


class Account(AwsClient):
    """What the stand-ins' journal says that there is in AWS. A question that it does not know fails.

    `pulumi` runs a command of the Pulumi CLI, given as words.
    """

    def __init__(self, journal: Path, pulumi: Callable[..., object]) -> None:
        self._journal, self._pulumi = journal, pulumi
        self._world = World(journal)

    @property
    def world(self) -> World:
        """What exists at this moment."""
        self._world.refresh()
        return self._world

    def there(self) -> list[str]:
        """Name what exists in AWS, whoever made it."""
        return sorted(f"{thing.token} {thing.id}" for thing in self.world if thing.token.startswith("aws:"))

    def pages(self, service: str, operation: str, key: str, **arguments: Any) -> list[Any]:
        """Answer a question for a list."""
        if service == "ec2":
            return self._ec2(operation, key, arguments.get("Filters") or arguments["Filter"])
        if operation in _IN_CLUSTER:
            things = self.world.of(_IN_CLUSTER[operation])
            return [
                thing.id.partition(":")[2]
                for thing in things
                if thing.inputs["clusterName"] == arguments["clusterName"]
            ]
        if operation in _ELB:
            arn, token = _ELB[operation]
            return [{arn: thing.id} for thing in self.world.of(token)]
        if operation == "describe_listeners":
            of = arguments["LoadBalancerArn"]
            listeners = self.world.of("aws:lb/listener:Listener")
            return [{"ListenerArn": each.id} for each in listeners if each.inputs["loadBalancerArn"] == of]
        answers: dict[str, list[Any]] = {
            "list_attached_role_policies": [
                {"PolicyArn": each.inputs["policyArn"]}
                for each in self.world.of("aws:iam/rolePolicyAttachment:RolePolicyAttachment")
                if each.inputs["role"] == arguments.get("RoleName")
            ],
            "list_role_policies": [
                each.inputs["name"]
                for each in self.world.of("aws:iam/rolePolicy:RolePolicy")
                if each.inputs["role"] == arguments.get("RoleName")
            ],
            "list_roles": [
                {"RoleName": each.id, "AssumeRolePolicyDocument": each.inputs["assumeRolePolicy"]}
                for each in self.world.of("aws:iam/role:Role")
            ],
            "describe_log_groups": [
                {"logGroupName": each.id, "arn": each.id}
                for each in self.world.of("aws:cloudwatch/logGroup:LogGroup")
            ],
            "describe_activations": [
                {"ActivationId": each.id, "Tags": _tags(each)} for each in self.world.of(ACTIVATION)
            ],
        }
        return answers[operation]

    def ask(self, service: str, operation: str, **arguments: Any) -> Any:
        """Answer a question for one thing."""
        if (service, operation) == ("ec2", "describe_addresses"):
            return {"Addresses": self._ec2(operation, "Addresses", arguments["Filters"])}
        if operation == "describe_tags":
            things = [self._thing(arn) for arn in arguments["ResourceArns"]]
            return {"TagDescriptions": [{"ResourceArn": each.id, "Tags": _tags(each)} for each in things]}
        if operation == "list_open_id_connect_providers":
            return {"OpenIDConnectProviderList": [{"Arn": each.id} for each in self.world.of(_OIDC_PROVIDER)]}
        if operation == "list_open_id_connect_provider_tags":
            return {"Tags": _tags(self._thing(arguments["OpenIDConnectProviderArn"]))}
        if operation == "list_role_tags":
            return {"Tags": _tags(self._thing(arguments["RoleName"]))}
        if operation == "list_tags_for_resource":
            return {"tags": self._thing(arguments["resourceArn"]).inputs["tags"]}
        if operation == "describe_cluster":
            cluster = self.world.get(CLUSTER, arguments["name"])
            return cluster and {"cluster": {"status": "ACTIVE", "tags": cluster.inputs["tags"]}}
        keys = {
            "describe_nodegroup": ("nodegroup", "nodegroupName"),
            "describe_addon": ("addon", "addonName"),
            "describe_access_entry": ("accessEntry", "principalArn"),
        }
        key, name = keys[operation]
        thing = self._thing(f"{arguments['clusterName']}:{arguments[name]}")
        return {key: {name: arguments[name], "tags": thing.inputs.get("tags", {})}}

    def _thing(self, identity: str) -> Thing:
        return next(thing for thing in self.world if thing.id == identity)

    def _ec2(self, operation: str, key: str, filters: list[Object]) -> list[Object]:
        ((name, values),) = ((each["Name"], each["Values"]) for each in filters)
        expected, id_key, token = _EC2[operation]
        assert key == expected
        items = []
        for thing in self.world:
            tags = thing.inputs.get("tags", {})
            value = thing.inputs.get("vpcId") if name == "vpc-id" else tags.get(name.removeprefix("tag:"))
            if thing.token.startswith(token) and value in values:
                items.append(self._described(thing, id_key))
        return [{"Instances": items}] if key == "Reservations" else items

    def _described(self, thing: Thing, id_key: str) -> Object:
        item: Object = {id_key: thing.id, "Tags": _tags(thing)}
        if id_key == "SecurityGroupRuleId":
            item |= {"IsEgress": "Egress" in thing.token, "GroupId": thing.inputs["securityGroupId"]}
        elif id_key == "InternetGatewayId":
            item["Attachments"] = [{"VpcId": thing.inputs["vpcId"]}]
        elif "vpcId" in thing.inputs:
            item["VpcId"] = thing.inputs["vpcId"]
        if id_key == "RouteTableId":
            routes = self.world.of("aws:ec2/route:Route")
            associations = self.world.of("aws:ec2/routeTableAssociation:RouteTableAssociation")
            item["Routes"] = [
                *_routes(thing, "cidrBlock", thing.inputs.get("routes", ())),
                *_routes(thing, "destinationCidrBlock", [each.inputs for each in routes]),
            ]
            item["Associations"] = [
                {"RouteTableAssociationId": each.id, "SubnetId": each.inputs["subnetId"]}
                for each in associations
                if each.inputs["routeTableId"] == thing.id
            ]
            # Those of a VPC that was there before.
            item["Associations"] += [{"SubnetId": subnet} for subnet in thing.inputs.get("subnetIds", ())]
            item["Associations"] += [{"Main": True}] if thing.inputs.get("main") else []
        return item

    # --- the AWS CLI and pulumi --------------------------------------------------------------------

    def run(self, command: str) -> None:
        """Do what a command says; AWS refuses to delete what something else needs."""
        program, service, *words = shlex.split(command)
        if program == "pulumi":
            self._pulumi(service, *words)
            return
        if words[0] in ("wait", "detach-internet-gateway"):
            return
        options = dict(zip(words[1::2], words[2::2], strict=True))
        assert options.pop("--region", "") or service == "iam"
        thing = self._meant(options)
        refused = refusals.deletion(self.world, thing)
        assert refused is None, f"{command}: {refused}"
        urn = f"urn:pulumi:test::it::{thing.token}::of-nobody"
        entry = {"call": "Delete", "urn": urn, "id": thing.id, "started": 0, "ended": 0}
        with self._journal.open("a", encoding="utf-8") as file:
            file.write(json.dumps(entry) + "\n")

    def _meant(self, options: dict[str, str]) -> Thing:
        if "--destination-cidr-block" in options:
            table, cidr = options["--route-table-id"], options["--destination-cidr-block"]
            routes = self.world.of("aws:ec2/route:Route")
            key = ("routeTableId", "destinationCidrBlock")
            return next(each for each in routes if tuple(each.inputs[name] for name in key) == (table, cidr))
        if "--policy-arn" in options or "--policy-name" in options:
            key, value = list(options.items())[-1]
            name = {"--policy-arn": "policyArn", "--policy-name": "name"}[key]
            wanted = {"role": options["--role-name"], name: value}
            return next(
                each
                for each in self.world
                if all(each.inputs.get(part) == text for part, text in wanted.items())
            )
        if "--security-group-rule-ids" in options:
            rule = self._thing(options.pop("--security-group-rule-ids"))
            assert rule.inputs["securityGroupId"] == options["--group-id"]
            return rule
        return self._thing(":".join(options.values()))


def _routes(table: Thing, to: str, routes: Sequence[Object]) -> list[Object]:
    return [
        {
            "DestinationCidrBlock": each[to],
            **{key: each[name] for name, key in _TARGETS.items() if name in each},
        }
        for each in routes
        if each.get("routeTableId", table.id) == table.id
    ]


def _tags(thing: Thing) -> list[Object]:
    return [{"Key": key, "Value": value} for key, value in thing.inputs.get("tags", {}).items()]
