"""How the engine meets the clean-up: what is stored, what replaces, and a delete in a process of its own."""

import base64
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import dill
import grpc
import pytest
from google.protobuf import struct_pb2
from pulumi.dynamic.dynamic import PROVIDER_KEY, serialize_provider
from pulumi.runtime.proto import provider_pb2, provider_pb2_grpc
from pulumi.runtime.rpc import UNKNOWN

from infra.fixed_settings import FixedSettingsProvider
from infra.names import ACTIVATION_LABEL, NAME_LABEL
from infra.node_cleanup import NodeCleanupProvider, OwnMachineCleanupProvider
from infra.node_drain import NodeDrainProvider
from ops.program.recorder import evaluate

MINE = "0a1b2c3d-0000-4000-8000-000000000001"
NODE = "mi-0aaaaaaaaaaaaaaaa"
PROPS = {"activation_id": MINE, "cluster_name": "shop", "region": "cn-north-1"}
ROOT = Path(__file__).parents[3]


def struct(props):
    message = struct_pb2.Struct()
    message.update(props)
    return message


class Engine:
    """The dynamic provider as the engine starts it: another process, in the project's directory."""

    def __init__(self, folder):
        self._logs = [folder / "stdout", folder / "stderr"]
        out, err = (log.open("w") for log in self._logs)
        with out, err:
            command = [sys.executable, "-u", "-m", "pulumi.dynamic"]
            self._process = subprocess.Popen(command, cwd=ROOT, stdout=out, stderr=err)
        while not (port := self._logs[0].read_text()).endswith("\n"):
            assert self._process.poll() is None, self._logs[1].read_text()
            time.sleep(0.05)
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port.strip()}")
        self.stub = provider_pb2_grpc.ResourceProviderStub(self._channel)
        self.stub.Configure(provider_pb2.ConfigureRequest(), timeout=60)

    def stop(self):
        """End it; returns all it has printed."""
        self._channel.close()
        self._process.terminate()
        self._process.wait(timeout=60)
        return "".join(log.read_text() for log in self._logs)


@pytest.fixture
def engine(environment):
    engine = Engine(environment)
    yield engine
    engine.stop()


def test_the_state_has_a_reference_to_the_class_and_nothing_of_this_machine():
    stored = base64.b64decode(serialize_provider(NodeCleanupProvider()))
    assert len(stored) < 150
    assert b"infra.node_cleanup" in stored
    assert b"NodeCleanupProvider" in stored
    assert not any(word in stored for word in (b"/", b"site-packages", b"dill", b"def "))


def test_the_stored_provider_is_the_same_in_every_process():
    code = (
        "from pulumi.dynamic.dynamic import serialize_provider as s;"
        "from infra.node_cleanup import NodeCleanupProvider as P; print(s(P()))"
    )
    other = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "7"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert other.stdout.strip() == serialize_provider(NodeCleanupProvider())


def test_a_program_can_build_an_instance_on_the_clean_up(tmp_path):
    (tmp_path / "__main__.py").write_text(
        "import pulumi\n"
        "from infra.credentials import Identity\n"
        "from infra.node_cleanup import NodeCleanup\n"
        f"made = NodeCleanup('edge', node_name='edge', activation_id=pulumi.Output.from_input({MINE!r}),\n"
        "    cluster_name='shop', identity=Identity(region='cn-north-1', profile=None))\n"
        "pulumi.export('activation', made.activation_id)\n"
    )
    recording = evaluate(tmp_path, "dev", {})
    made = recording.one("pulumi-python:dynamic/ekshybrid:NodeCleanup", "edge")
    stored = dict(made.inputs)
    assert stored.pop(PROVIDER_KEY) == serialize_provider(NodeCleanupProvider())
    assert stored == {**PROPS, "node_name": "edge"}
    assert made.secrets == frozenset(), "the reference is readable in the state"
    assert recording.stack_outputs["activation"] == MINE


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("activation_id", "0a1b2c3d-0000-4000-8000-000000000002"),
        ("cluster_name", "bank"),
        ("region", "cn-northwest-1"),
    ],
)
def test_what_is_to_be_removed_cannot_change_in_place(key, value):
    result = NodeCleanupProvider().diff(MINE, PROPS, {**PROPS, key: value})
    assert (result.changes, result.replaces, result.delete_before_replace) == (True, [key], False)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({}, {"profile": "work"}),
        ({"profile": "work"}, {"profile": "home"}),
        ({"profile": "work"}, {}),
        ({PROVIDER_KEY: "a"}, {PROVIDER_KEY: "b"}),
        # A stack that was made before the clean-up knew its node's name.
        ({}, {"node_name": "edge"}),
    ],
)
def test_a_profile_or_a_moved_class_is_stored_in_place(old, new):
    provider = NodeCleanupProvider()
    result = provider.diff(MINE, {**PROPS, **old}, {**PROPS, **new})
    assert (result.changes, result.replaces) == (True, [])
    assert provider.update(MINE, {**PROPS, **old}, {**PROPS, **new}).outs == {**PROPS, **new}


def pickled(provider, protocol):
    """A provider as a Python with this default protocol stores it: 4, and 5 since Python 3.14."""
    return base64.b64encode(dill.dumps(provider, protocol=protocol, recurse=True)).decode()


