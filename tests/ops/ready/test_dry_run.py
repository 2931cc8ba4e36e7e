"""A dry run carries what the program's machines are asked for with: policies of organizations look at just that."""

from typing import Any

import pytest

from ops.checks.model import Status

STACK = {"Key": "eks-hybrid-calico:stack", "Value": "eks-hybrid-calico/dev"}
COST = {"Key": "cost-center", "Value": "42"}


def meets_the_policy(request: dict[str, Any]) -> bool:
    """The three rules of an organization: IMDSv2, encrypted disks, a tag on machines and disks."""
    options = request.get("MetadataOptions", {})
    return (
        options.get("HttpTokens") == "required"
        and options.get("HttpPutResponseHopLimit") == 1
        and all(disk["Ebs"].get("Encrypted") for disk in request.get("BlockDeviceMappings", [{"Ebs": {}}]))
        and {"instance", "volume"}
        <= {each["ResourceType"] for each in request.get("TagSpecifications", []) if COST in each["Tags"]}
    )


@pytest.fixture
def sent(ask: Any) -> Any:
    """Run the check in an organization with a policy; give its result and what was sent."""

    def go(**settings: Any) -> tuple[Any, list[dict[str, Any]]]:
        requests: list[dict[str, Any]] = []

        def run_instances(request: dict[str, Any]) -> str:
            requests.append(request)
            return "DryRunOperation" if meets_the_policy(request) else "UnauthorizedOperation"

        tags = {"aws:defaultTags": {"tags": {"cost-center": "42"}}}
        result = ask("account.dry-run", settings=tags | settings, ec2__run_instances=run_instances)
        return result, requests

    return go


def test_a_policy_that_allows_the_stack_allows_the_dry_run(sent):
    result, requests = sent()
    assert result.outcome.status is Status.OK, result.outcome
    hybrid, managed = requests
    assert [each["DryRun"] for each in requests] == [True, True]
    for request in requests:
        assert request["MetadataOptions"] == {
            "HttpEndpoint": "enabled",
            "HttpTokens": "required",
            "HttpPutResponseHopLimit": 1,
        }
        for tagged in request["TagSpecifications"]:
            assert STACK in tagged["Tags"]
            assert COST in tagged["Tags"]
    # The provider has no way to tag the interface of an instance when it starts it.
    assert [each["ResourceType"] for each in hybrid["TagSpecifications"]] == ["instance", "volume"]
    assert [each["ResourceType"] for each in managed["TagSpecifications"]] == [
        "instance",
        "volume",
        "network-interface",
    ]


@pytest.mark.parametrize(
    ("system", "device"),
    [("ubuntu-24.04", "/dev/sda1"), ("ubuntu-22.04", "/dev/sda1"), ("al2023", "/dev/xvda")],
)
def test_the_encrypted_disk_is_the_one_that_the_image_boots_from(sent, system, device):
    # Under another name it is a second disk, and the first stays as the image has it: not encrypted.
    _, requests = sent(hybridNodes=[{"name": "a", "os": system, "diskGiB": 55}])
    (disk,) = requests[0]["BlockDeviceMappings"]
    assert disk == {
        "DeviceName": device,
        "Ebs": {"Encrypted": True, "DeleteOnTermination": True, "VolumeType": "gp3", "VolumeSize": 55},
    }


def test_a_policy_that_wants_more_names_the_way_on(sent):
    result, _ = sent(**{"aws:defaultTags": {"tags": {"other": "1"}}})
    assert result.outcome.status is Status.FAIL
    assert "READY='--skip account.dry-run'" in result.outcome.problems[0].fix
