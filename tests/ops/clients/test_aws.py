"""The AWS questions as boto3 sends them, checked against botocore's model of the services."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError
from botocore.stub import Stubber

from ops.clients.aws import Aws
from ops.clients.errors import AskError

Stub = Callable[..., None]


@pytest.fixture(scope="module")
def aws() -> Iterator[Aws]:
    """One for all tests: making a client takes most of a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield Aws(region="ap-northeast-1", profile=None, timeout_s=1, retries=0)


@pytest.fixture
def stub(aws: Aws) -> Iterator[Stub]:
    """Queue an answer: service, operation, expected parameters, answer (or error code)."""
    stubbers: dict[str, Stubber] = {}

    def queue(service: str, operation: str, expected: dict[str, Any], answer: dict[str, Any] | str) -> None:
        if service not in stubbers:
            stubbers[service] = Stubber(aws.client(service))
            stubbers[service].activate()
        if isinstance(answer, str):
            stubbers[service].add_client_error(operation, answer, f"{answer}!", expected_params=expected)
        else:
            stubbers[service].add_response(operation, answer, expected)

    yield queue
    for stubber in stubbers.values():
        stubber.deactivate()
        stubber.assert_no_pending_responses()


def test_the_account_is_that_of_the_credentials(aws: Aws, stub: Stub) -> None:
    stub("sts", "get_caller_identity", {}, {"Account": "012345678901"})

    assert aws.account() == "012345678901"


def test_a_peering_is_described_by_its_id_and_may_be_gone(aws: Aws, stub: Stub) -> None:
    expected = {"VpcPeeringConnectionIds": ["pcx-1"]}
    found = {"VpcPeeringConnections": [{"Status": {"Code": "active"}}]}
    stub("ec2", "describe_vpc_peering_connections", expected, found)
    stub("ec2", "describe_vpc_peering_connections", expected, "InvalidVpcPeeringConnectionID.NotFound")

    assert aws.peering("pcx-1") == {"Status": {"Code": "active"}}
    assert aws.peering("pcx-1") is None


def test_what_leads_to_a_data_centre_is_described_by_its_ids_and_may_be_gone(aws: Aws, stub: Stub) -> None:
    filters = [
        {"Name": "transit-gateway-id", "Values": ["tgw-1"]},
        {"Name": "vpc-id", "Values": ["vpc-1"]},
    ]
    found = {"TransitGatewayVpcAttachments": [{"State": "available"}]}
    stub("ec2", "describe_transit_gateway_vpc_attachments", {"Filters": filters}, found)
    gateway = {"VpnGateways": [{"State": "available"}]}
    stub("ec2", "describe_vpn_gateways", {"VpnGatewayIds": ["vgw-1"]}, gateway)
    stub("ec2", "describe_vpn_gateways", {"VpnGatewayIds": ["vgw-1"]}, "InvalidVpnGatewayID.NotFound")

    assert aws.transit_attachments("tgw-1", "vpc-1") == [{"State": "available"}]
    assert aws.vpn_gateway("vgw-1") == {"State": "available"}
    assert aws.vpn_gateway("vgw-1") is None


def test_route_tables_and_subnets_of_both_vpcs_are_read_page_by_page(aws: Aws, stub: Stub) -> None:
    filters = [{"Name": "vpc-id", "Values": ["vpc-1", "vpc-2"]}]
    pages = [
        {"RouteTables": [{"RouteTableId": "rtb-1"}], "NextToken": "t"},
        {"RouteTables": [{"RouteTableId": "rtb-2"}]},
    ]
    stub("ec2", "describe_route_tables", {"Filters": filters}, pages[0])
    stub("ec2", "describe_route_tables", {"Filters": filters, "NextToken": "t"}, pages[1])
    stub("ec2", "describe_subnets", {"Filters": filters}, {"Subnets": [{"SubnetId": "subnet-1"}]})

    assert [one["RouteTableId"] for one in aws.route_tables(["vpc-1", "vpc-2"])] == ["rtb-1", "rtb-2"]
    assert [one["SubnetId"] for one in aws.subnets(["vpc-1", "vpc-2"])] == ["subnet-1"]


def test_a_cluster_and_an_access_entry_may_be_gone(aws: Aws, stub: Stub) -> None:
    arn = "arn:aws:iam::012345678901:role/r"
    entry = {"clusterName": "c", "principalArn": arn}
    stub("eks", "describe_cluster", {"name": "c"}, {"cluster": {"status": "ACTIVE"}})
    stub("eks", "describe_cluster", {"name": "c"}, "ResourceNotFoundException")
    stub("eks", "describe_access_entry", entry, {"accessEntry": {"type": "HYBRID_LINUX"}})
    stub("eks", "describe_access_entry", entry, "ResourceNotFoundException")

    assert aws.cluster("c") == {"status": "ACTIVE"}
    assert aws.cluster("c") is None
    assert aws.access_entry("c", arn) == {"type": "HYBRID_LINUX"}
    assert aws.access_entry("c", arn) is None


