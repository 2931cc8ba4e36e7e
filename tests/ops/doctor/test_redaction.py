"""No secret gets through, whatever stands around it; what is no secret stays."""

import base64
import json
import string
from typing import Any
from urllib.parse import quote

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ops.clients.redaction import REMOVED, USER_DATA_REMOVED, Redactor, kubeconfig_secrets
from ops.doctor.failures import FAILURES

_LETTERS = string.ascii_letters + string.digits

# Secrets as AWS and Kubernetes make them, so that shape alone must give them away.
CODES = st.text(_LETTERS + "/+", min_size=20, max_size=20).filter(
    lambda code: (
        any(c.islower() for c in code) and any(c.isupper() for c in code) and any(c.isdigit() for c in code)
    )
)
KEYS = st.text(_LETTERS + "/+", min_size=40, max_size=40).filter(
    lambda key: (
        any(c.islower() for c in key) and any(c.isupper() for c in key) and any(c.isdigit() for c in key)
    )
)
KEY_IDS = st.text(string.ascii_uppercase + string.digits, min_size=16, max_size=16).map(
    lambda text: f"AKIA{text}"
)
TOKENS = st.binary(min_size=40, max_size=200).map(
    lambda raw: f"k8s-aws-v1.{base64.urlsafe_b64encode(raw).decode().rstrip('=')}"
)
ANY = st.text(_LETTERS, min_size=12, max_size=30)
AROUND = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(AROUND, CODES, AROUND)
def test_an_activation_code_is_known_by_its_shape(before: str, code: str, after: str) -> None:
    assert code not in Redactor().text(f"{before} {code} {after}")


@given(AROUND, KEYS, AROUND)
def test_an_aws_secret_key_is_known_by_its_shape(before: str, key: str, after: str) -> None:
    assert key not in Redactor().text(f"{before} {key} {after}")


@given(AROUND, KEY_IDS, AROUND)
def test_an_aws_key_id_is_known_by_its_shape(before: str, key_id: str, after: str) -> None:
    assert key_id not in Redactor().text(f"{before} {key_id} {after}")


@given(AROUND, TOKENS, AROUND)
def test_a_cluster_token_is_known_by_its_shape(before: str, token: str, after: str) -> None:
    text = Redactor().text(f"{before} {token} {after}")
    assert token not in text
    assert token.partition(".")[2] not in text


@pytest.mark.parametrize(
    "form",
    [
        "activationCode: {}",
        "activationCode: '{}'",
        'activationCode: "{}"',
        '"activationCode":"{}"',
        '{{\\"activationCode\\":\\"{}\\"}}',
        "activationCode: >-\n  {}",
        "ACTIVATION_CODE={}",
        "ActivationCode = {}",
        "amazon-ssm-agent -register -code {} -id 1234",
        "ssm-setup-cli -register -activation-code='{}' -activation-id 1234",
        "aws_secret_access_key = {}",
        "AWS_SECRET_ACCESS_KEY={}",
        "aws_session_token={}",
        "SecretAccessKey: {}",
        "token: {}",
        '"token": "{}"',
        "Authorization: Bearer {}",
        "Authorization: Basic {}",
        "Bearer {}",
        "password={}",
        "PULUMI_CONFIG_PASSPHRASE={}",
        "client-key-data: {}",
        "client-certificate-data: {}",
        "https://sts.amazonaws.com/?X-Amz-Security-Token={}&X-Amz-Expires=60",
        "X-Amz-Signature={}",
        "PULUMI_ACCESS_TOKEN={}",
    ],
)
@settings(max_examples=8)
@given(secret=ANY)
def test_the_value_of_a_secret_name_goes_whatever_it_looks_like(form: str, secret: str) -> None:
    for around in ("", "before ", "[   14.2] cloud-init[812]: "):
        assert secret not in Redactor().text(f"{around}{form.format(secret)}\nafter")


@given(
    st.lists(st.text(string.ascii_lowercase, min_size=8, max_size=64), min_size=1, max_size=5), st.booleans()
)
def test_a_private_key_goes_with_all_its_lines(lines: list[str], cut_off: bool) -> None:
    body = "\n".join(lines)
    end = "" if cut_off else "\n-----END RSA PRIVATE KEY-----\nafter"
    text = Redactor().text(f"before\n-----BEGIN RSA PRIVATE KEY-----\n{body}{end}")
    assert text == f"before\n{REMOVED}" + ("" if cut_off else "\nafter")


def test_a_bootstrap_token_is_known_by_its_shape() -> None:
    assert "0123456789abcdef" not in Redactor().text("join with abcdef.0123456789abcdef now")


_MARKED = st.text(_LETTERS, min_size=12, max_size=24)


@given(st.lists(_MARKED, min_size=1, max_size=6), st.booleans())
def test_echoed_user_data_goes_as_a_whole(lines: list[str], join_follows: bool) -> None:
    echo = "[   14.2] cloud-init[812]: Unhandled: b'#cloud-config\n" + "\n".join(
        f"  x: {line}" for line in lines
    )
    after = "\n2026-11-23T15:01:02Z join: step 1/7 look\n" if join_follows else "\n"
    text = Redactor().text(f"[    0.0] Linux\n{echo}{after}")
    assert not [line for line in lines if line in text]
    assert text.startswith(f"[    0.0] Linux\n{USER_DATA_REMOVED}")
    assert ("join: step 1/7 look" in text) == join_follows


