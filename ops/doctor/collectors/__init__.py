"""Looks: pure functions from facts to sections, one module for each part of a deployment."""

from __future__ import annotations

from collections.abc import Callable

from ops.doctor.collectors import cluster, machines, nodes, pods, state, targets
from ops.doctor.facts import Facts
from ops.doctor.symptoms import Gap, Section

_LOOKS: tuple[Callable[[Facts], Section], ...] = (
    state.look,
    machines.look,
    cluster.look,
    nodes.look,
    pods.look,
    targets.look,
)


def sections(facts: Facts) -> tuple[Section, ...]:
    """Look at everything; a look that stumbles over an answer of an unknown shape becomes a gap."""
    return tuple(_safely(look, facts) for look in _LOOKS)


def _safely(look: Callable[[Facts], Section], facts: Facts) -> Section:
    try:
        return look(facts)
    except Exception as error:
        name = look.__module__.rpartition(".")[2]
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
