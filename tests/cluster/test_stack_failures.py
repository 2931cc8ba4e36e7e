"""Runs that end half way, on real parts: the bad days of two stacks, step by step.

What this cannot show: the provider that can be built (.ci/pulumi-kubernetes, of 2026-01-15) is older than its arguments
`upsert_existing_objects` and `enable_patch_force`. It always adopts what exists, and never forces a field conflict: so
the engine is killed when only nw-check-hybrid is under way, which has no field that the API server rewrites, and that
stack is changed no further.
"""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from infra.names import CHECK_HYBRID, CHECK_NAMESPACE
from tests.cluster.api import wait_for
from tests.cluster.stack import RealRig
from tests.engine.harness import Run

pytestmark = pytest.mark.cluster

LONG_S = 300.0
LATE_S = 15.0
DOWN_S = 5.0
FIRST, SECOND = {"name": "hybrid-1", "os": "ubuntu-24.04"}, {"name": "hybrid-2", "os": "al2023"}
THIRD = {"name": "hybrid-3", "os": "al2023"}
UNCHANGED = re.compile(r"Resources:\n +\d+ unchanged\n")


def under_way(rig: RealRig) -> set[str]:
    """Name what the engine has begun and not ended."""
    return {
        each["resource"]["urn"].rpartition("::")[2]
        for each in rig.stack.state().get("pending_operations", [])
    }


def start_up(rig: RealRig, nodes: int) -> tuple[subprocess.Popen[str], float]:
    """Start `pulumi up`, and return when nw-check-hybrid waits for the last of its nodes, which does not boot."""
    rig.machines.boot_hybrid.clear()
    started = time.monotonic()
    process = rig.stack.start("up", "--yes", "--skip-preview")

    def waits() -> bool:
        assert process.poll() is None, process.communicate()[0]
        found = rig.cluster.api.find("apps/v1", "Deployment", CHECK_HYBRID, namespace=CHECK_NAMESPACE)
        status = found["status"] if found else {}
        complete = status.get("observedGeneration") == found["metadata"]["generation"] if found else False
        waiting = (
            complete and status.get("updatedReplicas") == nodes and status.get("unavailableReplicas", 0) > 0
        )
        return waiting and under_way(rig) == {CHECK_HYBRID}

    try:
        wait_for("pulumi up does not come to nw-check-hybrid", waits, seconds=LONG_S)
    except AssertionError:
        os.killpg(process.pid, signal.SIGKILL)
        raise
    return process, started


def hosts_of_the_check(rig: RealRig) -> set[str]:
    """Name the nodes with a pod of nw-check-hybrid."""
    pods = rig.cluster.api.items("v1", "Pod", namespace=CHECK_NAMESPACE, labels=f"app={CHECK_HYBRID}")
    return {pod["spec"]["nodeName"] for pod in pods if "deletionTimestamp" not in pod["metadata"]}


@pytest.fixture(scope="module")
def killed(new_real_rig: Callable[[], RealRig]) -> RealRig:
    """A stack whose first `pulumi up` was killed, with all that it had started, while it waited for the hybrid node."""
    rig = new_real_rig()
    process, _ = start_up(rig, nodes=1)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    return rig


@pytest.fixture(scope="module")
def resumed(killed: RealRig) -> tuple[RealRig, Run]:
    """The next `pulumi up`; the node joins late."""
    killed.stack.pulumi("cancel", "--yes")
    process, started = start_up(killed, nodes=1)
    time.sleep(LATE_S)
    assert process.poll() is None, "pulumi up did not wait for the node"
    killed.machines.boot_hybrid.set()
    return killed, killed.stack.finish(process, started)


@pytest.fixture(scope="module")
def settled(resumed: tuple[RealRig, Run]) -> tuple[RealRig, Run]:
    """The `pulumi up` after that."""
    rig, run = resumed
    assert run.code == 0, run.text
    return rig, rig.stack.up()


@pytest.fixture(scope="module")
def interrupted(new_real_rig: Callable[[], RealRig]) -> tuple[RealRig, Run]:
    """`pulumi up` with a second hybrid node, during which the API server is down for a moment."""
    rig = new_real_rig()
    rig.stack.up()
    rig.stack.configure(hybridNodes=[FIRST, SECOND])
    process, started = start_up(rig, nodes=2)
    rig.cluster.stop_api_server()
    time.sleep(DOWN_S)
    rig.cluster.start_api_server()
    rig.machines.boot_hybrid.set()
    return rig, rig.stack.finish(process, started)


@pytest.fixture(scope="module")
def missed(interrupted: tuple[RealRig, Run]) -> tuple[RealRig, Run]:
    """`pulumi up` that ends what the last one began, and then one with a third node, which never joins."""
    rig, _ = interrupted
    rig.stack.up()
    assert len(hosts_of_the_check(rig)) == 2
    # The boot may take a minute instead of twenty.
    rig.stack.edit("k8s/workloads.py", "BOOT_TIMEOUT_MINUTES: Final = 20", "BOOT_TIMEOUT_MINUTES: Final = 1")
    rig.stack.configure(hybridNodes=[FIRST, SECOND, THIRD])
    rig.machines.boot_hybrid.clear()
    return rig, rig.stack.up(succeeds=False)


@pytest.fixture(scope="module")
def complete(missed: tuple[RealRig, Run]) -> tuple[RealRig, Run, Run]:
    """The next one, for which it does, and the one after that."""
    rig, _ = missed
    rig.machines.boot_hybrid.set()
    return rig, rig.stack.up(), rig.stack.up()


def test_a_killed_engine_has_not_recorded_what_it_was_waiting_for(killed: RealRig) -> None:
    assert CHECK_HYBRID not in {each["urn"].rpartition("::")[2] for each in killed.stack.resources()}
    assert killed.cluster.api.find("apps/v1", "Deployment", CHECK_HYBRID, namespace=CHECK_NAMESPACE)


def test_the_next_up_adopts_it_and_waits_for_the_node(resumed: tuple[RealRig, Run]) -> None:
    rig, run = resumed
    assert run.code == 0, run.text
    assert CHECK_HYBRID in {each["urn"].rpartition("::")[2] for each in rig.stack.resources()}


def test_after_that_nothing_is_left_to_change(settled: tuple[RealRig, Run]) -> None:
    assert UNCHANGED.search(settled[1].text), settled[1].text


def test_a_hybrid_node_that_never_joins_is_counted_by_what_waits_for_it(missed: tuple[RealRig, Run]) -> None:
    text = missed[1].text
    assert "nw-check/nw-check-hybrid" in text
    # It says how many of the pods are there, not which node: `ops doctor` does.
    assert "2/3 Pods available" in text, text
    assert "timed out waiting to be Ready" in text, text


def test_an_api_server_that_was_down_and_a_node_that_was_late_leave_no_trace(
    complete: tuple[RealRig, Run, Run],
) -> None:
    rig, first, second = complete
    assert first.code == 0, first.text
    assert UNCHANGED.search(second.text), second.text
    assert hosts_of_the_check(rig) == set(rig.apis.machines)
