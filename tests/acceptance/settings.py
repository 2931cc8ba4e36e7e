"""What a run builds: the settings of its stack, from the options of the command line."""

import re
from collections.abc import Iterable, Mapping

import pytest

from infra import versions
from ops.clients.stack_config import project_name

_NODE = re.compile(r"hybridNodes\[(\d+)\]\.(\w+)")
# What makes a data centre of one's own: its machines are joined by a person, with what `ops join` writes.
_OWN = re.compile(r"site\b.*|hybridNodes\[\d+\]\.(address|architecture)")


def settings_of(pairs: Iterable[str]) -> dict[str, str]:
    """The settings of --config options, by name or path, with the first hybrid node in them.

    Errors: pytest.UsageError for one that is not KEY=VALUE, or that sets what a run sets itself.
    """
    settings = {"hybridNodes[0].name": "hybrid-1"}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.removeprefix(f"{project_name()}:")
        if not (equals and key):
            raise pytest.UsageError(f"{pair!r} is not KEY=VALUE, e.g. --config availabilityZones=3")
        if key == "clusterName":
            raise pytest.UsageError("clusterName: a run names its cluster itself")
        if _OWN.fullmatch(key):
            raise pytest.UsageError(
                f"{key}: a run makes its hybrid nodes itself, it cannot join a machine of your own. Leave site and "
                "hybridNodes[].address out here. A stack with a site of your own: pulumi up, ops join NAME, then "
                "ops verify --wait 15m (docs/data-centre.md)"
            )
        if key.startswith("hybridNodes") and not _NODE.fullmatch(key):
            raise pytest.UsageError(
                f"{pair!r}: set hybrid nodes by path, e.g. --config 'hybridNodes[0].instanceType=t4g.large'"
            )
        settings[key] = value
    return settings


def hybrid_nodes(settings: Mapping[str, str]) -> int:
    """How many hybrid nodes the settings name."""
    return 1 + max(int(node[1]) for key in settings if (node := _NODE.fullmatch(key)))


def previous_minor(kubernetes: str) -> str:
    """The Kubernetes minor before this one.

    Errors: pytest.UsageError where the table of versions has none.
    """
    minors = list(versions.STANDARD_SUPPORT_ENDS)
    if kubernetes not in minors[1:]:
        raise pytest.UsageError(
            f"--upgrade ends at Kubernetes {kubernetes}; it must be one of {', '.join(minors[1:])}: "
            f"--config kubernetesVersion={versions.KUBERNETES_DEFAULT}"
        )
    return minors[minors.index(kubernetes) - 1]