def test_registrations_are_looked_for_by_tag_and_by_activation_a_hundred_at_a_time(
    aws: Aws, stub: Stub
) -> None:
    ids = [f"{number:08}-0000-0000-0000-000000000000" for number in range(101)]
    one, two = {"InstanceId": "mi-00000000000000001"}, {"InstanceId": "mi-00000000000000002"}

    def ask(key: str, values: list[str], found: list[dict[str, str]]) -> None:
        expected = {"Filters": [{"Key": key, "Values": values}]}
        stub("ssm", "describe_instance_information", expected, {"InstanceInformationList": found})

    ask("tag:EKSClusterARN", ["arn:c"], [one, two])
    ask("ActivationIds", ids[:100], [one])
    ask("ActivationIds", ids[100:], [])

    assert aws.registrations(activation_ids=ids, cluster_arn="arn:c") == [one, two]


def test_instances_and_groups_are_looked_for_by_filter_so_that_a_missing_one_is_no_error(
    aws: Aws, stub: Stub
) -> None:
    reservations = {
        "Reservations": [{"Instances": [{"InstanceId": "i-1"}]}, {"Instances": [{"InstanceId": "i-2"}]}]
    }
    stub(
        "ec2",
        "describe_instances",
        {"Filters": [{"Name": "instance-id", "Values": ["i-1", "i-2", "i-3"]}]},
        reservations,
    )
    stub(
        "ec2",
        "describe_security_groups",
        {"Filters": [{"Name": "group-id", "Values": ["sg-1"]}]},
        {"SecurityGroups": []},
    )

    assert [one["InstanceId"] for one in aws.instances(["i-1", "i-2", "i-3"])] == ["i-1", "i-2"]
    assert aws.security_groups(["sg-1"]) == []
    assert aws.instances([]) == []
    assert aws.security_groups([]) == []


def test_a_target_group_that_is_gone_has_no_targets(aws: Aws, stub: Stub) -> None:
    item = {"Target": {"Id": "10.90.1.182", "Port": 30080}, "TargetHealth": {"State": "healthy"}}
    stub("elbv2", "describe_target_health", {"TargetGroupArn": "arn:t"}, {"TargetHealthDescriptions": [item]})
    stub("elbv2", "describe_target_health", {"TargetGroupArn": "arn:t"}, "TargetGroupNotFound")

    assert aws.target_health("arn:t") == [item]
    assert aws.target_health("arn:t") == []


def test_instances_are_found_by_tag_on_all_pages(aws: Aws, stub: Stub) -> None:
    wanted = {"Filters": [{"Name": "tag:k", "Values": ["v"]}]}
    one, two = ({"Reservations": [{"Instances": [{"InstanceId": name}]}]} for name in ("i-1", "i-2"))
    stub("ec2", "describe_instances", wanted, {**one, "NextToken": "more"})
    stub("ec2", "describe_instances", {**wanted, "NextToken": "more"}, two)

    assert [item["InstanceId"] for item in aws.tagged_instances("k", "v")] == ["i-1", "i-2"]


def console(text: str) -> dict[str, Any]:
    return {"InstanceId": "i-0b1", "Output": base64.b64encode(text.encode()).decode()}


def test_the_newest_console_is_asked_for_and_decoded(aws: Aws, stub: Stub) -> None:
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1", "Latest": True}, console("hello"))

    assert (aws.console("i-0b1") or {})["Output"] == "hello"


def test_a_machine_without_the_newest_console_gives_that_of_its_boot(aws: Aws, stub: Stub) -> None:
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1", "Latest": True}, "UnsupportedOperation")
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1"}, console("boot"))

    assert (aws.console("i-0b1") or {})["Output"] == "boot"


def test_a_machine_that_is_gone_has_no_console(aws: Aws, stub: Stub) -> None:
    for more in ({"Latest": True}, {}):
        stub("ec2", "get_console_output", {"InstanceId": "i-0b1", **more}, "InvalidInstanceID.NotFound")

    assert aws.console("i-0b1") is None


def test_a_console_that_may_not_be_read_says_what_to_allow(aws: Aws, stub: Stub) -> None:
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1", "Latest": True}, "UnauthorizedOperation")

    with pytest.raises(AskError, match="ec2 get_console_output"):
        aws.console("i-0b1")


def test_activations_come_from_all_pages(aws: Aws, stub: Stub) -> None:
    pages = [{"ActivationList": [{"ActivationId": f"a-{n}"}]} for n in (1, 2)]
    stub("ssm", "describe_activations", {}, {**pages[0], "NextToken": "more"})
    stub("ssm", "describe_activations", {"NextToken": "more"}, pages[1])

    assert [item["ActivationId"] for item in aws.activations()] == ["a-1", "a-2"]


