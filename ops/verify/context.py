"""What a check gets to work with: the stack's outputs, the three clients, and a memory for one round."""

from dataclasses import dataclass, field, replace
from typing import Self

from ops.causes import CAUSES
from ops.clients.aws import AwsClient
from ops.clients.http import Http
from ops.clients.kube import Kube
from ops.clients.pool import Memo, Pool
from ops.clients.stack_outputs import Deployment
from ops.verify.cluster import Cluster


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long and how often: seconds for one request or exec, retries of a lost one, requests to the ALB."""

    timeout_s: float = 10.0
    retries: int = 2
    concurrency: int = 16
    requests: int = 20


@dataclass(frozen=True, kw_only=True)
class Context:
    """Handed to every check. `pool` is for fan-out inside a check (one exec per node)."""

    deployment: Deployment
    kube: Kube
    aws: AwsClient
    http: Http
    limits: Limits
    pool: Pool
    memo: Memo = field(default_factory=Memo)

    @property
    def cluster(self) -> Cluster:
        """Read the cluster's objects, each list at most once per round."""
        return Cluster(self.kube, self.memo, self.deployment)

    def cause(self, id_: str, **names: str) -> dict[str, str]:
        """Give `why` and `fix` of a row of ops/causes.py, in the words for this stack."""
        expected = self.deployment.checks
        problem = CAUSES[id_].problem(
            "",
            site="own" if expected.own_site else "played",
            command="verify",
            REGION=expected.region,
            CLUSTER=self.deployment.cluster_name,
            **names,
        )
        return {"why": problem.why, "fix": problem.fix}

    def fresh(self) -> Self:
        """Keep the clients, empty the memory: the next round sees the present state."""
        return replace(self, memo=Memo())
