"""How a node is drained before its machine goes: against fake AWS and a fake Kubernetes API."""

import grpc
import pytest
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from pulumi.runtime.proto import provider_pb2

from infra.eks_api import CleanupError
from infra.leaving import DRAIN_WITHIN_S, drain
from infra.names import ACTIVATION_LABEL
from infra.node_cleanup import NodeCleanupProvider
from infra.node_drain import NodeDrainProvider
from tests.infra.node_cleanup.conftest import pod
from tests.infra.node_cleanup.test_node_cleanup_provider import Engine, struct

MINE = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
PROPS = {"activation_id": MINE, "address": "10.90.1.7", "cluster_name": "shop", "region": "cn-north-1"}
NODE = "mi-0aaaaaaaaaaaaaaaa"
NEIGHBOUR = "mi-0bbbbbbbbbbbbbbbb"


class Scene:
    """A node that joined with MINE and one that joined with OTHER; a clock that only sleeping moves."""

    def __init__(self, aws, kubernetes, new_api):
        self.aws, self.kubernetes, self._new_api = aws, kubernetes, new_api
        self.time = 0.0
        self.on_sleep = lambda: None
        kubernetes.nodes = {NODE: {ACTIVATION_LABEL: MINE}, NEIGHBOUR: {ACTIVATION_LABEL: OTHER}}
        kubernetes.pods = [pod("web", NODE), pod("web-2", NEIGHBOUR)]

    def drain(self):
        """Drain what joined with MINE, without waiting; returns the lines reported."""
        lines = []
        drain(MINE, self._new_api(lines, sleep=self._sleep), now=lambda: self.time)
        return lines

    def _sleep(self, seconds):
        self.time += seconds
        self.on_sleep()

    @property
    def left(self):
        """Names of the pods that nobody has asked to go."""
        return {
            p["metadata"]["name"] for p in self.kubernetes.pods if "deletionTimestamp" not in p["metadata"]
        }

    @property
    def evictions(self):
        return [request for request in self.kubernetes.requests if request.endswith("/eviction")]


@pytest.fixture
def scene(aws, kubernetes, new_api):
    return Scene(aws, kubernetes, new_api)


def test_a_node_is_cordoned_before_its_pods_are_evicted_and_others_are_left_alone(scene):
    lines = scene.drain()
    requests = scene.kubernetes.requests
    assert requests.index(f"PATCH /api/v1/nodes/{NODE}") < requests.index(scene.evictions[0])
    assert scene.kubernetes.cordoned == {NODE}
    assert scene.left == {"web-2"}
    assert lines == [f"{NODE}: drained, pods evicted: 1"]
    assert NODE in scene.kubernetes.nodes, "the Node goes with the clean-up, after the machine"


def test_a_drain_ends_when_the_pods_have_ended_and_not_before(scene):
    scene.kubernetes.ends_after = 5
    scene.drain()
    assert [p["metadata"]["name"] for p in scene.kubernetes.pods] == ["web-2"]
    assert len(scene.evictions) == 1
    assert scene.time > 0


def test_pods_that_belong_to_the_node_or_have_ended_stay(scene):
    scene.kubernetes.pods = [
        pod("calico-node", NODE, owner="DaemonSet"),
        pod("etcd", NODE, owner=None, metadata={"annotations": {"kubernetes.io/config.mirror": "x"}}),
        pod("job", NODE, owner="Job", phase="Succeeded"),
        pod("failed", NODE, phase="Failed"),
        pod("by-hand", NODE, owner=None),
    ]
    scene.drain()
    assert scene.left == {"calico-node", "etcd", "job", "failed"}


def test_a_disruption_budget_is_waited_for(scene):
    scene.kubernetes.pods = [pod("web", NODE), pod("web-3", NODE)]
    scene.kubernetes.budget = 1

    def allow():
        scene.kubernetes.budget = 1

    scene.on_sleep = allow
    lines = scene.drain()
    assert scene.left == set()
    (refusal,) = [line for line in lines if "may not go yet" in line]
    assert "shop/web-3" in refusal
    assert "disruption budget" in refusal


def test_a_budget_that_allows_nothing_ends_in_a_warning_with_its_words_and_the_command(scene):
    scene.kubernetes.budget = 0
    lines = scene.drain()
    assert DRAIN_WITHIN_S <= scene.time < DRAIN_WITHIN_S + 10
    assert sum("may not go yet" in line for line in lines) == 1
    assert "WARNING: after 300 s there is still shop/web." in lines[-1]
    assert "kubectl get pdb --all-namespaces" in lines[-1]


