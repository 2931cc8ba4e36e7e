"""What a clean-up removes, in which order, and when it stops: against fake AWS and a fake Kubernetes API."""

import re

import pytest

from infra.eks_api import CleanupError
from infra.leaving import MOST_LOOKS, clean_up, forget_dead
from infra.names import ACTIVATION_LABEL, LEAVE, NAME_LABEL
from infra.node_cleanup import NodeCleanupProvider

MINE = "0a1b2c3d-0000-4000-8000-000000000001"
OTHER = "0a1b2c3d-0000-4000-8000-000000000002"
PROPS = {"activation_id": MINE, "cluster_name": "shop", "region": "cn-north-1"}
NODE = "mi-0aaaaaaaaaaaaaaaa"
NEIGHBOUR = "mi-0bbbbbbbbbbbbbbbb"
NOBODY = "https://127.0.0.1:1"
CLUSTER_GONE = "cluster is gone or being deleted, and its Node objects with it"
MANAGED = "ip-10-10-1-7.cn-north-1.compute.internal"


class Scene:
    """One machine that joined with MINE, one with OTHER, and a managed node."""

    def __init__(self, aws, kubernetes, new_api):
        self.aws, self.kubernetes, self._new_api = aws, kubernetes, new_api
        self.sleeps = []
        self.on_sleep = lambda: None
        aws.machines = {NODE: MINE, NEIGHBOUR: OTHER}
        kubernetes.nodes = {NODE: {ACTIVATION_LABEL: MINE}, NEIGHBOUR: {ACTIVATION_LABEL: OTHER}, MANAGED: {}}

    def clean_up(self, *, own_machine=False):
        """Clean up after MINE without waiting; returns the lines reported."""
        lines = []
        clean_up(MINE, self.api(lines), own_machine=own_machine)
        return lines

    def api(self, lines):
        return self._new_api(lines, sleep=self._sleep)

    def _sleep(self, seconds):
        self.sleeps.append(seconds)
        self.on_sleep()


@pytest.fixture
def scene(aws, kubernetes, new_api):
    return Scene(aws, kubernetes, new_api)


@pytest.mark.parametrize(
    ("name", "activation", "silent", "goes"),
    [
        ("edge", OTHER, True, True),
        # It is alive, and works until the new one has joined.
        ("edge", OTHER, False, False),
        ("edge-2", OTHER, True, False),
        # The new machine itself: the engine may have been killed after it had joined.
        ("edge", MINE, True, False),
    ],
)
def test_a_new_machine_displaces_the_node_of_a_dead_one_and_no_other(scene, name, activation, silent, goes):
    scene.kubernetes.nodes = {NODE: {NAME_LABEL: name, ACTIVATION_LABEL: activation}}
    scene.kubernetes.not_ready = {NODE} if silent else set()
    lines = []
    forget_dead("edge", MINE, scene.api(lines))
    assert (NODE not in scene.kubernetes.nodes) is goes
    assert bool(lines) is goes
    assert NODE in scene.aws.machines, "the registration goes with the clean-up of its own activation"


def test_node_and_registration_of_a_terminated_machine_are_removed(scene):
    lines = scene.clean_up()
    assert NODE not in scene.kubernetes.nodes
    assert NODE not in scene.aws.machines
    assert lines == [f"{NODE}: Kubernetes Node deleted", f"{NODE}: SSM registration removed"]


def test_other_activations_and_managed_nodes_are_never_touched(scene):
    scene.clean_up()
    assert scene.aws.machines == {"mi-0bbbbbbbbbbbbbbbb": OTHER}
    assert set(scene.kubernetes.nodes) == {"mi-0bbbbbbbbbbbbbbbb", "ip-10-10-1-7.cn-north-1.compute.internal"}


def test_machines_on_every_page_are_removed(scene):
    names = [f"mi-{i:017x}" for i in range(5)]
    scene.aws.machines = dict.fromkeys(names, MINE)
    scene.kubernetes.nodes = {name: {} for name in names}
    scene.clean_up()
    assert (scene.aws.machines, scene.kubernetes.nodes) == ({}, {})


def test_the_node_is_confirmed_gone_before_its_registration_is_removed(scene):
    scene.kubernetes.lingers = 3
    order = scene.kubernetes.requests = scene.aws.requests
    scene.clean_up()
    confirmed = [i for i, r in enumerate(order) if r == f"GET /api/v1/nodes/{NODE}"]
    assert len(confirmed) == 4
    assert order.index(f"DELETE /api/v1/nodes/{NODE}") < confirmed[0]
    assert confirmed[-1] < order.index("DeregisterManagedInstance")
    assert scene.sleeps[:3] == [2, 2, 2]


