"""What the engine may do to machines when nodes change; each function says what it should not have done."""

from collections.abc import Sequence

from tests.acceptance.engine import Operation

INSTANCE = "aws:ec2/instance:Instance"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
CLUSTER = "aws:eks/cluster:Cluster"
_CREATED = ("create", "create-replacement")
_DELETED = ("delete", "delete-replaced")


def _of(operations: Sequence[Operation], kinds: Sequence[str], *types: str) -> list[Operation]:
    return [each for each in operations if each.op in kinds and each.type in types and not each.failed]


def _numbers(operations: Sequence[Operation], *, created: int, deleted: int) -> list[str]:
    made, gone = _of(operations, _CREATED, INSTANCE), _of(operations, _DELETED, INSTANCE)
    return [
        f"machines {word}: {', '.join(each.name for each in found) or 'none'}; expected {wanted}"
        for word, found, wanted in (("created", made, created), ("removed", gone, deleted))
        if len(found) != wanted
    ]


def _kept(operations: Sequence[Operation], *types: str) -> list[str]:
    return [f"{each.type} {each.name}: {each.op}" for each in _of(operations, (*_CREATED, *_DELETED), *types)]


def added(operations: Sequence[Operation]) -> list[str]:
    """Judge the addition of a hybrid node: one machine is made, and no other is touched."""
    return _numbers(operations, created=1, deleted=0) + _kept(operations, NODE_GROUP, CLUSTER)


def changed(operations: Sequence[Operation]) -> list[str]:
    """Judge another operating system of one hybrid node: the new machine is there before the old one goes."""
    problems = _numbers(operations, created=1, deleted=1) + _kept(operations, NODE_GROUP, CLUSTER)
    if not problems:
        (made,), (gone,) = _of(operations, _CREATED, INSTANCE), _of(operations, _DELETED, INSTANCE)
        if gone.started < made.ended:
            problems.append(f"{gone.name} was removed before {made.name} was there")
    return problems


def removed(operations: Sequence[Operation]) -> list[str]:
    """Judge the removal of a hybrid node: one machine goes, and no other is touched."""
    return _numbers(operations, created=0, deleted=1) + _kept(operations, NODE_GROUP, CLUSTER)


def upgraded(operations: Sequence[Operation]) -> list[str]:
    """Judge an upgrade: the control plane stays the same one."""
    return _kept(operations, CLUSTER)
