"""The support bundle: what it holds, who may read it, and that no secret is in it, wherever one was planted."""

import base64
import dataclasses
import json
import stat
import tarfile
from pathlib import Path
from typing import Any

import pytest

from ops.clients.errors import AskError
from ops.clients.redaction import Redactor
from ops.doctor import bundle
from ops.doctor.diagnosis import diagnose
from ops.doctor.facts import Facts

# One secret for each place it could come from. Some have a shape of their own, some only the name beside them.
PLANTED = {
    "activation code": "Fjz3sZfSvv78Kq9TbW1x",
    "activation code echoed by cloud-init": "zQ8rT2vY6bN0mK4jH1gF",
    "activation code in lower case": "onlylowercaseletters",
    "secret in user data without a name": "hush-hush-in-user-data",
    "user data in base64": base64.b64encode(b"#cloud-config\nsecret: AbC123\n" * 3).decode(),
    "kubeconfig token": "kubeconfig-token-plain-words",
    "kubeconfig key": base64.b64encode(b"-----BEGIN PRIVATE KEY-----").decode(),
    "cluster token": "k8s-aws-v1.aHR0cHM6Ly9zdHMuYW1hem9uYXdzLmNvbQ",
    "aws key id": "AKIAIOSFODNN7EXAMPLE",
    "aws secret key": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
    "aws session token": "FwoGZXIvYXdzEBYaDExampleSessionTokenValue0123456789",
    "bearer token": "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl",
    "password": "correct-horse",
    "pod environment": "spec-secret",
}


def _plant(world: Any, make: Any) -> None:
    """Put every secret into every source that could hold it."""
    planted = (
        "2026-11-23T15:02:31Z ssm-setup-cli -register -activation-code {activation code} -activation-id 1\n"
        "2026-11-23T15:02:31Z kubelet: Authorization: Bearer {bearer token}\n"
        "2026-11-23T15:02:31Z kubelet: could not use {kubeconfig token}\n"
        "[   31.0] audit: AWS_SECRET_ACCESS_KEY={aws secret key} id {aws key id}\n"
        "[   31.1] cloud-init[812]: user-data: {user data in base64}\n"
        "[   31.2] cloud-init[812]: activationCode: {activation code in lower case}\n"
        "[   31.3] cloud-init[812]: Unhandled non-multipart userdata: #cloud-config\n"
        "write_files:\n"
        "  - content: activationCode: {activation code echoed by cloud-init}\n"
        "    note {secret in user data without a name}\n"
    ).format(**PLANTED)
    console = make.too_old_console + planted
    # Terminal codes must not hide a secret from the redactor.
    world.lost(1, console.replace(PLANTED["activation code"], f"\x1b[1m{PLANTED['activation code']}\x1b[0m"))
    world.cloud.instances_[0]["StateReason"] = {
        "Code": f"user-data: {PLANTED['user data in base64']}",
        "Message": f"token={PLANTED['cluster token']}",
    }
    world.cloud.activations_[0]["Description"] = f"activationCode: {PLANTED['activation code']}"
    world.cloud.eks["certificateAuthority"] = {"data": PLANTED["kubeconfig key"]}
    world.cloud.groups[0] |= {
        "status": "DEGRADED",
        "health": {"issues": [{"code": "Unknown", "message": f"session {PLANTED['aws session token']}"}]},
    }
    world.cloud.addons[0]["configurationValues"] = json.dumps({"password": PLANTED["password"]})
    world.kube.nodes_[0]["metadata"]["annotations"] = {"x": PLANTED["cluster token"]}
    world.kube.nodes_[0]["metadata"]["labels"]["token"] = PLANTED["kubeconfig token"]
    world.kube.pods_.append(
        make.pod(
            "kube-system",
            "calico-node-x",
            "calico-node",
            "ip-1",
            waiting="CrashLoopBackOff",
            message=f"exec: --token={PLANTED['cluster token']}",
        )
    )
    world.kube.log_text["calico-node-x"] = f"Bearer {PLANTED['bearer token']}\n{PLANTED['kubeconfig token']}"
    world.kube.events_ = [
        make.event("Pod", "kube-system", "calico-node-x", "Failed", f"password: {PLANTED['password']}")
    ]
    world.cloud.refused["elbv2 describe_target_health"] = AskError(
        f"token {PLANTED['kubeconfig token']} aws_session_token={PLANTED['aws session token']}",
        code="aws-refused",
    )
    kubeconfig = {
        "users": [
            {"user": {"token": PLANTED["kubeconfig token"], "client-key-data": PLANTED["kubeconfig key"]}}
        ]
    }
    world.subject = dataclasses.replace(
        world.subject,
        kubeconfig=kubeconfig,
        notes=(f"pulumi: --token={PLANTED['kubeconfig token']} failed", f"passphrase: {PLANTED['password']}"),
    )


