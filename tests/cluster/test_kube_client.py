"""The Kubernetes client of `ops verify` and `ops doctor` against a real API server; kwok answers for the kubelets."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ops.clients.errors import AskError
from ops.clients.kube import ExecError, Kube
from tests.cluster import kubelet
from tests.cluster.api import RefusedError, wait_for
from tests.cluster.control_plane import ControlPlane
from tests.cluster.machines import managed_node
from tests.cluster.world import World, calico

pytestmark = pytest.mark.cluster

Connect = Callable[..., Kube]
SPACE = "default"
POD = {
    "apiVersion": "v1",
    "kind": "Pod",
    "metadata": {"name": "talker", "namespace": SPACE},
    "spec": {"containers": [{"name": "main", "image": "quay.io/example/talker:1"}]},
}


@pytest.fixture
def connect(cluster: ControlPlane) -> Iterator[Connect]:
    opened: list[Kube] = []

    def go(user: str = "admin", **changes: Any) -> Kube:
        kubeconfig = cluster.kubeconfig(user)
        kubeconfig["users"][0]["user"] |= changes
        opened.append(Kube(kubeconfig, timeout_s=10.0, retries=1))
        return opened[-1]

    yield go
    for kube in opened:
        kube.close()


@pytest.fixture
def talker(world: World) -> tuple[str, str]:
    """A pod that runs; its namespace and name."""
    world.join(managed_node(0))
    world.put(POD)
    wait_for("the pod does not run", lambda: world.api.get(POD)["status"].get("phase") == "Running")
    return SPACE, "talker"


def role(verbs: list[str], resources: list[str]) -> list[dict[str, Any]]:
    """Give user `reader` rights in the whole cluster."""
    rules = [{"apiGroups": ["", "apps"], "resources": resources, "verbs": verbs}]
    kind = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "reader"}}
    reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "reader"}
    subject = {"apiGroup": "rbac.authorization.k8s.io", "kind": "User", "name": "reader"}
    return [
        {**kind, "kind": "ClusterRole", "rules": rules},
        {**kind, "kind": "ClusterRoleBinding", "roleRef": reference, "subjects": [subject]},
    ]


def test_the_version_is_the_servers(connect: Connect, cluster: ControlPlane) -> None:
    assert connect().version() == cluster.api.request("GET", "/version").object["gitVersion"]
    assert connect().version().startswith("v1.")


def test_nodes_come_with_what_their_machine_registered(connect: Connect, world: World) -> None:
    nodes = [*world.managed(2), *world.hybrid("aaaaaaaa-0000-0000-0000-000000000001")]
    seen = {node["metadata"]["name"]: node["spec"]["providerID"] for node in connect().nodes()}
    assert seen == {node["metadata"]["name"]: node["spec"]["providerID"] for node in nodes}


def test_a_list_longer_than_any_page_is_complete(connect: Connect, world: World) -> None:
    about = {"kind": "Pod", "name": "somewhere", "namespace": "busy", "apiVersion": "v1"}
    world.put({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "busy"}})
    for number in range(520):
        metadata = {"name": f"event-{number}", "namespace": "busy"}
        world.api.create(
            {
                "apiVersion": "v1",
                "kind": "Event",
                "metadata": metadata,
                "involvedObject": about,
                "reason": "Test",
            }
        )

    names = {event["metadata"]["name"] for event in connect().events("busy")}
    assert names == {f"event-{number}" for number in range(520)}
    assert names <= {event["metadata"]["name"] for event in connect().events("")}


def test_what_is_not_there_is_none_and_not_an_error(connect: Connect) -> None:
    kube = connect()
    assert kube.deployment(SPACE, "nothing") is None
    assert kube.daemon_set("no-such-namespace", "nothing") is None
    assert kube.service(SPACE, "nothing") is None
    assert kube.pods("no-such-namespace") == []


def test_calicos_objects_are_an_empty_list_until_their_kind_is_defined(
    connect: Connect, world: World
) -> None:
    kube = connect()
    assert kube.calico("ippools") == []
    (definition,) = [
        obj for obj in calico("3.32.1") if obj["metadata"]["name"] == "ippools.crd.projectcalico.org"
    ]
    world.put(definition)
    pool = {
        "apiVersion": "crd.projectcalico.org/v1",
        "kind": "IPPool",
        "metadata": {"name": "default-ipv4-ippool"},
        "spec": {"cidr": "192.168.0.0/16", "vxlanMode": "Always"},
    }
    wait_for("IPPool is not served", lambda: _served(world))
    world.api.request("POST", "/apis/crd.projectcalico.org/v1/ippools", pool)
    assert [each["spec"]["vxlanMode"] for each in kube.calico("ippools")] == ["Always"]


def _served(world: World) -> bool:
    try:
        return world.api.request("GET", "/apis/crd.projectcalico.org/v1/ippools").object["items"] == []
    except RefusedError as error:
        # 429: "storage is (re)initializing"
        if error.status in (404, 429):
            return False
        raise


# --- who may ask -----------------------------------------------------------------------------------------


def test_a_user_without_rights_is_told_so_with_the_servers_words(connect: Connect) -> None:
    with pytest.raises(AskError) as refusal:
        connect("nobody").nodes()
    assert 'User "nobody" cannot list resource "nodes"' in str(refusal.value)


def test_a_token_that_the_server_does_not_know_is_refused_the_same_way(connect: Connect) -> None:
    with pytest.raises(AskError, match="the API server refused to answer: HTTP 401"):
        connect("nobody", token="k8s-other-v1.unknown").nodes()


def test_a_user_may_be_allowed_to_read_nodes_and_nothing_else(connect: Connect, world: World) -> None:
    world.put(*role(["get", "list"], ["nodes"]))
    kube = connect("reader")
    wait_for("the right is there", lambda: _allowed(kube))
    with pytest.raises(AskError, match='cannot get resource "deployments" in API group "apps"'):
        kube.deployment(SPACE, "nothing")


def _allowed(kube: Kube) -> bool:
    try:
        kube.nodes()
    except AskError:
        return False
    return True


def test_logs_may_be_refused_where_pods_may_be_read(
    connect: Connect, world: World, talker: tuple[str, str]
) -> None:
    world.put(*role(["get", "list"], ["nodes", "pods"]))
    kube = connect("reader")
    wait_for("the right is there", lambda: _allowed(kube))
    assert len(kube.pods(SPACE)) == 1
    with pytest.raises(AskError, match='cannot get resource "pods/log"'):
        kube.logs(*talker)
    with pytest.raises(ExecError, match=r'HTTP 403: .*cannot (create|get) resource "pods/exec"'):
        kube.execute(*talker, ["true"], container="main", seconds=1)


# --- what goes through the kubelet -------------------------------------------------------------------------


def test_logs_are_the_last_lines(connect: Connect, talker: tuple[str, str]) -> None:
    last = kubelet.LOG_TEXT.splitlines()[-1]
    assert connect().logs(*talker, lines=1).splitlines() == [last]
    assert connect().logs(*talker, container="main", lines=10) == kubelet.LOG_TEXT


def test_logs_of_a_container_that_is_not_there_say_which_there_are(
    connect: Connect, talker: tuple[str, str]
) -> None:
    with pytest.raises(ExecError, match="container nosuch is not valid for pod talker"):
        connect().logs(*talker, container="nosuch")


def test_exec_gives_both_outputs(connect: Connect, talker: tuple[str, str]) -> None:
    done = connect().execute(*talker, ["sh", "-c", "echo out; echo err >&2"], container="main", seconds=5)
    assert (done.stdout, done.stderr, done.exit_code) == ("out\n", "err\n", 0)


def test_an_exec_that_fails_inside_the_kubelet_gives_the_servers_words(
    connect: Connect, talker: tuple[str, str]
) -> None:
    # A kubelet reports a command's exit code. kwok calls it an internal error, as a kubelet does a lost container.
    with pytest.raises(ExecError, match=r"Internal error occurred: .*exit status 3"):
        connect().execute(*talker, ["sh", "-c", "exit 3"], container="main", seconds=5)


def test_exec_puts_a_long_output_together(connect: Connect, talker: tuple[str, str]) -> None:
    done = connect().execute(*talker, ["seq", "1", "20000"], container="main", seconds=10)
    assert done.stdout.split() == [str(number) for number in range(1, 20001)]
    assert done.exit_code == 0


def test_exec_in_a_pod_that_is_not_there_is_refused(connect: Connect) -> None:
    with pytest.raises(ExecError, match='HTTP 404: pods "nobody-home" not found'):
        connect().execute(SPACE, "nobody-home", ["true"], container="main", seconds=1)


def test_a_pod_without_a_node_has_no_logs(connect: Connect, world: World) -> None:
    world.put(POD)
    assert connect().logs(SPACE, "talker") == ""


def test_an_api_server_that_is_gone_is_named(cluster: ControlPlane) -> None:
    kubeconfig = cluster.kubeconfig()
    kubeconfig["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    kube = Kube(kubeconfig, timeout_s=2.0, retries=1)
    with pytest.raises(AskError, match=r"no answer from the API server https://127\.0\.0\.1:1"):
        kube.nodes()
    kube.close()
