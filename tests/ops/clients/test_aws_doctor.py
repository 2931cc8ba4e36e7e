"""The questions to AWS: their parameters, all their pages, and answers that are none."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.stub import Stubber

from ops.clients.aws_doctor import RealCloud
from ops.clients.errors import AskError


@pytest.fixture(scope="module")
def cloud() -> RealCloud:
    """One for all tests: reading the services' models takes half a second each. Its credentials open nothing."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", "test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "test")
        found = RealCloud(region="ap-northeast-1", profile=None, timeout_s=1, retries=0)
        for service in ("ec2", "eks", "ssm", "elbv2"):
            found.client(service)
        return found


@pytest.fixture
def stub(cloud: RealCloud) -> Iterator[Callable[[str], Stubber]]:
    """Stub a service of the cloud; at the end every expected question must have been asked."""
    stubbers: dict[str, Stubber] = {}

    def make(service: str) -> Stubber:
        if service not in stubbers:
            stubbers[service] = Stubber(cloud.client(service))
            stubbers[service].activate()
        return stubbers[service]

    yield make
    for stubber in stubbers.values():
        stubber.deactivate()
        stubber.assert_no_pending_responses()


def _console(text: str) -> dict[str, Any]:
    return {"InstanceId": "i-0b1", "Output": base64.b64encode(text.encode()).decode()}


def test_the_newest_console_is_asked_for_and_decoded(
    cloud: RealCloud, stub: Callable[[str], Stubber]
) -> None:
    stub("ec2").add_response("get_console_output", _console("hello"), {"InstanceId": "i-0b1", "Latest": True})
    found = cloud.console("i-0b1")
    assert found is not None
    assert found["Output"] == "hello"


def test_a_machine_without_the_newest_console_gives_that_of_its_boot(
    cloud: RealCloud, stub: Callable[[str], Stubber]
) -> None:
    ec2 = stub("ec2")
    ec2.add_client_error(
        "get_console_output", "UnsupportedOperation", expected_params={"InstanceId": "i-0b1", "Latest": True}
    )
    ec2.add_response("get_console_output", _console("boot"), {"InstanceId": "i-0b1"})
    found = cloud.console("i-0b1")
    assert found is not None
    assert found["Output"] == "boot"


def test_a_machine_that_is_gone_has_no_console(cloud: RealCloud, stub: Callable[[str], Stubber]) -> None:
    for _ in range(2):
        stub("ec2").add_client_error("get_console_output", "InvalidInstanceID.NotFound")
    assert cloud.console("i-0b1") is None


def test_a_console_that_may_not_be_read_says_what_to_allow(
    cloud: RealCloud, stub: Callable[[str], Stubber]
) -> None:
    stub("ec2").add_client_error("get_console_output", "UnauthorizedOperation", "You are not authorized")
    with pytest.raises(AskError, match="ec2 get_console_output"):
        cloud.console("i-0b1")


def test_instances_are_found_by_tag_on_all_pages(cloud: RealCloud, stub: Callable[[str], Stubber]) -> None:
    wanted = {"Filters": [{"Name": "tag:k", "Values": ["v"]}]}
    one, two = ({"Reservations": [{"Instances": [{"InstanceId": name}]}]} for name in ("i-1", "i-2"))
    stub("ec2").add_response("describe_instances", {**one, "NextToken": "more"}, wanted)
    stub("ec2").add_response("describe_instances", two, {**wanted, "NextToken": "more"})
    assert [item["InstanceId"] for item in cloud.tagged_instances("k", "v")] == ["i-1", "i-2"]


def test_activations_come_from_all_pages(cloud: RealCloud, stub: Callable[[str], Stubber]) -> None:
    pages = [{"ActivationList": [{"ActivationId": f"a-{n}"}]} for n in (1, 2)]
    stub("ssm").add_response("describe_activations", {**pages[0], "NextToken": "more"}, {})
    stub("ssm").add_response("describe_activations", pages[1], {"NextToken": "more"})
    assert [item["ActivationId"] for item in cloud.activations()] == ["a-1", "a-2"]


def test_registrations_are_asked_for_a_hundred_activations_at_a_time(
    cloud: RealCloud, stub: Callable[[str], Stubber]
) -> None:
    ids = [f"a-{n}" for n in range(101)]
    for part, name in ((ids[:100], "mi-1"), (ids[100:], "mi-2")):
        stub("ssm").add_response(
            "describe_instance_information",
            {"InstanceInformationList": [{"InstanceId": name}]},
            {"Filters": [{"Key": "ActivationIds", "Values": part}]},
        )
    assert [item["InstanceId"] for item in cloud.registered(ids)] == ["mi-1", "mi-2"]


def test_each_access_entry_is_described(cloud: RealCloud, stub: Callable[[str], Stubber]) -> None:
    eks = stub("eks")
    eks.add_response(
        "list_access_entries", {"accessEntries": ["arn-1"], "nextToken": "t"}, {"clusterName": "c"}
    )
    eks.add_response(
        "list_access_entries", {"accessEntries": ["arn-2"]}, {"clusterName": "c", "nextToken": "t"}
    )
    eks.add_response(
        "describe_access_entry",
        {"accessEntry": {"principalArn": "arn-1", "type": "HYBRID_LINUX"}},
        {"clusterName": "c", "principalArn": "arn-1"},
    )
    eks.add_client_error("describe_access_entry", "ResourceNotFoundException")
    assert cloud.access_entries("c") == [{"principalArn": "arn-1", "type": "HYBRID_LINUX"}]


def test_each_node_group_is_described_unless_it_has_gone_meanwhile(
    cloud: RealCloud, stub: Callable[[str], Stubber]
) -> None:
    eks = stub("eks")
    eks.add_response("list_nodegroups", {"nodegroups": ["a", "b"]}, {"clusterName": "c"})
    eks.add_client_error("describe_nodegroup", "ResourceNotFoundException")
    eks.add_response(
        "describe_nodegroup",
        {"nodegroup": {"nodegroupName": "b", "status": "ACTIVE"}},
        {"clusterName": "c", "nodegroupName": "b"},
    )
    assert [item["nodegroupName"] for item in cloud.node_groups("c")] == ["b"]


def test_each_add_on_is_described(cloud: RealCloud, stub: Callable[[str], Stubber]) -> None:
    stub("eks").add_response("list_addons", {"addons": ["coredns"]}, {"clusterName": "c"})
    stub("eks").add_response(
        "describe_addon",
        {"addon": {"addonName": "coredns", "status": "DEGRADED"}},
        {"clusterName": "c", "addonName": "coredns"},
    )
    assert [item["status"] for item in cloud.add_ons("c")] == ["DEGRADED"]


def test_target_groups_are_found_by_their_tags_twenty_at_a_time(
    cloud: RealCloud, stub: Callable[[str], Stubber]
) -> None:
    arns = [f"arn-{n}" for n in range(21)]
    groups = [{"TargetGroupArn": arn, "TargetType": "ip"} for arn in arns]
    elb = stub("elbv2")
    elb.add_response("describe_target_groups", {"TargetGroups": groups}, {})
    for part in (arns[:20], arns[20:]):
        tags = [
            {
                "ResourceArn": arn,
                "Tags": [{"Key": "k", "Value": "v" if arn in ("arn-3", "arn-20") else "other"}],
            }
            for arn in part
        ]
        elb.add_response("describe_tags", {"TagDescriptions": tags}, {"ResourceArns": part})
    assert [item["TargetGroupArn"] for item in cloud.tagged_target_groups("k", "v")] == ["arn-3", "arn-20"]
