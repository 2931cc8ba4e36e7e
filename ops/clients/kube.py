"""The Kubernetes API as the checks see it: plain dicts as the API sends them, and exec. Everything here reads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

Object = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Executed:
    """A command that ran in a container to its end."""

    stdout: str
    stderr: str
    exit_code: int


class ExecError(Exception):
    """Logs or exec: the server said no, or the command did not end in time. The text is the reason."""


class Kube(Protocol):
    """What the checks ask of a cluster. Lists may be empty; a missing single object is None."""

    def version(self) -> str:
        """Give the server's version, e.g. `v1.35.2-eks-1a2b3c4`."""
        ...

    def nodes(self) -> list[Object]:
        """List Nodes."""
        ...

    def pods(self, namespace: str) -> list[Object]:
        """List the Pods of a namespace."""
        ...

    def events(self, namespace: str) -> list[Object]:
        """List the core/v1 Events of a namespace (`""`: of all)."""
        ...

    def daemon_set(self, namespace: str, name: str) -> Object | None:
        """Read a DaemonSet."""
        ...

    def deployment(self, namespace: str, name: str) -> Object | None:
        """Read a Deployment."""
        ...

    def service(self, namespace: str, name: str) -> Object | None:
        """Read a Service."""
        ...

    def calico(self, plural: str) -> list[Object]:
        """List cluster-wide objects of crd.projectcalico.org/v1, e.g. `ippools`."""
        ...

    def logs(self, namespace: str, pod: str, *, container: str | None = None, lines: int = 10) -> str:
        """Read the last lines of a container's log; ExecError when the server says no."""
        ...

    def execute(
        self, namespace: str, pod: str, command: Sequence[str], *, container: str, seconds: float
    ) -> Executed:
        """Run a command in a container; `seconds` is what the command itself may take."""
        ...