@given(st.lists(_MARKED, min_size=1, max_size=4))
def test_user_data_in_base64_goes(lines: list[str]) -> None:
    encoded = base64.b64encode(
        ("#cloud-config\n" + "\n".join(lines) + "\nactivationCode: x").encode()
    ).decode()
    assert encoded[:40] not in Redactor().text(f"user data: {encoded}")


@given(st.text(_LETTERS + '/+=. "\\&?>~', min_size=8, max_size=60), AROUND)
def test_a_known_secret_goes_in_every_encoding(secret: str, around: str) -> None:
    redactor = Redactor([secret])
    encoded = base64.b64encode(secret.encode()).decode()
    for form in (secret, json.dumps(secret), quote(secret, safe=""), encoded):
        assert form.strip('"') not in redactor.text(f"{around} <{form}> {around}").replace(around, "")


@settings(max_examples=200)
@given(st.text())
def test_redacting_twice_changes_nothing_more(text: str) -> None:
    once = Redactor().text(text)
    assert Redactor().text(once) == once


@given(
    st.lists(
        st.sampled_from(
            ["token=", "Bearer ", "activationCode: ", REMOVED, "abc", '"', "'", "\n", "-code ", " "]
        )
    )
)
@example(["-code ", '"', '"', "token="])
def test_redacting_twice_changes_nothing_more_around_its_own_marks(parts: list[str]) -> None:
    once = Redactor().text("".join(parts))
    assert Redactor().text(once) == once


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=15,
)


@given(
    _JSON,
    st.sampled_from(["token", "activationCode", "client-key-data", "certificateAuthority", "UserData"]),
    ANY,
)
def test_secret_keys_of_data_lose_their_value(data: Any, key: str, secret: str) -> None:
    found = Redactor().data({"around": data, "deep": [{key: {"inside": [secret]}}, {key: secret}]})
    assert found["deep"] == [{key: REMOVED}, {key: REMOVED}]
    # A secret that is a part of the key's own name is nothing that was told.
    assert secret not in json.dumps(found["deep"]).replace(key, "")


def test_what_is_no_secret_stays(make: Any) -> None:
    redactor = Redactor()
    for failure in FAILURES:
        for text in (failure.why, failure.fix, failure.symptom):
            assert redactor.text(text) == text
    assert redactor.text(make.joined) == make.joined
    assert redactor.text(make.too_old_console) == make.too_old_console
    data = {
        "arn": "arn:aws:iam::012345678901:role/hybrid-node-1a2b3c4",
        "activation": "11111111-2222-3333-4444-000000000001",
        "node": "mi-06d5ac211e74887c1",
        "issue": {"code": "NodeCreationFailure", "message": "Unhealthy nodes in the kubernetes cluster"},
        "address": "dial tcp 172.16.0.1:443: i/o timeout",
        "image": "quay.io/calico/cni:v3.32.1",
        "policy": "AmazonEC2ContainerRegistryPullOnly",
        "path": "https://10.90.1.182:10250/containerLogs/kube-system/calico-node-c4x2z/calico-node",
        "mirror": "http://ports.ubuntu.com/ubuntu-ports/dists/noble-updates/main/binary-arm64/Packages.xz",
        "hash": f"Err:5 http://jp.archive.ubuntu.com/ubuntu/dists/noble/main/binary-amd64/by-hash/SHA256/{'0f' * 32}",
        "own mirror": "http://mirror.corp.example/Ubuntu/Noble1/dists/noble/main/binary-amd64/Packages",
        "suite": "http://security.ubuntu.com/ubuntu/dists/noble-security/main/i18n/Translation-en",
        "group": "GuardDutyManagedSecurityGroup-vpc-0123456789abcdef0",
        "labels": {"eks.amazonaws.com/hybrid-credential-provider": "ssm"},
        "count": 3,
    }
    assert redactor.data(data) == data


def test_the_secrets_of_a_kubeconfig_are_all_that_its_users_hold() -> None:
    kubeconfig = {
        "users": [
            {"name": "a", "user": {"token": "first-token", "client-key-data": "a2V5"}},
            {"name": "b", "user": {"auth-provider": {"config": {"refresh": "second-token"}}}},
            {
                "name": "c",
                "user": {
                    "exec": {
                        "args": ["eks", "get-token"],
                        "env": [
                            {"name": "AWS_PROFILE", "value": "work"},
                            {"name": "AWS_SESSION_TOKEN", "value": "third-token"},
                        ],
                    }
                },
            },
        ]
    }
    assert kubeconfig_secrets(kubeconfig) == ["first-token", "a2V5", "second-token", "third-token"]
    assert kubeconfig_secrets(None) == []
    assert kubeconfig_secrets({"users": [None, {"user": 3}, {"user": {"exec": 3}}]}) == []


def test_the_user_data_that_the_program_makes_is_recognised() -> None:
    from userdata.cloud_config import JoinConfig, render

    config = JoinConfig(
        cluster_name="eks-hybrid",
        region="ap-northeast-1",
        kubernetes_version="1.35",
        nodeadm_version="v1.0.20",
        nodeadm_sha256=None,
        architecture="arm64",
        os="ubuntu-24.04",
        node_name="hybrid-1",
    )
    document = render(
        config, activation_id="11111111-2222-3333-4444-000000000001", activation_code="all-lower-case-code"
    )
    assert Redactor().text(document) == f"{USER_DATA_REMOVED}\n"
    node_config = yaml.safe_load(document)["write_files"][0]["content"]
    assert "activationCode: all-lower-case-code" in node_config
    assert "all-lower-case-code" not in Redactor().text(node_config)
