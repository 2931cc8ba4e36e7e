"""What must be there before a resource of a recorded plan is made, through any number of steps."""

from ops.program.recorder import Recording


def waits_for(recording: Recording, urn: str) -> frozenset[str]:
    """Every URN that must exist before `urn` is created.

    The engine orders by dependencies, by provider, and by nothing else: a parent's registration is not a wait for the
    parent's other children.
    """
    earlier: set[str] = set()
    waiting = {urn}
    while waiting:
        nearest = recording.direct_waits(waiting.pop()) - earlier
        earlier |= nearest
        waiting |= nearest
    return frozenset(earlier)
