"""Each kind of credentials reaches all that sign in, to the end: the APIs refuse every other identity."""

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any

import pytest

from ops.clients.aws import AwsClient
from ops.clients.kube_auth import ExecCredentials
from ops.clients.stack_outputs import Deployment
from settings.model import AssumeRole
from tests.engine.harness import Stack
from tests.engine.identities import SSO_TOKEN, SignedApis, identity, key_of_role, write_signing_cli

pytestmark = pytest.mark.engine

HOP = "arn:aws:iam::123456789012:role/hop"
DEPLOYER = "arn:aws:iam::210987654321:role/deployer"


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A way to sign in. `wanted` is the identity that must arrive, `machine` the one of the variables."""

    wanted: str
    machine: str = "AKIDMACHINE"
    settings: dict[str, Any] = field(default_factory=dict)
    trust: dict[str, tuple[str, str]] = field(default_factory=dict)


KINDS = {
    "environment": Kind(wanted="AKIDMACHINE"),
    # The variables name somebody else: a profile must win over them everywhere.
    "profile": Kind(wanted="AKIDTEAM", machine="AKIDSOMEBODY", settings={"aws_profile": "team"}),
    "sso": Kind(wanted=key_of_role("Deployer"), machine="AKIDSOMEBODY", settings={"aws_profile": "sso"}),
    "one role": Kind(
        wanted=key_of_role(DEPLOYER),
        settings={"aws_assumeRoles": [{"roleArn": DEPLOYER}]},
        trust={DEPLOYER: ("AKIDMACHINE", "")},
    ),
    "a chain with an external id, from a profile": Kind(
        wanted=key_of_role(DEPLOYER),
        machine="AKIDSOMEBODY",
        settings={
            "aws_profile": "team",
            "aws_assumeRoles": [{"roleArn": HOP, "externalId": "acme:1"}, {"roleArn": DEPLOYER}],
        },
        trust={HOP: ("AKIDTEAM", "acme:1"), DEPLOYER: (key_of_role(HOP), "")},
    ),
    "a role with all that a role can have": Kind(
        wanted=key_of_role(DEPLOYER),
        settings={
            "aws_assumeRoles": [
                {
                    "roleArn": DEPLOYER,
                    "sessionName": "a-pipeline",
                    "externalId": "acme:1",
                    "duration": "1h30m",
                    "sourceIdentity": "somebody",
                }
            ]
        },
        trust={DEPLOYER: ("AKIDMACHINE", "acme:1")},
    ),
}


@dataclass(frozen=True, kw_only=True)
class Built:
    stack: Stack
    apis: SignedApis
    kind: Kind


@pytest.fixture(params=list(KINDS.values()), ids=list(KINDS))
def built(request, new_rig, monkeypatch):
    """A stack that was brought up with one kind of credentials, whose node has joined."""
    kind: Kind = request.param
    stack = new_rig().stack
    apis = SignedApis(stack.standin, wanted=kind.wanted, trust=kind.trust)
    write_signing_cli(stack.folder / "bin")
    home = stack.folder / "user"
    cache = (
        home / ".aws" / "sso" / "cache" / f"{hashlib.sha1(b'acme', usedforsecurity=False).hexdigest()}.json"
    )
    cache.parent.mkdir(parents=True)
    cache.write_text(
        json.dumps({"accessToken": SSO_TOKEN, "expiresAt": "2099-01-01T00:00:00Z", "region": "eu-central-1"})
    )
    (stack.folder / "aws-config").write_text(
        "[profile team]\naws_access_key_id = AKIDTEAM\naws_secret_access_key = planted-secret\n"
        "[profile sso]\nsso_session = acme\nsso_account_id = 123456789012\nsso_role_name = Deployer\n"
        "[sso-session acme]\nsso_region = eu-central-1\nsso_start_url = https://acme.example/start\n"
    )
    stack.environment |= {
        "HOME": str(home),
        "AWS_ENDPOINT_URL": apis.aws_url,
        "AWS_ACCESS_KEY_ID": kind.machine,
        "AWS_SECRET_ACCESS_KEY": "planted-secret",
    }
    # What `ops` finds on the same machine.
    for name, value in stack.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    stack.configure(**kind.settings)
    stack.up()
    for node in stack.outputs()["hybridNodes"]:
        apis.join(node["activationId"], node["name"])
    yield Built(stack=stack, apis=apis, kind=kind)
    apis.close()


def test_a_kind_has_every_field_of_a_role():
    roles = [role for kind in KINDS.values() for role in kind.settings.get("aws_assumeRoles", [])]
    assert {field.alias or name for name, field in AssumeRole.model_fields.items()} in [
        set(role) for role in roles
    ]


def test_all_that_sign_in_are_the_same_identity_and_no_key_is_kept(built):
    stack, kind = built.stack, built.kind
    state = stack.pulumi("stack", "export", "--show-secrets").text
    resources = json.loads(state)["deployment"]["resources"]

    # The AWS provider.
    provider = next(each for each in resources if each["type"] == "pulumi:providers:aws")["inputs"]
    for setting, value in kind.settings.items():
        found = provider[setting.removeprefix("aws_")]
        assert (json.loads(found) if isinstance(value, list) else found) == value

    # Our Kubernetes provider, and the exported kubeconfig with what verify and doctor add.
    own = next(
        each
        for each in resources
        if each["type"] == "pulumi:providers:kubernetes" and each["urn"].endswith("::eks")
    )
    # `export` writes a secret as the JSON of its value.
    plugin = json.loads(json.loads(own["inputs"]["kubeconfig"]["plaintext"]))
    assert identity(ExecCredentials(plugin["users"][0]["user"]["exec"], profile=None).token()) == kind.wanted
    outputs = stack.outputs()
    deployment = Deployment.model_validate(outputs)
    exported = ExecCredentials(
        deployment.kubeconfig["users"][0]["user"]["exec"], profile=deployment.checks.profile or None
    )
    assert identity(exported.token()) == kind.wanted
    assert "--profile" not in json.dumps(deployment.kubeconfig)

    # What verify, doctor and ready ask AWS as.
    aws = AwsClient(
        region="eu-central-1",
        profile=deployment.checks.profile or None,
        roles=deployment.checks.roles,
        timeout_s=5,
        retries=0,
    )
    assert aws.ask("sts", "get_caller_identity")["UserId"] == kind.wanted

    # What looks for a dead machine before a new one is made. It goes on without, so that only the API can tell.
    assert built.apis.seen == {kind.wanted}

    # What asks EKS whether there is a control plane, before a change is refused.
    built.apis.seen.clear()
    with stack.configured(clusterName="another"):
        assert "clusterName cannot change" in stack.preview(succeeds=False).text
    assert built.apis.seen == {kind.wanted}

    # Keys are nowhere, not even as a secret.
    assert "planted" not in state
    assert SSO_TOKEN not in state

    # What runs on delete: refused as anybody else, done as the right one.
    built.apis.wanted = "AKIDANOTHER"
    refused = stack.destroy(succeeds=False)
    assert f"{kind.wanted} is not AKIDANOTHER" in refused.text
    built.apis.wanted = kind.wanted
    stack.destroy()
    calls = [call.kind for call in stack.journal()]
    assert calls.count("Deregister") == calls.count("DeleteNode") == 1


@pytest.mark.parametrize("setting", ["aws_accessKey", "aws_secretKey", "aws_token"])
def test_a_key_in_the_settings_is_refused_before_anything_is_created(new_rig, setting):
    stack = new_rig().stack
    stack.configure(**{setting: "AKIDPLANTED"})
    run = stack.preview(succeeds=False)
    assert f"aws:{setting[4:]} holds a key" in run.text
    assert "pulumi config set aws:profile NAME" in run.text
    assert [call for call in stack.journal() if call.kind == "Create"] == []
