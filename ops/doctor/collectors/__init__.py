"""Collectors: pure functions from facts to sections, one module for each part of a deployment."""

from collections.abc import Callable

from ops.doctor.collectors import cluster, machines, nodes, pods, state, targets
from ops.doctor.facts import Facts
from ops.doctor.symptoms import Gap, Section

_COLLECTORS: tuple[Callable[[Facts], Section], ...] = (
    state.collect,
    machines.collect,
    cluster.collect,
    nodes.collect,
    pods.collect,
    targets.collect,
)


def sections(facts: Facts) -> tuple[Section, ...]:
    """Look at everything; a collector that stumbles over an answer of an unknown shape becomes a gap."""
    return tuple(_safely(collect, facts) for collect in _COLLECTORS)


def _safely(collect: Callable[[Facts], Section], facts: Facts) -> Section:
    try:
        return collect(facts)
    except Exception as error:
        name = collect.__module__.rpartition(".")[2]
        notes = Section(name)
        notes.gap(
            Gap(
                what=name,
                seen=f"{type(error).__name__}: {error}",
                why="an answer has a shape that this program does not expect",
                fix="ops doctor --bundle FILE.tgz, and attach the file to an issue of this project",
            )
        )
        return notes
