"""Nodes as Kubernetes sees them: readiness, pressure, leftovers."""

from collections.abc import Mapping
from typing import Any

from infra.names import ACTIVATION_LABEL, NAME_LABEL
from ops.clients.objects import conditions_of, is_ready, labels_of, name_of
from ops.doctor.facts import Facts, Missing
from ops.doctor.symptoms import Place, Section

Object = Mapping[str, Any]
_PRESSURES = ("MemoryPressure", "DiskPressure", "PIDPressure", "NetworkUnavailable")


def collect(facts: Facts) -> Section:
    """Look at the Nodes."""
    notes = Section("Nodes")
    if facts.note_gaps(notes, "kubernetes", "nodes"):
        return notes
    answer = facts.answers.get("kubernetes")
    if isinstance(answer, Missing):
        notes.note("Kubernetes", f"not asked: {answer.reason}")
        return notes
    nodes = facts.get("nodes") or []
    for node in nodes:
        _node(facts, node, notes)
    ready = sum(is_ready(node) for node in nodes)
    if nodes:
        notes.note("all", f"{ready} of {len(nodes)} Ready")
    else:
        notes.bad(Place.NODE, "all", "the cluster has no nodes at all")
    return notes


def _node(facts: Facts, node: Object, notes: Section) -> None:
    subject, labels = name_of(node), labels_of(node)
    alias = labels.get(NAME_LABEL, "")
    shown = f"{alias} ({subject})" if alias else short(subject)
    conditions = conditions_of(node)
    ready = conditions.get("Ready") or {}
    if ready.get("status") != "True":
        parts = (ready.get("reason", ""), ready.get("message", ""))
        text = ": ".join(part for part in parts if part) or "no Ready condition"
        notes.bad(Place.NODE, shown, f"not Ready: {text}", name=alias)
    for kind in _PRESSURES:
        found = conditions.get(kind) or {}
        if found.get("status") == "True":
            notes.bad(Place.NODE, shown, f"{kind}: {found.get('message', '')}", name=alias)
    activation = labels.get(ACTIVATION_LABEL)
    ours = {machine.activation_id for machine in facts.machines} - {""}
    if activation and ours and activation not in ours and facts.known("activations"):
        notes.bad(
            Place.NODE, shown, f"it belongs to no machine of this stack (activation {activation})", name=alias
        )


def short(name: str) -> str:
    """Give a node's name without the domain that all managed nodes share."""
    return name.partition(".")[0]
