"""Runs that end half way, with the real Kubernetes provider and a real API server: the next one goes on."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Callable

import pytest

from k8s import nw_check
from tests.cluster.api import wait_for
from tests.cluster.stack import RealRig
from tests.engine.harness import Run

pytestmark = pytest.mark.cluster

LONG = 300.0


def gate(rig: RealRig) -> dict | None:
    """nw-check-hybrid in the API server, once it waits for its node."""
    found = rig.cluster.api.find("apps/v1", "Deployment", nw_check.HYBRID, namespace=nw_check.NAMESPACE)
    return found if found and found.get("status", {}).get("unavailableReplicas") else None


def start_up(rig: RealRig) -> tuple[subprocess.Popen[str], float]:
    """Start `pulumi up` and return when it waits for the hybrid node, whose machine does not boot."""
    rig.machines.boot_hybrid.clear()
    started = time.monotonic()
    process = rig.stack.start("up", "--yes", "--skip-preview")
    try:
        wait_for("pulumi up does not get to nw-check-hybrid", lambda: gate(rig), seconds=LONG)
        wait_for("the managed nodes", lambda: len(rig.cluster.api.items("v1", "Node")) > 1, seconds=LONG)
    except AssertionError:
        os.killpg(process.pid, signal.SIGKILL)
        raise AssertionError(process.communicate()[0]) from None
    return process, started


def is_empty(run: Run) -> bool:
    """Tell whether a run changed nothing."""
    return bool(re.search(r"Resources:\n +\d+ unchanged\n", run.text))


def test_up_waits_for_a_hybrid_node_that_joins_late(new_real_rig: Callable[[], RealRig]) -> None:
    rig = new_real_rig()
    process, started = start_up(rig)
    time.sleep(15)
    assert process.poll() is None
    rig.machines.boot_hybrid.set()
    run = rig.stack.finish(process, started)
    assert run.code == 0, run.text
    assert is_empty(rig.stack.up())


def test_up_names_the_workload_and_the_reason_when_a_hybrid_node_never_joins(
    new_real_rig: Callable[[], RealRig],
) -> None:
    rig = new_real_rig()
    # The boot may take a minute instead of twenty.
    rig.stack.edit("k8s/workloads.py", "BOOT_TIMEOUT_MINUTES: Final = 20", "BOOT_TIMEOUT_MINUTES: Final = 1")
    rig.machines.boot_hybrid.clear()
    run = rig.stack.up(succeeds=False)
    assert "nw-check/nw-check-hybrid" in run.text
    assert "didn't match Pod's node affinity/selector" in run.text

    rig.machines.boot_hybrid.set()
    rig.stack.up()
    assert is_empty(rig.stack.up())


def test_after_a_killed_engine_the_next_up_goes_on(new_real_rig: Callable[[], RealRig]) -> None:
    rig = new_real_rig()
    process, _ = start_up(rig)
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    assert nw_check.HYBRID not in [each["urn"].rpartition("::")[2] for each in rig.stack.resources()]

    rig.machines.boot_hybrid.set()
    rig.stack.pulumi("cancel", "--yes")
    rig.stack.up()
    assert is_empty(rig.stack.up())


def test_an_api_server_that_is_down_in_the_middle_is_survived(new_real_rig: Callable[[], RealRig]) -> None:
    rig = new_real_rig()
    process, started = start_up(rig)
    rig.cluster.stop_api_server()
    time.sleep(10)
    rig.cluster.start_api_server()
    rig.machines.boot_hybrid.set()
    rig.stack.finish(process, started)
    # Whether that run survives depends on what it was doing; the next one ends well in any case.
    rig.stack.up()
    assert is_empty(rig.stack.up())
