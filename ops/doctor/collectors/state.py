"""The stack's state, as the Pulumi CLI has it: what an earlier run left undone."""

from ops.doctor.facts import Facts
from ops.doctor.symptoms import Place, Section


def collect(facts: Facts) -> Section:
    """Look at the state."""
    notes = Section("Pulumi state")
    state = facts.subject.state
    if state is None:
        return notes
    facts.note_gaps(notes, "unrecorded")
    for item in facts.get("unrecorded") or ():
        notes.bad(
            Place.STATE,
            f"stack {facts.subject.stack}",
            f"AWS has {item['what']}, and the state does not: {item['delete']}",
        )
    count = len(state.urns)
    if state.removing:
        text = f"the last destroy did not come to its end: {count} resources are left in the state"
        notes.bad(Place.STATE, f"stack {facts.subject.stack}", text)
    if state.pending:
        text = f"the state has {len(state.pending)} pending operations: {', '.join(state.pending)}"
        notes.bad(Place.STATE, f"stack {facts.subject.stack}", text)
    if not state.pending and not state.removing:
        last = f", last run: {state.last}" if state.last else ""
        notes.note(f"stack {facts.subject.stack}", f"{count} resources{last}")
    return notes
