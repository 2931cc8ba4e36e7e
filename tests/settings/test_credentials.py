"""Pulumi's own settings of credentials: roles that everything takes, and what reaches the AWS provider only."""

import json

import pytest

import settings
from settings import SettingsError
from tests.settings.conftest import PROJECT

ROLE = "arn:aws:iam::123456789012:role/deployer"


def parsed(**values):
    given = {
        f"aws:{key}": value if isinstance(value, str) else json.dumps(value) for key, value in values.items()
    }
    return settings.parse({"aws:region": "eu-west-1", **given}, project=PROJECT)


def test_a_chain_of_roles_becomes_requests_of_sts():
    chain = [
        {"roleArn": ROLE, "externalId": "acme:1", "duration": "1h30m", "sourceIdentity": "ci"},
        {"roleArn": ROLE},
    ]
    first, second = parsed(assumeRoles=chain).roles
    assert first == {
        "RoleArn": ROLE,
        "RoleSessionName": "eks-hybrid-calico",
        "ExternalId": "acme:1",
        "DurationSeconds": 5400,
        "SourceIdentity": "ci",
    }
    assert second == {"RoleArn": ROLE, "RoleSessionName": "eks-hybrid-calico"}
    assert parsed().roles == ()


@pytest.mark.parametrize(
    ("roles", "says"),
    [
        ([{"roleArn": "deployer"}], "aws:assumeRoles[0].roleArn deployer is not the ARN of a role"),
        ([{}], "aws:assumeRoles[0].roleArn is not set"),
        ([{"roleArn": ROLE, "duration": "90"}], "aws:assumeRoles[0].duration 90 is not a duration"),
        ([{"roleArn": ROLE, "duration": "14m59s"}], "duration 14m59s is not between 15m and 12h"),
        ([{"roleArn": ROLE, "duration": "12h1s"}], "duration 12h1s is not between 15m and 12h"),
        (
            [{"roleArn": ROLE, "duration": "2h"}, {"roleArn": ROLE, "duration": "61m"}],
            "aws:assumeRoles[1].duration 61m is more than 1h",
        ),
        (
            [{"roleArn": ROLE, "externalId": "a b"}],
            'aws:assumeRoles[0].externalId "a b" is not an external id',
        ),
        (
            [{"roleArn": ROLE, "policy": "{}"}],
            "aws:assumeRoles[0].policy is not a setting of aws:assumeRoles[0]",
        ),
        (ROLE, f"aws:assumeRoles {ROLE} is not a list of roles"),
    ],
)
def test_a_role_that_cannot_be_taken_everywhere_is_refused(roles, says):
    with pytest.raises(SettingsError) as caught:
        parsed(assumeRoles=roles)
    assert says in str(caught.value)
    assert "pulumi config" in str(caught.value)


@pytest.mark.parametrize("duration", ["15m", "900s", "12h", "1h30m"])
def test_the_shortest_and_the_longest_session_of_aws_are_taken(duration):
    assert parsed(assumeRoles=[{"roleArn": ROLE, "duration": duration}]).roles[0]["DurationSeconds"] >= 900


@pytest.mark.parametrize(
    ("name", "way_out"),
    [
        ("accessKey", "pulumi config set aws:profile NAME"),
        ("secretKey", "pulumi config set aws:profile NAME"),
        ("token", "AWS_SESSION_TOKEN"),
        ("assumeRole", "aws:assumeRoles[0].roleArn"),
        ("assumeRoleWithWebIdentity", "AWS_WEB_IDENTITY_TOKEN_FILE"),
        ("sharedConfigFiles", "AWS_CONFIG_FILE"),
        ("sharedCredentialsFiles", "AWS_SHARED_CREDENTIALS_FILE"),
    ],
)
def test_what_reaches_the_provider_only_is_refused_with_the_way_out_and_without_its_value(name, way_out):
    with pytest.raises(SettingsError) as caught:
        parsed(**{name: "PLANTED"})
    text = str(caught.value)
    assert f"aws:{name} " in text
    assert way_out in text
    assert f"pulumi config rm aws:{name}" in text
    assert "PLANTED" not in text


def test_roles_are_read_alone_when_other_settings_are_wrong():
    raw = {"aws:assumeRoles": json.dumps([{"roleArn": ROLE}]), "eks-hybrid-calico:podCidr": "x"}
    assert [role["RoleArn"] for role in settings.roles(raw)] == [ROLE]
    assert settings.roles({"aws:assumeRoles": "x"}) == settings.roles({}) == ()
