"""The AWS questions as boto3 sends them: pages, limits and refusals. The tests of the commands ask the others."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import (
    EndpointConnectionError,
    NoCredentialsError,
    UnauthorizedSSOTokenError,
)
from botocore.stub import Stubber

from ops.causes import CAUSES
from ops.clients import leftovers
from ops.clients.aws import AwsClient
from ops.clients.errors import AskError

Stub = Callable[..., None]


@pytest.fixture(scope="module")
def aws() -> Iterator[AwsClient]:
    """One for all tests: making a client takes most of a second."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"}.items():
            patch.setenv(name, value)
        patch.delenv("AWS_PROFILE", raising=False)
        yield AwsClient(region="ap-northeast-1", profile=None, timeout_s=1, retries=0)


@pytest.fixture
def stub(aws: AwsClient) -> Iterator[Stub]:
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


def test_route_tables_and_subnets_of_both_vpcs_are_read_page_by_page(aws: AwsClient, stub: Stub) -> None:
    filters = [{"Name": "vpc-id", "Values": ["vpc-1", "vpc-2"]}]
    pages = [
        {"RouteTables": [{"RouteTableId": "rtb-1"}], "NextToken": "t"},
        {"RouteTables": [{"RouteTableId": "rtb-2"}]},
    ]
    stub("ec2", "describe_route_tables", {"Filters": filters}, pages[0])
    stub("ec2", "describe_route_tables", {"Filters": filters, "NextToken": "t"}, pages[1])
    stub("ec2", "describe_subnets", {"Filters": filters}, {"Subnets": [{"SubnetId": "subnet-1"}]})

    tables = aws.pages("ec2", "describe_route_tables", "RouteTables", Filters=filters)
    assert [one["RouteTableId"] for one in tables] == ["rtb-1", "rtb-2"]
    assert aws.pages("ec2", "describe_subnets", "Subnets", Filters=filters) == [{"SubnetId": "subnet-1"}]


def test_registrations_are_looked_for_by_tag_and_by_activation_a_hundred_at_a_time(
    aws: AwsClient, stub: Stub
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


def console(text: str) -> dict[str, Any]:
    return {"InstanceId": "i-0b1", "Output": base64.b64encode(text.encode()).decode()}


def test_the_newest_console_is_asked_for_and_decoded(aws: AwsClient, stub: Stub) -> None:
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1", "Latest": True}, console("hello"))

    assert (aws.console("i-0b1") or {})["Output"] == "hello"


def test_a_machine_without_the_newest_console_gives_that_of_its_boot(aws: AwsClient, stub: Stub) -> None:
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1", "Latest": True}, "UnsupportedOperation")
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1"}, console("boot"))

    assert (aws.console("i-0b1") or {})["Output"] == "boot"


def test_a_console_that_may_not_be_read_says_what_to_allow(aws: AwsClient, stub: Stub) -> None:
    stub("ec2", "get_console_output", {"InstanceId": "i-0b1", "Latest": True}, "UnauthorizedOperation")

    with pytest.raises(AskError, match="ec2 get_console_output"):
        aws.console("i-0b1")


def test_each_node_group_is_described_unless_it_has_gone_meanwhile(aws: AwsClient, stub: Stub) -> None:
    stub("eks", "list_nodegroups", {"clusterName": "c"}, {"nodegroups": ["a", "b"]})
    names = [{"clusterName": "c", "nodegroupName": name} for name in ("a", "b")]
    stub("eks", "describe_nodegroup", names[0], "ResourceNotFoundException")
    stub("eks", "describe_nodegroup", names[1], {"nodegroup": {"nodegroupName": "b", "status": "ACTIVE"}})

    assert [item["nodegroupName"] for item in aws.in_cluster("c", "nodegroup")] == ["b"]


def test_target_groups_are_found_by_their_tags_twenty_at_a_time(aws: AwsClient, stub: Stub) -> None:
    arns = [f"arn-{n}" for n in range(21)]
    groups = [{"TargetGroupArn": arn, "TargetType": "ip"} for arn in arns]
    stub("elbv2", "describe_target_groups", {}, {"TargetGroups": groups})
    for part in (arns[:20], arns[20:]):
        values = {arn: "v" if arn in ("arn-3", "arn-20") else "other" for arn in part}
        tags = [{"ResourceArn": arn, "Tags": [{"Key": "k", "Value": value}]} for arn, value in values.items()]
        stub("elbv2", "describe_tags", {"ResourceArns": part}, {"TagDescriptions": tags})

    found = leftovers.tagged_in_elb(aws, "describe_target_groups", "TargetGroups", "TargetGroupArn")
    assert [group["TargetGroupArn"] for group, tags in found if tags == {"k": "v"}] == ["arn-3", "arn-20"]


@pytest.mark.parametrize(
    ("code", "fix"),
    [
        ("AccessDenied", "docs/policies/README.md"),
        ("UnauthorizedOperation", "docs/policies/README.md"),
        ("ExpiredToken", "aws sso login"),
        ("InvalidClientTokenId", "sign in again"),
        ("Throttling", "see the message of AWS"),
    ],
)
def test_a_refusal_of_aws_says_what_to_do(aws: AwsClient, stub: Stub, code: str, fix: str) -> None:
    stub("sts", "get_caller_identity", {}, code)

    with pytest.raises(AskError) as error:
        aws.account()
    assert f"{code}!" in error.value.seen
    assert fix in CAUSES[error.value.code].fix


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NoCredentialsError(), "credentials-missing"),
        (UnauthorizedSSOTokenError(), "sso-session-over"),
        (EndpointConnectionError(endpoint_url="https://sts"), "aws-unreachable"),
    ],
)
def test_no_credentials_and_no_network_are_told_apart(
    aws: AwsClient, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
) -> None:
    def fail(**_: object) -> None:
        raise error

    monkeypatch.setattr(aws.client("sts"), "get_caller_identity", fail)

    with pytest.raises(AskError) as told:
        aws.account()
    assert told.value.code == code


def test_a_profile_that_does_not_exist_is_an_error(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))

    with pytest.raises(AskError, match="nosuch"):
        AwsClient(region="ap-northeast-1", profile="nosuch", timeout_s=1, retries=0)


def test_time_outs_and_attempts_are_those_of_the_command_line(aws: AwsClient) -> None:
    config = aws.client("ec2").meta.config

    assert (config.connect_timeout, config.read_timeout, config.retries["total_max_attempts"]) == (1, 1, 1)
