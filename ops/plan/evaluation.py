"""A stack's plan: what the program asks for, what that proves of the network, and how long it takes."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from ops.plan.duration import Schedule, schedule
from ops.plan.flows import Expectations, FlowReport, prove
from ops.program.existing_vpc import commands
from ops.program.recorder import Recording
from ops.program.running import PROJECT_DIR, run_stack


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A recording, what it proves of the network, and what a reader must know: `notes` say what is missing.

    `unread` is why Calico's manifest was not read; empty when it was. `concealed` takes out of a text what is secret
    in the stack's settings. `registry` is the setting `imageRegistry`.
    """

    recording: Recording
    flows: FlowReport
    notes: tuple[str, ...]
    unread: str = ""
    concealed: Callable[[str], str] = str
    registry: str = ""

    @property
    def verdict(self) -> str:
        """Whether it can be built: `pass`, `fail`, or `partial` where not everything was seen."""
        if not self.flows.passed:
            return "fail"
        return "partial" if self.unread or self.flows.unseen else "pass"

    @property
    def exit_code(self) -> int:
        """0, or 1 for what is not fit to deploy."""
        return int(not self.flows.passed)

    @cached_property
    def schedule(self) -> Schedule:
        """How long `up` takes, and why."""
        return schedule(self.recording)


def _not_looked_at(recording: Recording) -> Iterator[str]:
    vpc = recording.vpc
    if vpc and vpc.assumed:
        region = recording.stack_outputs["region"]
        yield (
            f"{vpc.id} was not looked at: its range, subnets and route tables are made up. To see yours: "
            f"{commands(vpc.id, region, 'network.json')}, then ops plan --network network.json"
        )


def plan_stack(
    stack: str,
    overrides: Mapping[str, str],
    *,
    network: Path | None = None,
    project_dir: Path = PROJECT_DIR,
) -> Plan:
    """Evaluate the program for a stack; `overrides` maps a setting's name or path to a raw value.

    `network` is a file that describes a VPC which exists.

    Errors: those of `ops.program.running.run_stack`.
    """
    found = run_stack(stack, overrides, network=network, project_dir=project_dir)
    flows = prove(found.recording, Expectations.from_config(found.config.values))
    return Plan(
        recording=found.recording,
        flows=flows,
        notes=(*_not_looked_at(found.recording), *found.notes),
        unread=found.manifest_missing,
        concealed=found.config.concealed,
        registry=found.config.value("imageRegistry") or "",
    )
