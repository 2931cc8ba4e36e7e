"""The real Kubernetes client against the stand-in API server: reading, exec by websocket, signing in, retries."""

import json
import stat
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ops.causes import CAUSES
from ops.clients.errors import AskError
from ops.clients.kube import ExecError, Kube
from ops.clients.kube_auth import ExecCredentials

POD = ("nw-check", "nw-check-hybrid-c7cd75cc6-rem-1")
Connect = Callable[..., Kube]


@pytest.fixture
def connect(outputs: Callable[[], dict[str, Any]]) -> Iterator[Connect]:
    opened: list[Kube] = []

    def go(*, retries: int = 1, timeout_s: float = 5.0, **user: Any) -> Kube:
        kubeconfig = outputs()["kubeconfig"]
        if user:
            kubeconfig["users"][0]["user"] = user
        opened.append(Kube(kubeconfig, timeout_s=timeout_s, retries=retries))
        return opened[-1]

    yield go
    for kube in opened:
        kube.close()


@pytest.mark.parametrize("protocol", ["v4.channel.k8s.io", "v5.channel.k8s.io"])
def test_exec_puts_an_output_of_many_frames_together(connect: Connect, world: Any, protocol: str) -> None:
    world.subprotocol = protocol
    world.machines += [world.managed(number) for number in range(3, 60)]

    done = connect().execute(*POD, ["ip", "-4", "route"], container="netshoot", seconds=1)

    assert done.exit_code == 0
    assert len(done.stdout) > 2000
    assert done.stdout.splitlines()[-1] == "192.168.35.3 dev cali9ce7ff61306 scope link"


def test_exec_tells_exit_code_and_standard_error(connect: Connect) -> None:
    done = connect().execute(*POD, ["nosuch"], container="netshoot", seconds=1)

    assert (done.stdout, done.stderr, done.exit_code) == ("", "nosuch: not found", 127)


@pytest.mark.parametrize("politely", [True, False])
def test_an_exec_that_is_cut_off_is_started_again(connect: Connect, world: Any, politely: bool) -> None:
    world.cut_execs, world.cut_politely = 1, politely

    done = connect().execute(*POD, ["ip", "-V"], container="netshoot", seconds=1)

    assert done.stdout == "ip utility, iproute2-6.15.0\n"


@pytest.mark.parametrize(("politely", "said"), [(True, "without an exit status"), (False, "cut off")])
def test_an_exec_that_is_cut_off_every_time_is_an_error(
    connect: Connect, world: Any, politely: bool, said: str
) -> None:
    world.cut_execs, world.cut_politely = 2, politely

    with pytest.raises(ExecError, match=said):
        connect(retries=1).execute(*POD, ["ip", "-V"], container="netshoot", seconds=1)


def test_a_command_that_does_not_end_is_given_up(connect: Connect, world: Any) -> None:
    world.exec_delay_s = 600

    with pytest.raises(ExecError, match=r"had not ended after 1\.2 s"):
        connect(timeout_s=1).execute(*POD, ["ip", "-V"], container="netshoot", seconds=0.2)


@pytest.mark.parametrize(
    ("pod", "said"),
    [
        (POD, r"^HTTP 500: error dialing backend: dial tcp 10\.90\.1\.182:10250: i/o timeout$"),
        (("nw-check", "gone"), r'^HTTP 404: pods "gone" not found$'),
    ],
)
def test_a_refused_exec_gives_the_servers_own_words_and_is_not_repeated(
    connect: Connect, world: Any, api: Any, pod: tuple[str, str], said: str
) -> None:
    world.at("onprem-1").kubelet_reachable = False

    with pytest.raises(ExecError, match=said):
        connect().execute(*pod, ["ip", "-V"], container="netshoot", seconds=1)
    assert sum(path.endswith("/exec") for path in api.requests) == 1


def test_logs_of_an_unreachable_kubelet_give_the_servers_own_words(connect: Connect, world: Any) -> None:
    world.at("onprem-1").kubelet_reachable = False

    with pytest.raises(ExecError, match=r"^HTTP 500: error dialing backend"):
        connect().logs(*POD)


# 500 is what it answers while etcd elects.
@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_overloaded_server_is_asked_again(connect: Connect, world: Any, status: int) -> None:
    world.answers_503, world.unavailable = 1, status

    assert len(connect(retries=1).nodes()) == 4


def test_a_server_that_stays_away_is_an_error_that_names_it(connect: Connect, world: Any, api: Any) -> None:
    world.answers_503 = 9

    with pytest.raises(AskError) as error:
        connect(retries=1).nodes()
    assert f"{api.url}: HTTP 503: etcd leader changed" in error.value.seen
    assert len(api.requests) == 2


def test_a_request_that_gets_lost_is_repeated_as_often_as_asked_and_no_more(
    connect: Connect, world: Any, api: Any
) -> None:
    world.cut_requests = 1
    assert len(connect(retries=1).nodes()) == 4

    world.cut_requests = 9
    api.requests.clear()
    with pytest.raises(AskError):
        connect(retries=1).nodes()
    assert len(api.requests) == 2


def test_a_closed_port_is_an_error_that_points_at_the_allow_list(connect: Connect, api: Any) -> None:
    kube = connect(retries=0)
    api.stop()

    with pytest.raises(AskError) as error:
        kube.version()
    assert "apiAllowedCidrs" in CAUSES[error.value.code].fix


def test_credentials_without_rights_are_an_error_that_points_at_access_entries(connect: Connect) -> None:
    with pytest.raises(AskError) as error:
        connect(token="wrong").nodes()
    assert "HTTP 401: Unauthorized" in error.value.seen
    assert "access entry" in CAUSES[error.value.code].why