def test_a_node_that_a_finalizer_holds_is_an_error_after_a_bounded_wait(scene):
    scene.kubernetes.held_by = ["example.com/hold"]
    with pytest.raises(
        CleanupError, match=f"{NODE} is still there 60 s after.*example.com/hold.*kubectl get node"
    ):
        scene.clean_up()
    assert NODE in scene.aws.machines, "the registration is what a second run finds the Node by"


def test_nothing_registered_is_reported_after_a_second_look(scene):
    scene.aws.machines, scene.kubernetes.nodes = {NEIGHBOUR: OTHER}, {MANAGED: {}}
    lines = scene.clean_up()
    assert lines == ["no machine to remove"]
    assert scene.sleeps == [5]
    assert scene.aws.requests.count("DescribeInstanceInformation") == 2


def test_a_machine_listed_late_is_still_removed(scene):
    scene.aws.machines, scene.aws.late = {}, {NODE: MINE}
    scene.kubernetes.nodes = {NODE: {}}
    scene.clean_up()
    assert (scene.aws.machines, scene.kubernetes.nodes) == ({}, {})


def test_a_registration_listed_after_its_removal_does_not_keep_the_clean_up_busy(scene):
    scene.aws.stale = {NODE}
    scene.clean_up()
    assert scene.aws.requests.count("DeregisterManagedInstance") == 1
    assert scene.sleeps == [5]


def test_a_node_that_came_back_is_removed_again(scene):
    def come_back():
        if len(scene.sleeps) == 1:
            scene.kubernetes.nodes[NODE] = {ACTIVATION_LABEL: MINE}

    scene.on_sleep = come_back
    scene.clean_up()
    assert NODE not in scene.kubernetes.nodes


def test_a_node_that_always_comes_back_is_an_error_that_names_the_running_instance(scene):
    def come_back():
        scene.kubernetes.nodes[NODE] = {ACTIVATION_LABEL: MINE}

    scene.on_sleep = come_back
    with pytest.raises(
        CleanupError, match=f"{NODE} of activation {MINE} came back.*Terminate its EC2 instance"
    ):
        scene.clean_up()
    assert scene.kubernetes.requests.count(f"DELETE /api/v1/nodes/{NODE}") == MOST_LOOKS


def test_a_node_already_gone_is_passed_over(scene):
    del scene.kubernetes.nodes[NODE]
    lines = scene.clean_up()
    assert NODE not in scene.aws.machines
    assert f"{NODE}: Kubernetes Node was already gone" in lines


def test_a_node_whose_registration_was_removed_by_hand_is_found_by_its_label(scene):
    del scene.aws.machines[NODE]
    lines = scene.clean_up()
    assert NODE not in scene.kubernetes.nodes
    assert lines == [f"{NODE}: Kubernetes Node deleted"]


def test_a_label_alone_never_deregisters_a_machine(scene):
    scene.aws.machines[NODE] = OTHER
    scene.clean_up()
    assert scene.aws.machines[NODE] == OTHER


def test_a_registration_already_gone_is_passed_over(scene):
    scene.aws.stale = {NODE}
    del scene.aws.machines[NODE]
    lines = scene.clean_up()
    assert lines[-1] == f"{NODE}: SSM registration was already gone"


@pytest.mark.parametrize("fate", ["absent", "deleting", "never got an API"])
def test_a_cluster_that_is_gone_is_reported_and_the_registration_still_removed(scene, fate):
    scene.aws.cluster = {
        "absent": None,
        "deleting": {**scene.aws.cluster, "status": "DELETING"},
        "never got an API": {"name": "shop", "arn": scene.aws.cluster["arn"], "status": "FAILED"},
    }[fate]
    lines = scene.clean_up()
    assert scene.kubernetes.requests == []
    assert NODE not in scene.aws.machines
    assert lines[0] == CLUSTER_GONE
    assert len(lines) == 2


@pytest.mark.parametrize("after", ["absent", "deleting"])
def test_an_api_that_vanishes_with_its_cluster_is_passed_over(scene, after):
    live = {**scene.aws.cluster, "endpoint": NOBODY}
    scene.aws.cluster = live
    scene.aws.cluster_then = [{"absent": None, "deleting": {**live, "status": "DELETING"}}[after]]
    lines = scene.clean_up()
    assert NODE not in scene.aws.machines
    assert lines == [CLUSTER_GONE, f"{NODE}: SSM registration removed"]


