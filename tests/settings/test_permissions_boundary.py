"""The permissions boundary: a policy of the stack's own account, or one that AWS keeps."""

import pytest

import settings
from tests.settings.conftest import PROJECT, follow, raw_settings

BOUNDARY = "arn:aws:iam::123456789012:policy/team/boundary"
OTHERS = "arn:aws:iam::210987654321:policy/team/boundary"


@pytest.mark.parametrize("arn", [BOUNDARY, "arn:aws:iam::aws:policy/PowerUserAccess"])
def test_a_policy_of_ones_own_or_of_aws_is_taken(parse, arn):
    assert parse(permissionsBoundaryArn=arn).account.permissions_boundary == arn
    assert parse(permissionsBoundaryArn="").account.permissions_boundary is None


@pytest.mark.parametrize("value", ["boundary", "arn:aws:iam::123456789012:role/boundary", f"{BOUNDARY}*"])
def test_what_is_no_policy_is_rejected(rejects, value):
    rejects(
        "permissionsBoundaryArn",
        value,
        f"permissionsBoundaryArn {value} is not the ARN of an IAM policy. Set one, e.g. pulumi config set "
        "permissionsBoundaryArn arn:aws:iam::123456789012:policy/boundary",
    )


@pytest.mark.parametrize(
    ("more", "seen", "wrong", "advised"),
    [
        (
            {"aws:allowedAccountIds": '["210987654321"]'},
            BOUNDARY,
            "is of account 123456789012, which is not one of aws:allowedAccountIds 210987654321",
            OTHERS,
        ),
        (
            {"aws:region": "cn-north-1"},
            BOUNDARY,
            "is of the partition aws, and aws:region cn-north-1 is in aws-cn",
            BOUNDARY.replace("arn:aws", "arn:aws-cn"),
        ),
    ],
)
def test_a_policy_that_no_role_of_this_stack_takes_is_rejected(more, seen, wrong, advised):
    raw = raw_settings(permissionsBoundaryArn=seen) | more
    with pytest.raises(settings.SettingsError) as caught:
        settings.parse(raw, project=PROJECT)
    (problem,) = caught.value.problems
    assert problem == (
        f"{PROJECT}:permissionsBoundaryArn {seen} {wrong}, and a role takes a policy of its own account only. Set one"
        f" of aws iam list-policies --scope Local, e.g. pulumi config set permissionsBoundaryArn {advised}"
    )
    assert settings.parse(follow(raw, problem), project=PROJECT).permissions_boundary_arn == advised


def test_a_policy_of_aws_is_of_every_account():
    aws = "arn:aws:iam::aws:policy/PowerUserAccess"
    assert settings.parse(
        raw_settings(permissionsBoundaryArn=aws) | {"aws:allowedAccountIds": '["210987654321"]'},
        project=PROJECT,
    )