def _files(path: Path) -> dict[str, str]:
    found = {}
    with tarfile.open(path) as tar:
        for member in tar.getmembers():
            file = tar.extractfile(member)
            assert file is not None
            found[member.name] = file.read().decode()
    return found


def test_no_planted_secret_is_in_the_bundle(world: Any, make: Any, tmp_path: Path) -> None:
    _plant(world, make)
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    found = {
        (what, name)
        for name, text in _files(path).items()
        for what, secret in PLANTED.items()
        if secret in text
    }
    assert found == set()


def test_no_planted_secret_is_in_the_reports(world: Any, make: Any, shown: Any) -> None:
    _plant(world, make)
    diagnosis = world.diagnosis()
    for text in (shown.pretty(diagnosis, 400), shown.json(diagnosis)):
        assert [what for what, secret in PLANTED.items() if secret in text] == []


def test_what_explains_the_failure_is_still_in_the_bundle(world: Any, make: Any, tmp_path: Path) -> None:
    _plant(world, make)
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    files = _files(path)
    console = files[f"ops-doctor/console/{make.instance_id(1)}.txt"]
    assert "No matching signature" in console
    assert "join: failed at step 4/7" in console
    assert "[user data removed]" in console
    assert make.activation_id(1) in files["ops-doctor/aws.json"]
    assert "CrashLoopBackOff" in files["ops-doctor/kubernetes.json"]
    assert "nodeadm-too-old" in files["ops-doctor/report.txt"]
    assert json.loads(files["ops-doctor/report.json"])["causes"][0]["id"] == "nodeadm-too-old"
    assert "ops-doctor/log/calico-node-x.txt" in files


