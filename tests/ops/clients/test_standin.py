"""The stand-in for AWS refuses what botocore's models refuse, and gives only what a request wants."""

from typing import Any

import pytest

from ops.clients.errors import NotAllowedError
from tests.ops.standin.aws import AnsweringAws

SUBNETS = [
    {"SubnetId": "subnet-1", "VpcId": "vpc-1"},
    {"SubnetId": "subnet-2", "Tags": [{"Key": "k", "Value": "v"}]},
]
AWS = AnsweringAws(
    {
        "ec2 describe_subnets": SUBNETS,
        "ec2 describe_addresses": [],
        "ec2 describe_instances": [{"Instances": [{"State": {"Name": "running"}, "Tags": []}]}],
        "eks describe_cluster": "AccessDeniedException",
        "eks describe_addon": {"addon": {"version": "1"}},
    }
)


@pytest.mark.parametrize(
    ("operation", "request_"),
    [
        ("describe_subnets", {"Filter": []}),
        ("describe_subnets", {"Filters": [{"Name": "vpc-id", "Values": "vpc-1"}]}),
        ("describe_subnets", {"Filters": [{"Name": "vpc-ids", "Values": ["vpc-1"]}]}),
        ("describe_addresses", {}),
        ("describe_subnet", {}),
    ],
    ids=["parameter", "type", "filter", "no pages", "operation"],
)
def test_a_listing_that_aws_would_refuse_is_refused(operation: str, request_: Any) -> None:
    with pytest.raises((AssertionError, KeyError, ValueError)):
        AWS.pages("ec2", operation, "Subnets", **request_)


def test_a_request_that_lacks_what_it_must_have_is_refused() -> None:
    with pytest.raises(AssertionError, match='Missing required parameter in input: "name"'):
        AWS.ask("eks", "describe_cluster")


def test_an_answer_that_aws_never_gives_is_refused() -> None:
    with pytest.raises(AssertionError, match='Unknown parameter in addon: "version"'):
        AWS.ask("eks", "describe_addon", clusterName="c", addonName="a")


def test_a_filter_leaves_what_it_wants() -> None:
    vpcs = [{"Name": "vpc-id", "Values": ["vpc-1", "vpc-2"]}]
    assert AWS.pages("ec2", "describe_subnets", "Subnets", Filters=vpcs) == SUBNETS[:1]
    tagged = {"Filters": [{"Name": "tag:k", "Values": ["v"]}]}
    assert AWS.pages("ec2", "describe_subnets", "Subnets", **tagged) == SUBNETS[1:]
    for state, count in (("running", 1), ("stopped", 0)):
        wanted = {"Filters": [{"Name": "instance-state-name", "Values": [state]}]}
        assert len(AWS.pages("ec2", "describe_instances", "Reservations", **wanted)) == count


def test_a_code_goes_the_way_of_the_real_one() -> None:
    with pytest.raises(NotAllowedError, match=r"eks describe_cluster: .*AccessDeniedException"):
        AWS.cluster("c")
