"""The canary: ops/program/sdk.py stands on names that the Pulumi SDK does not promise. It says which one has gone."""

import contextvars
import gc
import importlib
import inspect
from importlib.metadata import version

import pulumi
import pytest

from ops.program import sdk
from ops.program.fake_cloud import FakeCloud
from ops.program.recorder import RecordingMonitor

# Module, name, and for functions and classes the arguments that we pass.
NAMES = [
    ("pulumi.runtime.rpc", "_special_sig_key", None),
    ("pulumi.runtime.rpc", "_special_secret_sig", None),
    ("pulumi.runtime.rpc", "_special_resource_sig", None),
    ("pulumi.runtime.settings", "ROOT", None),
    ("pulumi.runtime.settings", "configure", {"settings"}),
    ("pulumi.runtime.stack", "run_in_stack", {"func"}),
    ("pulumi.runtime", "set_all_config", {"config"}),
    ("pulumi.runtime.mocks", "MockEngine", {"logger"}),
    ("pulumi.runtime.mocks", "MockMonitor", {"mocks"}),
    # Takes any arguments: the small program below shows whether they are still read.
    ("pulumi.runtime.mocks", "MockSettings", None),
]


@pytest.mark.parametrize(("module", "name", "arguments"), NAMES, ids=[name for _, name, _ in NAMES])
def test_the_sdk_has_the_name_that_the_recorder_stands_on(module, name, arguments):
    found = getattr(importlib.import_module(module), name, None)
    assert found is not None, (
        f"pulumi {version('pulumi')} has no {module}.{name} any more: fix ops/program/sdk.py, or pin pulumi below "
        "this release in pyproject.toml"
    )
    if arguments is not None:
        missing = arguments - inspect.signature(found).parameters.keys()
        assert not missing, f"pulumi {version('pulumi')}: {module}.{name} does not take {missing} any more"


@pytest.mark.parametrize(
    "method", ["RegisterResource", "RegisterResourceOutputs", "Invoke", "GetDeploymentInfo"]
)
def test_the_monitor_has_what_the_sdk_calls(method):
    from pulumi.runtime.mocks import MockMonitor

    assert hasattr(MockMonitor, method), (
        f"pulumi {version('pulumi')}: the SDK's monitor has no {method} any more"
    )
    if method != "GetDeploymentInfo":
        assert getattr(RecordingMonitor, method) is not getattr(MockMonitor, method)


def test_a_small_program_is_recorded_with_its_secrets_and_its_log():
    def program() -> None:
        first = pulumi.ComponentResource("test:index:Group", "first")
        pulumi.CustomResource(
            "test:index:Thing",
            "second",
            {"code": pulumi.Output.secret("x")},
            pulumi.ResourceOptions(parent=first),
        )
        pulumi.log.warn("careful")

    monitor = RecordingMonitor(FakeCloud(), "p", "s")
    messages = contextvars.copy_context().run(
        sdk.run, monitor, program, project="p", stack_name="s", config={"p:key": "value"}
    )
    first, second = monitor.recorded.values()
    assert (second.parent, second.inputs, second.secrets) == (first.urn, {"code": "x"}, {"code"})
    assert messages == (("warning", "careful"),)


@pytest.mark.parametrize("collecting", [True, False])
def test_a_run_looks_for_no_garbage_and_leaves_the_collector_as_it_was(collecting):
    during = []

    def program():
        during.append(gc.isenabled())
        raise ValueError("stop")

    was = gc.isenabled()
    try:
        (gc.enable if collecting else gc.disable)()
        with pytest.raises(ValueError, match="stop"):
            contextvars.copy_context().run(
                sdk.run,
                RecordingMonitor(FakeCloud(), "p", "s"),
                program,
                project="p",
                stack_name="s",
                config={},
            )
        assert (during, gc.isenabled()) == ([False], collecting)
    finally:
        (gc.enable if was else gc.disable)()