def test_the_bundle_holds_no_pod_specifications_and_no_outputs(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    files = _files(path)
    assert sorted(files) == sorted(
        [
            f"ops-doctor/{name}"
            for name in ("README.txt", "aws.json", "kubernetes.json", "report.json", "report.txt")
        ]
        + ["ops-doctor/versions.json"]
        + [f"ops-doctor/console/i-0bbbbbbbbbbbbbb0{n}.txt" for n in (1, 2)]
        + [f"ops-doctor/log/calico-node-{letter}.txt" for letter in "abcd"]
    )
    pods = json.loads(files["ops-doctor/kubernetes.json"])["pods"]
    assert pods
    assert {key for pod in pods for key in pod} == {"name", "namespace", "labels", "nodeName", "status"}
    assert "boto3" in json.loads(files["ops-doctor/versions.json"])


def test_only_its_owner_may_read_the_bundle(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tgz"
    path.write_text("an older one that all may read")
    path.chmod(0o644)
    world.diagnosis(bundle=path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_a_symbolic_link_is_replaced_and_not_followed(world: Any, tmp_path: Path) -> None:
    goal = tmp_path / "precious"
    goal.write_text("keep me")
    path = tmp_path / "bundle.tgz"
    path.symlink_to(goal)
    world.diagnosis(bundle=path)
    assert goal.read_text() == "keep me"
    assert not path.is_symlink()


def test_a_bundle_that_cannot_be_put_in_place_leaves_nothing_behind(world: Any, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tgz"
    path.mkdir()
    with pytest.raises(AskError, match=r"--bundle .*bundle\.tgz: Is a directory"):
        world.diagnosis(bundle=path)
    assert list(tmp_path.iterdir()) == [path]


def test_a_bundle_that_cannot_be_written_says_so(world: Any, tmp_path: Path) -> None:
    with pytest.raises(AskError, match="No such file or directory"):
        world.diagnosis(bundle=tmp_path / "none" / "bundle.tgz")


def test_names_from_outside_stay_inside_the_bundle(world: Any, make: Any, tmp_path: Path) -> None:
    world.kube.pods_.append(make.pod("kube-system", "../../etc/passwd", "calico-node", "ip-1"))
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    names = [name for name in _files(path) if "passwd" in name]
    assert names == ["ops-doctor/log/______etc_passwd.txt"]


def test_what_could_not_be_seen_is_said_in_the_bundle(world: Any, refusal: Any, tmp_path: Path) -> None:
    world.cloud.refused["eks list_addons"] = refusal("eks list_addons: AccessDenied")
    world.connect_error = refusal("no token")
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    files = _files(path)
    assert json.loads(files["ops-doctor/aws.json"])["add-ons"] == {
        "could not look": "eks list_addons: AccessDenied"
    }
    assert json.loads(files["ops-doctor/kubernetes.json"])["could not look: kubernetes"] == "no token"


def test_what_was_not_asked_is_said_in_the_bundle(world: Any, tmp_path: Path) -> None:
    world.cloud.eks = None
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    found = json.loads(_files(path)["ops-doctor/kubernetes.json"])
    assert found["not asked: kubernetes"] == "there is no cluster"


def test_warning_events_are_in_the_bundle(world: Any, make: Any, tmp_path: Path) -> None:
    warning = make.event("Pod", "sample", "sample-app-x", "Failed", "for a reason")
    world.kube.events_ = [warning, {**warning, "type": "Normal"}]
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    (found,) = json.loads(_files(path)["ops-doctor/kubernetes.json"])["events"]
    assert (found["reason"], found["message"]) == ("Failed", "for a reason")


def test_the_same_facts_give_the_same_bundle(world: Any, tmp_path: Path) -> None:
    one, two = tmp_path / "one.tgz", tmp_path / "two.tgz"
    world.diagnosis(bundle=one)
    world.diagnosis(bundle=two)
    assert one.read_bytes() == two.read_bytes()
    # The time in the gzip header: otherwise they would be equal only within a second.
    assert one.read_bytes()[4:8] == bytes(4)


def test_of_an_instance_only_chosen_facts_are_in_the_bundle(world: Any, tmp_path: Path) -> None:
    world.cloud.instances_[0]["KeyName"] = "somebody"
    world.cloud.eks["identity"] = {"oidc": {"issuer": "https://oidc"}}
    path = tmp_path / "bundle.tgz"
    world.diagnosis(bundle=path)
    found = json.loads(_files(path)["ops-doctor/aws.json"])
    assert set(found["instances"][0]) == {"InstanceId", "State", "LaunchTime", "PrivateIpAddress"}
    assert "identity" not in found["cluster"]


def test_the_bundle_redacts_once_more_what_it_is_given(world: Any, make: Any, tmp_path: Path) -> None:
    facts = Facts(
        subject=world.subject,
        now=make.now,
        answers={
            "console/i-1": {"Output": f"activationCode: {PLANTED['password']}"},
            "activations": [{"ActivationCode": PLANTED["password"]}],
        },
    )
    path = tmp_path / "bundle.tgz"
    bundle.write(path, diagnose([], subject={}), facts, Redactor())
    assert [name for name, text in _files(path).items() if PLANTED["password"] in text] == []
