"""What AWS has and a state has not: the commands are the AWS CLI's, and what is somebody else's is left alone."""

from __future__ import annotations

import re
from typing import Any

import botocore.session
import pytest
from botocore import xform_name

from ops.clients import unrecorded
from ops.clients.errors import AskError
from ops.clients.leftovers import Names

NAMES = Names(project="eks-hybrid-calico", stack="dev", region="eu-central-1", cluster="eks-hybrid")
OURS = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}
TAGS = {OURS["Key"]: OURS["Value"]}
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:012345678901:loadbalancer/app/alb/1"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:012345678901:targetgroup/hybrid/2"
LISTENER = BALANCER.replace("loadbalancer", "listener") + "/3"
ROLE = "arn:aws:iam::012345678901:role/hybrid-node"
ACTIVATION = "urn:pulumi:dev::eks-hybrid-calico::a$b$aws:ssm/activation:Activation::hybrid-1.1a2b3c4d"
EVERYTHING: dict[str, Any] = {
    "describe_nat_gateways": [{"NatGatewayId": "nat-1", "State": "pending", "VpcId": "vpc-1"}],
    "describe_vpc_endpoints": [{"VpcEndpointId": "vpce-1", "State": "available", "VpcId": "vpc-1"}],
    "describe_vpc_peering_connections": [{"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}}],
    "describe_transit_gateway_vpc_attachments": [{"TransitGatewayAttachmentId": "tgw-attach-1"}],
    "describe_instances": [
        {
            "Instances": [
                {
                    "InstanceId": "i-1",
                    "State": {"Name": "running"},
                    "Tags": [OURS, {"Key": "Name", "Value": "hybrid-1"}],
                }
            ]
        }
    ],
    "describe_addresses": [{"AllocationId": "eipalloc-1"}],
    "describe_security_group_rules": [
        {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-9", "IsEgress": False},
        {"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-9", "IsEgress": True},
    ],
    "describe_security_groups": [{"GroupId": "sg-1", "GroupName": "managed", "VpcId": "vpc-1"}],
    "describe_subnets": [{"SubnetId": "subnet-1", "State": "available", "VpcId": "vpc-1"}],
    "describe_internet_gateways": [
        {"InternetGatewayId": "igw-1", "Attachments": [{"State": "available", "VpcId": "vpc-1"}]},
        {"InternetGatewayId": "igw-2", "Attachments": []},
    ],
    "describe_route_tables": [
        {"RouteTableId": "rtb-1", "VpcId": "vpc-1"},
        {
            "RouteTableId": "rtb-9",
            "Associations": [
                {"Main": True, "RouteTableAssociationId": "rtbassoc-main"},
                {"Main": False, "RouteTableAssociationId": "rtbassoc-1"},
            ],
            "Routes": [
                {"DestinationCidrBlock": "10.10.0.0/16", "GatewayId": "local"},
                {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-9"},
                {"DestinationCidrBlock": "10.99.0.0/16", "GatewayId": "vgw-of-a-colleague"},
                {"DestinationPrefixListId": "pl-1", "GatewayId": "vpce-9"},
            ],
        },
    ],
    "describe_vpcs": [{"VpcId": "vpc-2", "State": "available"}],
    "describe_launch_templates": [{"LaunchTemplateId": "lt-1"}],
    "describe_cluster": {"cluster": {"status": "CREATING", "tags": TAGS}},
    "list_nodegroups": ["managed"],
    "describe_nodegroup": {"nodegroup": {"status": "CREATING", "tags": TAGS}},
    "list_addons": ["coredns"],
    "describe_addon": {"addon": {"tags": TAGS}},
    "list_access_entries": [ROLE],
    "describe_access_entry": {"accessEntry": {"tags": TAGS}},
    "describe_load_balancers": [{"LoadBalancerArn": BALANCER, "VpcId": "vpc-1"}],
    "describe_listeners": [{"ListenerArn": LISTENER}],
    "describe_target_groups": [{"TargetGroupArn": GROUP, "VpcId": "vpc-1"}],
    "list_roles": [{"RoleName": "hybrid-node", "AssumeRolePolicyDocument": "ssm.amazonaws.com"}],
    "list_role_tags": {"Tags": [OURS]},
    "list_attached_role_policies": [
        {"PolicyArn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"},
        {"PolicyArn": "arn:aws:iam::012345678901:policy/of-the-organization"},
    ],
    "list_role_policies": ["hybrid-node-1a2b3c4"],
    "describe_log_groups": [{"logGroupName": "/aws/eks/eks-hybrid/cluster", "arn": "arn:1:*"}],
    "list_tags_for_resource": {"tags": TAGS},
    "describe_activations": [{"ActivationId": "11111111-2222", "Tags": [OURS]}],
}
STATE = {"rtb-9": "urn:9", "nat-9": "urn:9", "vpc-1": "urn:9", "11111111-9999": ACTIVATION, "vpce-9": "urn:9"}
MODELS = botocore.session.get_session()
VALUE = re.compile(r"[\w:./-]+")


class Aws:
    """Answers from the table, with changes."""

    def __init__(self, **changes: Any) -> None:
        self._answers = {**EVERYTHING, **changes}

    def pages(self, _service: str, operation: str, _key: str, **_arguments: Any) -> Any:
        return self._answers[operation]

    def ask(self, _service: str, operation: str, **arguments: Any) -> Any:
        if operation == "describe_tags":
            return {
                "TagDescriptions": [{"ResourceArn": arn, "Tags": [OURS]} for arn in arguments["ResourceArns"]]
            }
        answer = self._answers[operation]
        return {"Addresses": answer} if operation == "describe_addresses" else answer


def find(**changes: Any) -> list[unrecorded.Unrecorded]:
    aws: Any = Aws(**changes)
    return unrecorded.find(aws, NAMES, STATE)


def test_every_command_is_one_of_the_aws_cli():
    lines = [line for item in find() for line in item.commands if line.startswith("aws ")]
    assert len(lines) > 30
    for line in lines:
        _, service, command, *words = line.split()
        model = MODELS.get_service_model(service)
        operations = {xform_name(name, "-"): name for name in model.operation_names}
        if command == "wait":
            waiter = MODELS.get_waiter_model(service).get_waiter(
                next(
                    name
                    for name in MODELS.get_waiter_model(service).waiter_names
                    if xform_name(name, "-") == words[0]
                )
            )
            operation, words = waiter.operation, words[1:]
        else:
            operation = operations[command]
        members = model.operation_model(operation).input_shape.members
        options, values = words[::2], words[1::2]
        known = {f"--{xform_name(name, '-')}" for name in members} | {"--region"}
        assert set(options) <= known, line
        assert all(VALUE.fullmatch(value) for value in values), line
        required = {
            f"--{xform_name(name, '-')}"
            for name in model.operation_model(operation).input_shape.required_members
        }
        assert required <= set(options), line


def test_everything_that_is_ours_is_named_once():
    ids = [item.id for item in find()]
    assert len(ids) == len(set(ids))
    assert {"rtbassoc-1", "rtb-9 0.0.0.0/0", "eks-hybrid:managed", "sgr-2", LISTENER, "eks-hybrid"} <= set(
        ids
    )
    assert "hybrid-node arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore" in ids
    assert not any("of-the-organization" in each for each in ids)
    for others in ("rtbassoc-main", "rtb-9 10.99.0.0/16", "rtb-9 10.10.0.0/16", "rtb-9"):
        assert others not in ids


def test_a_machine_takes_its_activation_along():
    (machine,) = (item for item in find() if item.kind == "instance")
    assert machine.commands[-1] == f"pulumi state taint --yes '{ACTIVATION}'"


def test_what_is_being_made_is_awaited_before_it_is_deleted():
    lines = [item.delete for item in find() if item.kind in ("cluster", "nodegroup")]
    assert all(
        re.search(r"wait \S+-active .*&& .* delete-\S+ .*&& .* wait \S+-deleted", line) for line in lines
    )
    active = {"cluster": {"status": "ACTIVE", "tags": TAGS}}
    (cluster,) = (item for item in find(describe_cluster=active) if item.kind == "cluster")
    assert "active" not in cluster.delete


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("describe_nat_gateways", [{"NatGatewayId": "nat-1", "State": "deleted"}]),
        ("describe_vpc_endpoints", [{"VpcEndpointId": "vpce-1", "State": "Deleted"}]),
        (
            "describe_vpc_peering_connections",
            [{"VpcPeeringConnectionId": "p", "Status": {"Code": "deleted"}}],
        ),
        ("describe_instances", [{"InstanceId": "i-1", "State": {"Name": "terminated"}}]),
        (
            "describe_instances",
            [{"InstanceId": "i-1", "Tags": [{"Key": "eks:nodegroup-name", "Value": "m"}]}],
        ),
        ("describe_security_groups", [{"GroupId": "sg-1", "GroupName": "default"}]),
        (
            "describe_security_groups",
            [{"GroupId": "sg-1", "Tags": [{"Key": "aws:eks:cluster-name", "Value": "eks-hybrid"}]}],
        ),
        ("describe_activations", [{"ActivationId": "1", "Expired": True, "Tags": [OURS]}]),
        ("describe_activations", [{"ActivationId": "1", "Tags": []}]),
        ("describe_cluster", {"cluster": {"status": "ACTIVE", "tags": {}}}),
        ("describe_cluster", None),
        ("list_tags_for_resource", {"tags": {}}),
    ],
)
def test_what_is_gone_or_of_a_service_or_somebody_elses_is_left_alone(operation, answer):
    before, after = find(), find(**{operation: answer})
    assert len(after) < len(before)
    assert {item.id for item in after} < {item.id for item in before}


def test_a_vpc_with_something_in_it_belongs_to_another_state():
    with pytest.raises(AskError) as caught:
        find(describe_subnets=[{"SubnetId": "subnet-1", "VpcId": "vpc-2"}])
    assert "vpc-2 and subnet subnet-1 in it" in caught.value.problem.seen
    assert "delete nothing" in caught.value.problem.fix


def test_a_state_is_read_by_ids_and_by_what_a_route_is():
    state = unrecorded.recorded(
        {
            "resources": [
                {"urn": "urn:1", "type": "aws:ec2/vpc:Vpc", "id": "vpc-1"},
                {
                    "urn": "urn:2",
                    "type": "aws:ec2/route:Route",
                    "id": "r-1",
                    "inputs": {"routeTableId": "rtb-1", "destinationCidrBlock": "0.0.0.0/0"},
                },
                {"urn": "urn:3", "type": "aws:a", "inputs": {"transitGatewayId": "tgw-1"}},
                {"urn": "urn:4", "type": "pulumi-python:dynamic/ekshybrid:NodeCleanup", "id": "1111"},
            ]
        }
    )
    assert (state["vpc-1"], state["rtb-1 0.0.0.0/0"], state["tgw-1"]) == ("urn:1", "urn:2", "urn:3")
    assert "1111" not in state
    assert unrecorded.recorded({}) == {}