def test_each_access_entry_is_described(aws: Aws, stub: Stub) -> None:
    found = {"principalArn": "arn-1", "type": "HYBRID_LINUX"}
    stub("eks", "list_access_entries", {"clusterName": "c"}, {"accessEntries": ["arn-1"], "nextToken": "t"})
    stub("eks", "list_access_entries", {"clusterName": "c", "nextToken": "t"}, {"accessEntries": ["arn-2"]})
    stub(
        "eks", "describe_access_entry", {"clusterName": "c", "principalArn": "arn-1"}, {"accessEntry": found}
    )
    gone = {"clusterName": "c", "principalArn": "arn-2"}
    stub("eks", "describe_access_entry", gone, "ResourceNotFoundException")

    assert aws.access_entries("c") == [found]


def test_each_node_group_is_described_unless_it_has_gone_meanwhile(aws: Aws, stub: Stub) -> None:
    stub("eks", "list_nodegroups", {"clusterName": "c"}, {"nodegroups": ["a", "b"]})
    names = [{"clusterName": "c", "nodegroupName": name} for name in ("a", "b")]
    stub("eks", "describe_nodegroup", names[0], "ResourceNotFoundException")
    stub("eks", "describe_nodegroup", names[1], {"nodegroup": {"nodegroupName": "b", "status": "ACTIVE"}})

    assert [item["nodegroupName"] for item in aws.node_groups("c")] == ["b"]


def test_each_add_on_is_described(aws: Aws, stub: Stub) -> None:
    stub("eks", "list_addons", {"clusterName": "c"}, {"addons": ["coredns"]})
    found = {"addon": {"addonName": "coredns", "status": "DEGRADED"}}
    stub("eks", "describe_addon", {"clusterName": "c", "addonName": "coredns"}, found)

    assert [item["status"] for item in aws.add_ons("c")] == ["DEGRADED"]


def test_target_groups_are_found_by_their_tags_twenty_at_a_time(aws: Aws, stub: Stub) -> None:
    arns = [f"arn-{n}" for n in range(21)]
    groups = [{"TargetGroupArn": arn, "TargetType": "ip"} for arn in arns]
    stub("elbv2", "describe_target_groups", {}, {"TargetGroups": groups})
    for part in (arns[:20], arns[20:]):
        values = {arn: "v" if arn in ("arn-3", "arn-20") else "other" for arn in part}
        tags = [{"ResourceArn": arn, "Tags": [{"Key": "k", "Value": value}]} for arn, value in values.items()]
        stub("elbv2", "describe_tags", {"ResourceArns": part}, {"TagDescriptions": tags})

    assert [item["TargetGroupArn"] for item in aws.tagged_target_groups("k", "v")] == ["arn-3", "arn-20"]


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("AccessDenied", "ReadOnlyAccess"),
        ("UnauthorizedOperation", "ReadOnlyAccess"),
        ("ExpiredToken", "aws sso login"),
        ("InvalidClientTokenId", "aws sso login"),
        ("Throttling", "see the message of AWS"),
    ],
)
def test_a_refusal_of_aws_says_what_to_do(aws: Aws, stub: Stub, code: str, fix: str) -> None:
    stub("sts", "get_caller_identity", {}, code)

    with pytest.raises(AskError) as error:
        aws.account()
    assert f"{code}!" in error.value.problem.seen
    assert fix in error.value.problem.fix


def test_a_refusal_between_pages_is_an_error_as_well(aws: Aws, stub: Stub) -> None:
    stub(
        "ec2", "describe_subnets", {"Filters": [{"Name": "vpc-id", "Values": ["v"]}]}, "UnauthorizedOperation"
    )

    with pytest.raises(AskError, match="UnauthorizedOperation!"):
        aws.subnets(["v"])


@pytest.mark.parametrize(
    ("error", "fix"),
    [
        (NoCredentialsError(), "aws configure sso"),
        (EndpointConnectionError(endpoint_url="https://sts"), "raise --timeout and --retry"),
    ],
)
def test_no_credentials_and_no_network_are_told_apart(
    aws: Aws, monkeypatch: pytest.MonkeyPatch, error: Exception, fix: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(aws.client("sts"), "get_caller_identity", fail)

    with pytest.raises(AskError) as told:
        aws.account()
    assert fix in told.value.problem.fix


def test_a_profile_that_does_not_exist_is_an_error(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    with pytest.raises(AskError, match="nosuch"):
        Aws(region="ap-northeast-1", profile="nosuch", timeout_s=1, retries=0)


def test_time_outs_and_attempts_are_those_of_the_command_line(aws: Aws) -> None:
    config = aws.client("ec2").meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 1, 1)
