"""The load balancer's targets, with the reasons AWS gives."""

from ops.doctor.facts import Facts
from ops.doctor.symptoms import Place, Section


def collect(facts: Facts) -> Section:
    """Look at both target groups."""
    notes = Section("Load balancer targets")
    if not facts.target_groups and not facts.note_gaps(notes, "target groups"):
        notes.note("target groups", "there are none")
    for side in sorted(facts.target_groups):
        _side(facts, side, notes)
    return notes


def _side(facts: Facts, side: str, notes: Section) -> None:
    question = f"targets/{side}"
    if facts.note_gaps(notes, question):
        return
    # A target on its way out is how a replaced node looks for half a minute.
    staying = [
        item
        for item in facts.get(question) or []
        if "draining" not in str((item.get("TargetHealth") or {}).get("State"))
    ]
    if not staying:
        notes.bad(Place.TARGET, f"{side} targets", "no target is registered")
        return
    bad = 0
    for item in staying:
        health, target = item.get("TargetHealth") or {}, item.get("Target") or {}
        if health.get("State") == "healthy":
            continue
        bad += 1
        why = ": ".join(part for part in (health.get("Reason", ""), health.get("Description", "")) if part)
        notes.bad(
            Place.TARGET,
            f"{side} target {target.get('Id', '?')}:{target.get('Port', '?')}",
            f"it is {health.get('State', 'unknown')}: {why or 'no reason given'}",
        )
    if not bad:
        notes.good(f"{side} targets", f"{len(staying)} of {len(staying)} healthy")
