"""lb: the load balancer answers every request, and it is a pod on a hybrid node that answers."""

from collections import Counter
from dataclasses import dataclass

from ops.checks.model import Findings, Outcome, listed, skipped
from ops.clients.http import Answer
from ops.clients.pool import TransportError, retrying
from ops.verify import parsers
from ops.verify.context import Context
from ops.verify.sample_app import sample_check

# Below this many requests per pod, a pod that got none may just have been unlucky.
_REQUESTS_PER_POD = 10


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the requests to the load balancer brought."""

    answers: tuple[Answer, ...]
    errors: tuple[str, ...]


def _asked(context: Context) -> Asked:
    url, limits = context.deployment.alb_url, context.limits
    any_name = context.deployment.no_name_fits

    def ask() -> Asked:
        def get(_: int) -> Answer:
            return retrying(lambda: context.http.get(url, any_name=any_name), retries=limits.retries)

        got = [one for _, one in context.pool.settle(get, range(limits.requests), expected=TransportError)]
        return Asked(
            answers=tuple(one for one in got if isinstance(one, Answer)),
            errors=tuple(str(one) for one in got if isinstance(one, Exception)),
        )

    return context.memo.get("alb", ask)


@sample_check(
    "lb.answers",
    "the load balancer answers 200 to every request",
    needs=("lb.https",),
    eventually=True,
)
def answers(context: Context, findings: Findings) -> str:
    asked, url = _asked(context), context.deployment.alb_url
    total = len(asked.answers) + len(asked.errors)
    if asked.errors:
        said = listed(sorted(set(asked.errors)), most=1)
        findings.fail(
            f"{len(asked.errors)} of {total} requests to {url} got no answer: {said}",
            why="the name does not resolve yet, or the ALB's security group does not let your address in on tcp "
            f"{443 if url.startswith('https:') else 80}",
            fix="curl https://checkip.amazonaws.com and compare it with the setting albAllowedCidrs",
        )
    statuses = Counter(answer.status for answer in asked.answers if answer.status != 200)
    whys = {
        502: "a target closed the connection: kube-proxy or the sample app restarts",
        503: "no target is registered, or none is healthy",
        504: "a target did not answer in time: its security group is closed, or VXLAN to the pod is broken",
    }
    for status, number in sorted(statuses.items()):
        findings.fail(
            f"{number} of {total} requests to {url} answered {status}",
            why=whys.get(status, "neither the ALB nor the sample app should answer so"),
            fix="look at aws.targets-healthy and net.node-port",
        )
    times = sorted(answer.seconds for answer in asked.answers if answer.status == 200)
    middle = f", median {times[len(times) // 2] * 1000:.0f} ms" if times else ""
    findings.failed = f"{total - len(times)} of {total} requests failed"
    any_name = ", the certificate's name left out" if context.deployment.no_name_fits else ""
    return f"{total} of {total} requests answered 200{middle}{any_name}"


@sample_check(
    "lb.hybrid-pod",
    "each answer is from a sample-app pod on a hybrid node",
    needs=("lb.answers", "node.api"),
    eventually=True,
)
def hybrid_pod(context: Context, findings: Findings) -> str:
    pods = {pod.name: pod for pod in context.cluster.sample_pods()}
    nodes = {node.name: node for node in context.cluster.nodes}
    for name, number in sorted(_by_pod(context).items()):
        pod = pods.get(name)
        node = nodes.get(pod.node) if pod else None
        if not name:
            findings.fail(
                f"{number} answers do not name a pod",
                why="something else than the sample app answers behind the ALB",
                fix="kubectl -n sample get service,pods -o wide",
            )
        elif node is None:
            findings.fail(
                f"{number} answers name {name}, which is not in the cluster",
                why="the pod was replaced during the run, or the ALB serves another cluster",
                fix="run it again; kubectl -n sample get pods -o wide",
            )
        elif not node.hybrid:
            findings.fail(
                f"{name} answers from {node}, a managed node",
                why="sample-app must run on hybrid nodes only: its node affinity is missing or was changed",
                fix="pulumi up --refresh",
            )
        else:
            findings.evidence.append(f"{name} on {node}: {number}")
    return "every answer is from a sample-app pod on a hybrid node"


@sample_check("lb.distribution", "every ready sample-app pod gets its share", needs=("lb.hybrid-pod",))
def distribution(context: Context, findings: Findings) -> str | Outcome:
    ready = sorted(pod.name for pod in context.cluster.sample_pods() if pod.ready)
    if context.limits.requests < _REQUESTS_PER_POD * len(ready):
        return skipped(
            f"{context.limits.requests} requests are too few to judge {len(ready)} pods; "
            f"--requests {_REQUESTS_PER_POD * len(ready)} would do"
        )
    counts = _by_pod(context)
    findings.evidence = [f"{name}: {counts[name]}" for name in ready]
    idle = [name for name in ready if not counts[name]]
    if idle:
        findings.warn(
            f"no request reached {listed(idle)}",
            why="kube-proxy chooses pods at random, so with this many requests each should have had some",
            fix="kubectl -n sample get endpointslices -o wide; ops verify --only net.service-ip",
        )
    return listed(f"{name} {counts[name]}" for name in ready)


def _by_pod(context: Context) -> Counter[str]:
    return Counter(parsers.pod_name(answer.body) for answer in _asked(context).answers)
