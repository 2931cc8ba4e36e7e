"""What AWS has and a state has not: the commands are the AWS CLI's, and what is somebody else's is left alone."""

import re

import botocore.session
import pytest
from botocore import xform_name

from infra.names import FIXED_SETTINGS_RESOURCE
from ops.causes import CAUSES
from ops.clients import unrecorded
from ops.clients.errors import AskError
from ops.clients.leftovers import Names
from tests.ops.standin.aws import AnsweringAws, Table

NAMES = Names(project="eks-hybrid-calico", stack="dev", region="eu-central-1", cluster="eks-hybrid")
OURS = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}
TAGS = {OURS["Key"]: OURS["Value"]}
BALANCER = "arn:aws:elasticloadbalancing:eu-central-1:012345678901:loadbalancer/app/alb/1"
PROVIDER = "arn:aws:iam::012345678901:oidc-provider/oidc.eks.eu-central-1.amazonaws.com/id/1"
GROUP = "arn:aws:elasticloadbalancing:eu-central-1:012345678901:targetgroup/hybrid/2"
LISTENER = BALANCER.replace("loadbalancer", "listener") + "/3"
ROLE = "arn:aws:iam::012345678901:role/hybrid-node"
ACTIVATION = "urn:pulumi:dev::eks-hybrid-calico::a$b$aws:ssm/activation:Activation::hybrid-1.1a2b3c4d"
EVERYTHING: Table = {
    "ec2 describe_nat_gateways": [
        {"NatGatewayId": "nat-1", "State": "pending", "VpcId": "vpc-1", "Tags": [OURS]}
    ],
    "ec2 describe_vpc_endpoints": [
        {"VpcEndpointId": "vpce-1", "State": "available", "VpcId": "vpc-1", "Tags": [OURS]}
    ],
    "ec2 describe_vpc_peering_connections": [
        {"VpcPeeringConnectionId": "pcx-1", "Status": {"Code": "active"}, "Tags": [OURS]}
    ],
    "ec2 describe_transit_gateway_vpc_attachments": [
        {"TransitGatewayAttachmentId": "tgw-attach-1", "Tags": [OURS]}
    ],
    "ec2 describe_instances": [
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
    "ec2 describe_addresses": [{"AllocationId": "eipalloc-1", "Tags": [OURS]}],
    "ec2 describe_security_group_rules": [
        {"SecurityGroupRuleId": "sgr-1", "GroupId": "sg-9", "IsEgress": False, "Tags": [OURS]},
        {"SecurityGroupRuleId": "sgr-2", "GroupId": "sg-9", "IsEgress": True, "Tags": [OURS]},
    ],
    "ec2 describe_security_groups": [
        {"GroupId": "sg-1", "GroupName": "managed", "VpcId": "vpc-1", "Tags": [OURS]}
    ],
    "ec2 describe_subnets": [
        {"SubnetId": "subnet-1", "State": "available", "VpcId": "vpc-1", "Tags": [OURS]}
    ],
    "ec2 describe_internet_gateways": [
        {
            "InternetGatewayId": "igw-1",
            "Attachments": [{"State": "available", "VpcId": "vpc-1"}],
            "Tags": [OURS],
        },
        {"InternetGatewayId": "igw-2", "Attachments": [], "Tags": [OURS]},
    ],
    "ec2 describe_route_tables": [
        {"RouteTableId": "rtb-1", "VpcId": "vpc-1", "Tags": [OURS]},
        {
            "RouteTableId": "rtb-9",
            "VpcId": "vpc-1",
            "Tags": [OURS],
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
    "ec2 describe_vpcs": [{"VpcId": "vpc-2", "State": "available", "Tags": [OURS]}],
    "ec2 describe_launch_templates": [{"LaunchTemplateId": "lt-1", "Tags": [OURS]}],
    "eks describe_cluster": {"cluster": {"status": "CREATING", "tags": TAGS}},
    "eks list_nodegroups": ["managed"],
    "eks describe_nodegroup": {"nodegroup": {"nodegroupName": "managed", "status": "CREATING", "tags": TAGS}},
    "eks list_addons": ["coredns"],
    "eks describe_addon": {"addon": {"addonName": "coredns", "tags": TAGS}},
    "eks list_access_entries": [ROLE],
    "eks describe_access_entry": {"accessEntry": {"principalArn": ROLE, "tags": TAGS}},
    "elbv2 describe_load_balancers": [{"LoadBalancerArn": BALANCER, "VpcId": "vpc-1"}],
    "elbv2 describe_listeners": [{"ListenerArn": LISTENER}],
    "elbv2 describe_target_groups": [{"TargetGroupArn": GROUP, "VpcId": "vpc-1"}],
    "iam list_roles": [{"RoleName": "hybrid-node", "AssumeRolePolicyDocument": "ssm.amazonaws.com"}],
    "iam list_role_tags": {"Tags": [OURS]},
    "iam list_attached_role_policies": [
        {"PolicyArn": "arn:aws:iam::aws:policy/AmazonSSMManagedInstanceCore"},
        {"PolicyArn": "arn:aws:iam::012345678901:policy/of-the-organization"},
    ],
    "iam list_role_policies": ["hybrid-node-1a2b3c4"],
    "iam list_open_id_connect_providers": {"OpenIDConnectProviderList": [{"Arn": PROVIDER}]},
    "iam list_open_id_connect_provider_tags": {"Tags": [OURS]},
    "logs describe_log_groups": [{"logGroupName": "/aws/eks/eks-hybrid/cluster", "arn": "arn:1:*"}],
    "logs list_tags_for_resource": {"tags": TAGS},
    "ssm describe_activations": [{"ActivationId": "11111111-2222", "Tags": [OURS]}],
    "elbv2 describe_tags": lambda request: {
        "TagDescriptions": [{"ResourceArn": arn, "Tags": [OURS]} for arn in request["ResourceArns"]]
    },
}
STATE = {"rtb-9": "urn:9", "nat-9": "urn:9", "vpc-1": "urn:9", "11111111-9999": ACTIVATION, "vpce-9": "urn:9"}
MODELS = botocore.session.get_session()
VALUE = re.compile(r"[\w:./-]+")


def find(changes: Table = EVERYTHING) -> list[unrecorded.Unrecorded]:
    return unrecorded.find(AnsweringAws({**EVERYTHING, **changes}), NAMES, STATE)


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
    (cluster,) = (item for item in find({"eks describe_cluster": active}) if item.kind == "cluster")
    assert "active" not in cluster.delete


@pytest.mark.parametrize(
    ("operation", "answer"),
    [
        ("ec2 describe_nat_gateways", [{"NatGatewayId": "nat-1", "State": "deleted", "Tags": [OURS]}]),
        ("ec2 describe_vpc_endpoints", [{"VpcEndpointId": "vpce-1", "State": "Deleted", "Tags": [OURS]}]),
        (
            "ec2 describe_vpc_peering_connections",
            [{"VpcPeeringConnectionId": "p", "Status": {"Code": "deleted"}, "Tags": [OURS]}],
        ),
        (
            "ec2 describe_instances",
            [{"Instances": [{"InstanceId": "i-1", "State": {"Name": "terminated"}, "Tags": [OURS]}]}],
        ),
        (
            "ec2 describe_instances",
            [
                {
                    "Instances": [
                        {"InstanceId": "i-1", "Tags": [OURS, {"Key": "eks:nodegroup-name", "Value": "m"}]}
                    ]
                }
            ],
        ),
        ("ec2 describe_security_groups", [{"GroupId": "sg-1", "GroupName": "default", "Tags": [OURS]}]),
        (
            "ec2 describe_security_groups",
            [{"GroupId": "sg-1", "Tags": [OURS, {"Key": "aws:eks:cluster-name", "Value": "eks-hybrid"}]}],
        ),
        ("ssm describe_activations", [{"ActivationId": "1", "Expired": True, "Tags": [OURS]}]),
        ("ssm describe_activations", [{"ActivationId": "1", "Tags": []}]),
        ("eks describe_cluster", {"cluster": {"status": "ACTIVE", "tags": {}}}),
        ("eks describe_cluster", "ResourceNotFoundException"),
        ("logs list_tags_for_resource", {"tags": {}}),
    ],
)
def test_what_is_gone_or_of_a_service_or_somebody_elses_is_left_alone(operation, answer):
    before, after = find(), find({operation: answer})
    assert len(after) < len(before)
    assert {item.id for item in after} < {item.id for item in before}


def test_a_vpc_with_something_in_it_belongs_to_another_state():
    with pytest.raises(AskError) as caught:
        find({"ec2 describe_subnets": [{"SubnetId": "subnet-1", "VpcId": "vpc-2", "Tags": [OURS]}]})
    assert "vpc-2 and subnet subnet-1 in it" in caught.value.seen
    assert "delete nothing" in CAUSES[caught.value.code].fix


# A VPC that was there before: its table for the private subnet, its main one for the public subnet, and another one.
ROUTES = [
    {"DestinationCidrBlock": "10.80.0.0/16", "TransitGatewayId": "tgw-1"},
    {"DestinationCidrBlock": "10.44.0.0/16", "TransitGatewayId": "tgw-1"},
    {"DestinationCidrBlock": "0.0.0.0/0", "NatGatewayId": "nat-of-others"},
]
TABLES_OF_OTHERS = [
    {"RouteTableId": f"rtb-{name}", "VpcId": "vpc-1", "Associations": [users], "Routes": ROUTES}
    for name, users in (
        ("private", {"SubnetId": "subnet-a"}),
        ("main", {"Main": True}),
        ("of-others", {"SubnetId": "subnet-z"}),
    )
]


def unrecorded_routes(*, public):
    network = {"vpcId": "vpc-1", "privateSubnetIds": ["subnet-a"], "publicSubnetIds": public}
    memory = {"network": network, "site": {"nodeCidrs": ["10.80.0.0/16"]}, "onPremVpcCidr": "10.44.0.0/16"}
    attachment = {"transitGatewayId": "tgw-1", "vpcId": "vpc-1"}
    resources = [
        {"type": FIXED_SETTINGS_RESOURCE, "id": "p/s", "urn": "urn:1", "inputs": memory},
        {
            "type": "aws:ec2transitgateway/vpcAttachment:VpcAttachment",
            "id": "tgw-attach-1",
            "inputs": attachment,
        },
    ]
    state = unrecorded.recorded({"resources": resources})
    aws = AnsweringAws({**EVERYTHING, "ec2 describe_route_tables": TABLES_OF_OTHERS})
    return [item.id for item in unrecorded.find(aws, NAMES, state) if item.kind == "route"]


def test_in_tables_of_others_only_a_route_to_the_site_is_the_stacks_and_only_where_its_subnets_are():
    assert unrecorded_routes(public=["subnet-b"]) == ["rtb-private 10.80.0.0/16", "rtb-main 10.80.0.0/16"]
    assert unrecorded_routes(public=[]) == ["rtb-private 10.80.0.0/16"]


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
                {
                    "urn": "urn:5",
                    "type": "pulumi-python:dynamic/ekshybrid:PodIdentityAgent",
                    "id": "it:agent",
                },
            ]
        }
    )
    assert (state["vpc-1"], state["rtb-1 0.0.0.0/0"], state["tgw-1"]) == ("urn:1", "urn:2", "urn:3")
    assert state["it:agent"] == "urn:5"
    assert "1111" not in state
    assert unrecorded.recorded({}) == {}
