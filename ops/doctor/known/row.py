"""The shape of a row of the failure table."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from ops.doctor.symptoms import Place

Group = Literal["machine", "cluster", "network", "node-group", "calico", "node", "pods", "targets"]

# What usually makes a node of either kind not work, so that whatever waits for a node has its cause there.
BELOW_NODES: frozenset[Group] = frozenset({"machine", "cluster", "network", "node-group", "calico"})
BELOW_PODS: frozenset[Group] = frozenset({*BELOW_NODES, "node"})


@dataclass(frozen=True, kw_only=True)
class Failure:
    r"""A known failure.

    Args:
        id: stable name; the JSON report and scripts rely on it.
        group: the part of a deployment it belongs to.
        places: where its signature counts.
        signature: regular expression, case ignored, looked for line by line in a symptom's text.
        symptom: what a person sees, for the README. Markdown.
        cause: why it happens.
        fix: what mends it. NAME, CLUSTER and REGION stand for the node, the cluster and the region at hand.
        source: where that is from: a public page, an issue, or a file of this project.
        example: a text that is recognised, as the source has it or as our own looks write it.
        follows: groups whose failures usually bring this one along. While one of those is found, this one is shown
            as its consequence.
        waits: nothing is broken, it only has not come to its end yet.

    """

    id: str
    group: Group
    places: frozenset[Place]
    signature: str
    symptom: str
    cause: str
    fix: str
    source: str
    example: str
    follows: frozenset[Group] = frozenset()
    waits: bool = False

    def seen_in(self, text: str) -> str | None:
        """Give the line of a text that bears the signature; None when none does."""
        found = re.search(self.signature, text, re.IGNORECASE)
        if found is None:
            return None
        start = text.rfind("\n", 0, found.start()) + 1
        end = text.find("\n", found.end())
        return text[start : end if end >= 0 else len(text)].strip()