@pytest.mark.parametrize("provider", [NodeCleanupProvider(), NodeDrainProvider(), FixedSettingsProvider()])
def test_two_pythons_on_one_stack_see_no_difference_and_another_class_is_one(provider):
    four, five = pickled(provider, 4), pickled(provider, 5)
    assert four != five
    assert serialize_provider(provider) in (four, five)
    props = {**PROPS, "stack": "p/s", "kubernetesVersion": "1.36"}
    assert provider.diff(MINE, {**props, PROVIDER_KEY: four}, {**props, PROVIDER_KEY: five}).changes is False
    other = pickled(OwnMachineCleanupProvider(), 4)
    result = provider.diff(MINE, {**props, PROVIDER_KEY: other}, {**props, PROVIDER_KEY: four})
    assert (result.changes, result.replaces) == (True, [])


def test_no_change_is_no_change():
    result = NodeCleanupProvider().diff(MINE, {**PROPS, PROVIDER_KEY: "a"}, {**PROPS, PROVIDER_KEY: "a"})
    assert (result.changes, result.replaces) == (False, [])


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("activation_id", ""),
        ("activation_id", "*"),
        ("activation_id", "Calling __str__ on an Output[T] is not supported."),
        ("cluster_name", ""),
        ("region", None),
    ],
)
def test_inputs_that_could_never_clean_up_are_refused_at_creation(key, value):
    result = NodeCleanupProvider().check({}, {**PROPS, key: value})
    assert [failure.property for failure in result.failures] == [key]
    assert repr(value) in result.failures[0].reason


def test_inputs_still_unknown_in_a_preview_are_accepted(engine):
    news = struct({**dict.fromkeys(PROPS, UNKNOWN), PROVIDER_KEY: serialize_provider(NodeCleanupProvider())})
    checked = engine.stub.Check(provider_pb2.CheckRequest(news=news), timeout=60)
    assert not checked.failures
    assert {key: checked.inputs[key] for key in PROPS} == dict.fromkeys(PROPS, UNKNOWN)


def test_a_preview_shows_the_replacement_of_an_activation_that_does_not_exist_yet(engine):
    stored = {**PROPS, PROVIDER_KEY: serialize_provider(NodeCleanupProvider())}
    request = provider_pb2.DiffRequest(olds=struct(stored), news=struct({**stored, "activation_id": UNKNOWN}))
    assert list(engine.stub.Diff(request, timeout=60).replaces) == ["activation_id"]


@pytest.mark.usefixtures("environment")
def test_create_stores_the_inputs_and_the_id_is_the_activations(kubernetes):
    props = {**PROPS, "node_name": "edge"}
    result = NodeCleanupProvider().create(props)
    assert (result.id, result.outs) == (MINE, props)
    assert not [request for request in kubernetes.requests if not request.startswith("GET")]


@pytest.mark.usefixtures("environment")
def test_create_removes_the_node_of_a_dead_machine_of_the_same_name(kubernetes, capfd):
    kubernetes.nodes = {NODE: {NAME_LABEL: "edge", ACTIVATION_LABEL: "old"}}
    kubernetes.not_ready = {NODE}
    NodeCleanupProvider().create({**PROPS, "node_name": "edge"})
    assert kubernetes.nodes == {}
    assert f"before edge is made: {NODE}: Kubernetes Node deleted" in capfd.readouterr().out


@pytest.mark.usefixtures("environment")
def test_create_does_not_fail_when_it_may_not_look(aws, capfd):
    aws.refuse = {"DescribeCluster": "AccessDeniedException"}
    props = {**PROPS, "node_name": "edge"}
    assert NodeCleanupProvider().create(props).id == MINE
    assert "Allow eks:DescribeCluster" in capfd.readouterr().out


def test_a_stored_clean_up_deletes_in_another_process_and_says_so(engine, aws, kubernetes, secrets_in):
    inputs = struct({**PROPS, "node_name": "edge", PROVIDER_KEY: serialize_provider(NodeCleanupProvider())})
    checked = engine.stub.Check(provider_pb2.CheckRequest(news=inputs), timeout=60)
    assert not checked.failures
    created = engine.stub.Create(provider_pb2.CreateRequest(properties=checked.inputs), timeout=60)
    aws.machines = {NODE: MINE}
    kubernetes.nodes = {NODE: {ACTIVATION_LABEL: MINE}}

    stored = json.loads(json.dumps(dict(created.properties)))
    engine.stub.Delete(provider_pb2.DeleteRequest(id=created.id, properties=struct(stored)), timeout=60)
    printed = engine.stop()

    assert (aws.machines, kubernetes.nodes) == ({}, {})
    assert f"{NODE}: Kubernetes Node deleted\n" in printed
    assert f"{NODE}: SSM registration removed\n" in printed
    assert secrets_in(printed + json.dumps(stored)) == []


def test_a_failed_delete_reaches_the_engine_with_its_advice_and_no_secret(engine, aws, secrets_in):
    aws.refuse = {"DescribeInstanceInformation": "AccessDeniedException"}
    stored = struct({**PROPS, PROVIDER_KEY: serialize_provider(NodeCleanupProvider())})
    with pytest.raises(grpc.RpcError) as caught:
        engine.stub.Delete(provider_pb2.DeleteRequest(id=MINE, properties=stored), timeout=60)
    text = str(caught.value)
    assert "Allow ssm:DescribeInstanceInformation to the identity that runs pulumi" in text
    assert "contextlib.py" not in text, "our inner frames tell the reader nothing"
    assert "During handling" not in text
    assert "direct cause" not in text
    assert secrets_in(text + engine.stop()) == []
