"""Where the stack runs: as many zones as the settings ask for, or an error that names those there are."""

import pulumi
import pytest

from infra.account import Account, enough_zones
from infra.credentials import Identity


def test_the_first_zones_are_taken():
    assert enough_zones(["a", "b", "c"], wanted=2, region="r") == ("a", "b")


@pytest.mark.parametrize(
    ("seen", "wanted", "words"),
    [
        (["us-west-1a", "us-west-1c"], 3, "2 (us-west-1a, us-west-1c). Set no more than there are"),
        (["us-west-1a"], 2, "1 (us-west-1a). Choose another region"),
        ([], 2, "none. Choose another region"),
    ],
)
def test_too_few_zones_are_an_error_that_names_them(seen, wanted, words):
    with pytest.raises(pulumi.RunError) as error:
        enough_zones(seen, wanted=wanted, region="us-west-1")
    assert words in str(error.value)
    assert f"availabilityZones {wanted} is more than this account has in us-west-1" in str(error.value)


def test_what_a_launch_template_launches_gets_the_default_tags_too_and_ours_win():
    account = Account(
        partition="aws",
        dns_suffix="amazonaws.com",
        identity=Identity(region="ap-northeast-1", profile=None),
        account_id="123456789012",
        caller_arn="arn:aws:iam::123456789012:user/me",
        zones=("a", "b"),
        zones_with_eks=("a", "b", "c"),
        tags={"eks-hybrid-calico:stack": "p/s"},
        default_tags={"Owner": "me", "Name": "theirs"},
        permissions_boundary=None,
    )
    assert account.launched("node") == {"Owner": "me", "Name": "node", "eks-hybrid-calico:stack": "p/s"}


@pytest.mark.parametrize(
    "signing_in",
    [
        {"aws:assumeRoles": [{"roleArn": "arn:aws:iam::123456789012:role/deployer"}]},
        {"aws:allowedAccountIds": ["123456789012"]},
    ],
    ids=lambda setting: next(iter(setting)),
)
def test_who_signs_in_changes_nothing_in_aws(record, dev, signing_in):
    def in_aws(recording):
        # The library's component takes the role of its kubeconfig, which is no resource of AWS.
        return {
            each.urn: each.inputs for each in recording.resources.values() if each.type.startswith("aws:")
        }

    assert in_aws(record(**signing_in)) == in_aws(dev)