def test_a_pod_that_does_not_end_is_not_waited_for_for_ever(scene):
    scene.kubernetes.ends_after = 10**6
    lines = scene.drain()
    assert scene.time < DRAIN_WITHIN_S + 10
    assert "WARNING" in lines[-1]


def test_pods_of_a_machine_that_is_dead_are_evicted_and_not_waited_for(scene):
    scene.kubernetes.not_ready = {NODE}
    lines = scene.drain()
    assert scene.left == {"web-2"}
    assert scene.time < 10
    assert lines == [f"{NODE}: drained, pods evicted: 1 (it is not Ready, so nothing was waited for)"]


def test_a_node_that_never_joined_is_nothing_to_drain(scene):
    del scene.kubernetes.nodes[NODE]
    assert scene.drain() == ["no node to drain"]
    assert scene.evictions == []


def test_a_drained_node_can_be_drained_again(scene):
    scene.drain()
    assert scene.drain() == [f"{NODE}: drained, pods evicted: 0"]


@pytest.mark.parametrize("fate", ["absent", "deleting"])
def test_a_cluster_that_goes_has_nothing_to_drain(scene, fate):
    scene.aws.cluster = {"absent": None, "deleting": {**scene.aws.cluster, "status": "DELETING"}}[fate]
    lines = scene.drain()
    assert scene.kubernetes.requests == []
    assert "cluster is gone or being deleted" in lines[0]


def test_an_unreachable_api_of_a_live_cluster_stops_before_the_machine_goes(scene):
    scene.aws.cluster["endpoint"] = "https://127.0.0.1:1"
    with pytest.raises(CleanupError, match="apiAllowedCidrs"):
        scene.drain()


def test_credentials_that_are_gone_stop_before_the_machine_goes(scene):
    scene.aws.refuse = {"DescribeCluster": "ExpiredTokenException"}
    with pytest.raises(CleanupError, match="Sign in again"):
        scene.drain()


# --- how the engine meets it ------------------------------------------------------------------------------


def test_the_state_has_a_reference_of_its_own():
    stored = serialize_provider(NodeDrainProvider())
    assert stored != serialize_provider(NodeCleanupProvider())
    assert len(stored) < 200


@pytest.mark.parametrize(
    ("key", "value", "replaced"),
    [
        ("activation_id", OTHER, True),
        ("cluster_name", "bank", True),
        ("region", "cn-northwest-1", True),
        # A new machine with the same activation: draining "the old one" would drain it.
        ("address", "10.90.1.8", False),
        ("profile", "work", False),
    ],
)
def test_only_another_activation_or_cluster_is_another_node(key, value, replaced):
    provider = NodeDrainProvider()
    news = {**PROPS, key: value}
    result = provider.diff(MINE, PROPS, news)
    assert (result.changes, result.replaces) == (True, [key] if replaced else [])
    assert provider.update(MINE, PROPS, news).outs == news


@pytest.fixture
def engine(environment):
    engine = Engine(environment)
    yield engine
    engine.stop()


def test_a_stored_drain_runs_in_another_process_and_says_so(engine, scene, secrets_in):
    stored = struct({**PROPS, PROVIDER_KEY: serialize_provider(NodeDrainProvider())})
    engine.stub.Create(provider_pb2.CreateRequest(properties=stored), timeout=60)
    assert (scene.aws.requests, scene.kubernetes.requests) == ([], [])
    engine.stub.Delete(provider_pb2.DeleteRequest(id=MINE, properties=stored), timeout=60)
    printed = engine.stop()
    assert scene.left == {"web-2"}
    assert f"drain for activation {MINE}: {NODE}: drained, pods evicted: 1\n" in printed
    assert secrets_in(printed) == []


def test_a_failed_drain_reaches_the_engine_with_its_advice(engine, scene, secrets_in):
    scene.aws.refuse = {"DescribeCluster": "AccessDeniedException"}
    stored = struct({**PROPS, PROVIDER_KEY: serialize_provider(NodeDrainProvider())})
    with pytest.raises(grpc.RpcError) as caught:
        engine.stub.Delete(provider_pb2.DeleteRequest(id=MINE, properties=stored), timeout=60)
    assert "Allow eks:DescribeCluster to the identity that runs pulumi" in str(caught.value)
    assert secrets_in(str(caught.value) + engine.stop()) == []