def test_an_api_that_refuses_because_its_cluster_is_being_deleted_is_passed_over(scene):
    scene.kubernetes.scripted = [(f"DELETE /api/v1/nodes/{NODE}", 401)]
    scene.aws.cluster_then = [{**scene.aws.cluster, "status": "DELETING"}]
    assert scene.clean_up() == [CLUSTER_GONE, f"{NODE}: SSM registration removed"]


def test_an_unreachable_api_of_a_live_cluster_is_an_error(scene):
    scene.aws.cluster["endpoint"] = NOBODY
    with pytest.raises(CleanupError, match=r"refused.*apiAllowedCidrs"):
        scene.clean_up()
    assert NODE in scene.aws.machines


@pytest.mark.parametrize(
    ("status", "advice"), [(401, "create-access-entry"), (403, "associate-access-policy")]
)
def test_a_refused_node_deletion_is_an_error_with_the_command_that_helps(scene, status, advice):
    scene.kubernetes.scripted = [(f"DELETE /api/v1/nodes/{NODE}", status)]
    with pytest.raises(CleanupError, match=rf"refused \({status}\)") as caught:
        scene.clean_up()
    assert f"aws eks {advice} --region cn-north-1 --cluster-name shop" in str(caught.value)
    assert "arn:aws-cn:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy" in str(caught.value)
    assert NODE in scene.aws.machines


def test_an_access_denied_on_deregistration_is_an_error_that_names_the_permission(scene):
    scene.aws.refuse = {"DeregisterManagedInstance": "AccessDeniedException"}
    with pytest.raises(CleanupError, match=r"denied ssm:DeregisterManagedInstance.*Allow ssm:Deregister"):
        scene.clean_up()


def test_a_run_that_failed_half_way_is_finished_by_the_next(scene):
    scene.aws.refuse = {"DeregisterManagedInstance": "AccessDeniedException"}
    with pytest.raises(CleanupError):
        scene.clean_up()
    assert NODE not in scene.kubernetes.nodes
    scene.aws.refuse = {}
    lines = scene.clean_up()
    assert NODE not in scene.aws.machines
    assert lines == [f"{NODE}: Kubernetes Node was already gone", f"{NODE}: SSM registration removed"]
    assert scene.clean_up() == ["no machine to remove"]


@pytest.mark.usefixtures("environment")
def test_delete_reports_each_step_on_standard_output_without_a_secret(scene, monkeypatch, capfd, secrets_in):
    monkeypatch.setattr("infra.leaving.SETTLE_S", 0)
    NodeCleanupProvider().delete(MINE, PROPS)
    assert NODE not in scene.aws.machines
    assert NODE not in scene.kubernetes.nodes
    out, err = capfd.readouterr()
    assert out.splitlines() == [
        f"clean-up of activation {MINE}: {NODE}: Kubernetes Node deleted",
        f"clean-up of activation {MINE}: {NODE}: SSM registration removed",
    ]
    assert secrets_in(out + err) == []


def test_delete_signs_in_with_the_stacks_profile_and_region(scene, environment, monkeypatch):
    monkeypatch.setattr("infra.leaving.SETTLE_S", 0)
    (environment / "credentials").write_text(
        "[work]\naws_access_key_id = AKIDWORK\naws_secret_access_key = x\n"
    )
    NodeCleanupProvider().delete(MINE, {**PROPS, "profile": "work"})
    signed = "".join(headers["Authorization"] for headers in scene.aws.headers)
    assert set(re.findall(r"Credential=(\w+)/\d+/([\w-]+)/", signed)) == {("AKIDWORK", "cn-north-1")}


def test_an_own_machine_reads_how_to_leave_before_anything_goes(scene):
    lines = scene.clean_up(own_machine=True)
    assert lines[0] == f"{NODE}: if this machine still runs, run on it: {LEAVE}"
    assert NODE not in scene.kubernetes.nodes
    assert NODE not in scene.aws.machines


def test_an_own_machine_that_still_runs_is_not_fought(scene):
    def come_back():
        scene.kubernetes.nodes[NODE] = {ACTIVATION_LABEL: MINE}

    scene.on_sleep = come_back
    lines = scene.clean_up(own_machine=True)
    assert "this machine still runs" in lines[-1]
    assert f"kubectl delete node {NODE}" in lines[-1]
    assert "EC2" not in "".join(lines)