def test_what_does_not_exist_is_none_and_an_unknown_kind_is_empty(connect: Connect, world: Any) -> None:
    world.calico_crds = False
    kube = connect()

    assert kube.daemon_set("kube-system", "nosuch") is None
    assert kube.deployment("kube-system", "nosuch") is None
    assert kube.service("kube-system", "nosuch") is None
    assert kube.calico("ippools") == []


def test_everything_else_is_read_as_the_api_sends_it(connect: Connect, world: Any) -> None:
    world.aws_node = True
    kube = connect()

    assert kube.version() == "v1.35.2-eks-1a2b3c4"
    assert {pod["metadata"]["namespace"] for pod in kube.pods("sample")} == {"sample"}
    assert kube.daemon_set("kube-system", "aws-node") is not None
    assert kube.deployment("kube-system", "coredns") is not None
    assert kube.calico("ippools")[0]["spec"]["vxlanMode"] == "Always"
    assert kube.events("kube-system")[0]["reason"] == "FailedScheduling"
    assert kube.events("")[0]["reason"] == "FailedScheduling"
    assert kube.logs(*POD, container="netshoot") == ""


# --- signing in -----------------------------------------------------------------------------------------


def plugin(tmp_path: Path, body: str) -> dict[str, Any]:
    """A credential plug-in that counts its calls in the file `calls`."""
    script = tmp_path / "aws-stand-in"
    script.write_text(
        f"#!{sys.executable}\nimport json, os, sys\nopen({str(tmp_path / 'calls')!r}, 'a').write('x')\n{body}\n"
    )
    script.chmod(script.stat().st_mode | stat.S_IXUSR)
    return {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": str(script),
        "args": ["eks", "get-token"],
    }


def credential(token: str, *, expires_in_s: float) -> str:
    at = (datetime.now(UTC) + timedelta(seconds=expires_in_s)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return f"print(json.dumps({{'status': {{'token': {token!r}, 'expirationTimestamp': {at!r}}}}}))"


def test_the_kubeconfigs_plug_in_signs_in_once_for_many_requests(
    connect: Connect, api: Any, tmp_path: Path
) -> None:
    kube = connect(exec=plugin(tmp_path, credential(api.state["token"], expires_in_s=900)))

    assert len(kube.nodes()) == 4
    assert kube.execute(*POD, ["ip", "-V"], container="netshoot", seconds=1).exit_code == 0
    assert (tmp_path / "calls").read_text() == "x"


def test_a_token_that_ends_soon_is_renewed_before_the_next_request(
    connect: Connect, api: Any, tmp_path: Path
) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=30)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = (
        f"print(json.dumps({{'status': {{'token': open('token').read(), 'expirationTimestamp': {at!r}}}}}))"
    )
    body = body.replace("'token')", f"{str(tmp_path / 'token')!r})")
    (tmp_path / "token").write_text("old")
    kube = connect(exec=plugin(tmp_path, body))
    (tmp_path / "token").write_text(api.state["token"])

    assert len(kube.nodes()) == 4
    assert kube.execute(*POD, ["ip", "-V"], container="netshoot", seconds=1).exit_code == 0


@pytest.mark.parametrize(("profile", "keys"), [("sandbox", [None] * 3), (None, ["key"] * 3)])
def test_keys_of_the_environment_do_not_win_over_the_stacks_profile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, profile: str | None, keys: list[str | None]
) -> None:
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    for name in names:
        monkeypatch.setenv(name, "key")
    body = f"print(json.dumps({{'status': {{'token': json.dumps([os.environ.get(n) for n in {names}])}}}}))"

    assert json.loads(ExecCredentials(plugin(tmp_path, body), profile=profile).token()) == keys


def test_the_stacks_profile_and_the_kubeconfigs_environment_reach_the_plug_in(tmp_path: Path) -> None:
    body = (
        "info = json.loads(os.environ['KUBERNETES_EXEC_INFO'])\n"
        "print(json.dumps({'status': {'token': ' '.join([os.environ['AWS_PROFILE'], os.environ['EXTRA'], "
        "info['kind'], *sys.argv[1:]])}}))"
    )
    wanted = {**plugin(tmp_path, body), "env": [{"name": "EXTRA", "value": "more"}]}

    assert ExecCredentials(wanted, profile="sandbox").token() == "sandbox more ExecCredential eks get-token"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (
            "sys.exit('The config profile (x) could not be found')",
            "The config profile (x) could not be found",
        ),
        ("sys.exit(3)", "exit code 3"),
        ("print('hello')", "its output holds no token"),
        ("print(json.dumps({'status': {}}))", "its output holds no token"),
    ],
)
def test_a_plug_in_that_fails_is_an_error_in_its_own_words(tmp_path: Path, body: str, said: str) -> None:
    with pytest.raises(AskError) as error:
        ExecCredentials(plugin(tmp_path, body), profile=None).token()
    assert said in error.value.seen


def test_a_plug_in_that_is_not_installed_is_an_error_that_says_how_to_get_it(connect: Connect) -> None:
    with pytest.raises(AskError) as error:
        connect(exec={"apiVersion": "v1", "command": "/nowhere/aws"})
    assert "/nowhere/aws could not be started" in error.value.seen
    assert "install AWS CLI 2" in CAUSES[error.value.code].fix


@pytest.mark.parametrize("kubeconfig", [{}, {"users": []}, {"users": [{"user": {"token": "hush"}}]}])
def test_an_unusable_kubeconfig_is_an_error_that_does_not_show_it(kubeconfig: dict[str, Any]) -> None:
    with pytest.raises(AskError) as error:
        Kube(kubeconfig, timeout_s=1, retries=0)
    assert "kubeconfig is not usable" in error.value.seen
    assert "hush" not in json.dumps(vars(error.value))
