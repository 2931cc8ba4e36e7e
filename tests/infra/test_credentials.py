"""The kubeconfig and the commands that carry an identity. tests/engine/test_credentials.py shows that they work."""

import json
import subprocess

import pytest

from infra.credentials import Identity, is_principal, simple_role, update_kubeconfig, with_identity

DEPLOYER = {"RoleArn": "arn:aws:iam::123456789012:role/deployer", "RoleSessionName": "eks-hybrid-calico"}
CHAIN = [{**DEPLOYER, "ExternalId": "a'b"}, DEPLOYER]


def kubeconfig(*more):
    arguments = ["--region", "eu-west-1", "eks", "get-token", "--cluster-name", "c", *more]
    return json.dumps({"users": [{"user": {"exec": {"command": "aws", "args": arguments}}}]})


def plugin(*arguments, **more):
    return json.loads(with_identity(kubeconfig(**more), *arguments))["users"][0]["user"]["exec"]


def test_an_identity_comes_back_from_the_state_as_it_was_stored():
    identity = Identity(
        region="eu-west-1", profile="team", roles=({**DEPLOYER, "DurationSeconds": 3600}, DEPLOYER)
    )
    # The engine keeps numbers as floats.
    stored = json.loads(json.dumps(identity.stored), parse_int=float)
    assert repr(Identity.from_state(stored)) == repr(identity)
    assert Identity.from_state({"region": "eu-west-1"}) == Identity(region="eu-west-1", profile=None)
    assert "roles" not in Identity(region="eu-west-1", profile=None).stored


def test_one_role_is_an_option_of_the_token():
    assert plugin(None, [DEPLOYER])["args"][-2:] == ["--role-arn", DEPLOYER["RoleArn"]]
    assert plugin("team", [DEPLOYER])["args"][-2:] == ["--profile", "team"]


def test_a_role_that_pulumi_eks_has_put_in_is_there_once():
    text = with_identity(kubeconfig("--role-arn", "arn:other"), None, [DEPLOYER])
    assert text.count("--role-arn") == 1
    assert "arn:other" not in text


def test_only_a_role_without_more_is_simple():
    assert simple_role([DEPLOYER]) == DEPLOYER["RoleArn"]
    assert simple_role([]) is None
    assert simple_role(CHAIN) is None
    assert simple_role([{**DEPLOYER, "RoleSessionName": "asked-for"}]) is None


def test_the_shell_of_a_chain_takes_role_after_role_and_stops_at_the_first_refusal(tmp_path):
    calls = tmp_path / "calls"
    aws = tmp_path / "aws"
    aws.write_text(
        f'#!/bin/sh\necho "$AWS_ACCESS_KEY_ID:$*" >> {calls}\n[ "$REFUSE" ] && exit 254\nprintf "K1\\tS\\tT\\n"\n'
    )
    aws.chmod(0o755)
    command = plugin("team", CHAIN)
    run = [command["command"], *command["args"]]
    environment = {"PATH": f"{tmp_path}:/usr/bin:/bin", "AWS_ACCESS_KEY_ID": "K0"}
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    first, second, token = calls.read_text().splitlines()
    assert first.startswith("K0:--profile team sts assume-role --cli-input-json ")
    assert "a'b" in first
    assert second.startswith("K1:sts assume-role")
    assert token == "K1:--region eu-west-1 eks get-token --cluster-name c"
    calls.unlink()
    done = subprocess.run(
        run, env={**environment, "REFUSE": "1"}, capture_output=True, text=True, check=False
    )
    assert done.returncode == 254
    assert len(calls.read_text().splitlines()) == 1


def test_the_command_for_kubectl_carries_the_role_or_leads_to_the_kubeconfig():
    assert update_kubeconfig("r", "c", None, []) == "aws eks update-kubeconfig --region r --name c"
    assert update_kubeconfig("r", "c", "team", [DEPLOYER]).endswith(
        f"--role-arn {DEPLOYER['RoleArn']} --profile team"
    )
    assert update_kubeconfig("r", "c", None, CHAIN).startswith(
        "pulumi stack output kubeconfig --show-secrets"
    )


@pytest.mark.parametrize(
    ("arn", "caller", "same"),
    [
        ("arn:aws:iam::1:user/me", "arn:aws:iam::1:user/me", True),
        ("arn:aws:iam::1:role/x", "arn:aws:sts::1:assumed-role/x/session", True),
        (
            "arn:aws:iam::1:role/aws-reserved/sso.amazonaws.com/x",
            "arn:aws:sts::1:assumed-role/x/me@example.com",
            True,
        ),
        ("arn:aws:iam::2:role/x", "arn:aws:sts::1:assumed-role/x/session", False),
        ("arn:aws:iam::1:role/y/z", "arn:aws:sts::1:assumed-role/x/session", False),
        ("arn:aws:iam::1:user/a/me", "arn:aws:iam::1:user/me", False),
    ],
)
def test_who_signs_in_is_told_by_the_role_behind_the_session(arn, caller, same):
    assert is_principal(arn, caller) is same
