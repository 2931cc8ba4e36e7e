"""Everything doctor asks, asked side by side. Each answer stands for itself: one that cannot be had leaves a gap.

Every answer passes the redactor before anything else sees it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from infra.names import CHECK_NAMESPACE, SAMPLE_NAMESPACE, STACK_TAG, SYSTEM_NAMESPACE
from ops.causes import problem_of
from ops.clients import unrecorded
from ops.clients.aws import AwsClient
from ops.clients.errors import AskError
from ops.clients.kube import ExecError, Kube
from ops.clients.leftovers import Names, tagged_in_elb
from ops.clients.objects import labels_of, name_of
from ops.clients.pool import Pool
from ops.clients.redaction import Redactor
from ops.doctor import discovery
from ops.doctor.console import clean
from ops.doctor.subject import Machine, Subject
from ops.doctor.symptoms import Gap, Section

Object = dict[str, Any]
NAMESPACES = (SYSTEM_NAMESPACE, CHECK_NAMESPACE, SAMPLE_NAMESPACE)
DAEMON_SETS = ("calico-node", "aws-node")
LOG_LINES = 40
REFUSED = "the API server cannot get the log: "


@dataclass(frozen=True, kw_only=True)
class Missing:
    """No answer, because there is nothing to ask; the reason is said elsewhere in the report."""

    reason: str


@dataclass
class Facts:
    """The answers by question, e.g. `cluster`, `console/i-0b1`. An answer is data, a `Gap`, or `Missing`."""

    subject: Subject
    now: datetime
    machines: list[Machine] = field(default_factory=list)
    target_groups: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def get(self, question: str) -> Any:
        """Give the answer's data; None when there is none."""
        answer = self.answers.get(question)
        return None if isinstance(answer, (Gap, Missing)) else answer

    def gap(self, question: str) -> Gap | None:
        """Give the reason why a question that was put has no answer."""
        answer = self.answers.get(question)
        return answer if isinstance(answer, Gap) else None

    def note_gaps(self, section: Section, *questions: str) -> bool:
        """Note which of these questions have no answer, and tell whether there are any."""
        gaps = [gap for question in questions if (gap := self.gap(question))]
        for gap in gaps:
            section.gap(gap)
        return bool(gaps)

    @property
    def ours(self) -> bool:
        """Tell whether the cluster of the stack's name is the stack's: every cluster that it makes has its tag."""
        found = self.get("cluster")
        return not found or "tags" not in found or found["tags"].get(STACK_TAG) == self.subject.tag

    def known(self, question: str) -> bool:
        """Tell whether there is an answer, be it None or empty."""
        return question in self.answers and not isinstance(self.answers[question], (Gap, Missing))


Questions = Mapping[str, Callable[[], Any]]


class _Asker:
    def __init__(self, pool: Pool, redactor: Redactor) -> None:
        self._pool = pool
        self._redactor = redactor

    def all(self, questions: Questions) -> dict[str, Any]:
        settled = self._pool.settle(lambda question: _shaped(question, questions[question]()), questions)
        return {
            question: self.gap(question, answer)
            if isinstance(answer, Exception)
            else self._redactor.data(_cleaned(answer))
            for question, answer in settled
        }

    def gap(self, question: str, error: Exception) -> Gap:
        """Say why a question has no answer."""
        if isinstance(error, AskError):
            texts = vars(problem_of(error, "doctor"))
        else:
            # A question never stops the others, whatever comes back.
            texts = {
                "seen": f"{type(error).__name__}: {error}",
                "why": "the answer is of a kind that this program does not expect",
                "fix": "ops doctor --bundle FILE.tgz, and attach the file to an issue of this project",
            }
        return Gap(what=question, **{key: self._redactor.text(clean(text)) for key, text in texts.items()})


_SINGLE = ("cluster", "console/", "daemon set/", "kubernetes")


def _shaped(question: str, answer: Any) -> Any:
    """Let an answer through if it has the shape that its readers rely on: objects in a list, an object, or a text."""
    if question.startswith("log/"):
        fits = isinstance(answer, str)
    elif question.startswith(_SINGLE):
        fits = answer is None or isinstance(answer, dict)
    else:
        fits = isinstance(answer, list) and all(isinstance(item, dict) for item in answer)
    if not fits:
        raise TypeError(f"an answer of type {type(answer).__name__}")
    return answer


def gather(
    subject: Subject,
    cloud: AwsClient,
    connect: Callable[[Object | None], Kube],
    *,
    pool: Pool,
    redactor: Redactor,
    now: datetime,
) -> Facts:
    """Ask everything.

    `connect` makes the Kubernetes client out of what EKS says of the cluster (None: unknown); it may raise AskError.
    """
    asker = _Asker(pool, redactor)
    facts = Facts(subject=subject, now=now)
    # What the kubeconfig needs would be redacted as an answer, so it is kept aside.
    described: list[Object] = []

    def cluster() -> Object | None:
        found = cloud.cluster(subject.cluster_name)
        described.extend([found] if found else [])
        return found

    facts.answers = asker.all(
        {
            "tagged instances": lambda: cloud.tagged_instances(STACK_TAG, subject.tag),
            "instances": lambda: cloud.instances(
                [one.instance_id for one in subject.machines if one.instance_id]
            ),
            "activations": lambda: discovery.activations(
                subject, cloud.pages("ssm", "describe_activations", "ActivationList")
            ),
            "target groups": lambda: _target_groups(subject, cloud),
            "cluster": cluster,
            "unrecorded": lambda: _unrecorded(subject, cloud),
        }
    )
    found = [*(facts.get("instances") or []), *(facts.get("tagged instances") or [])]
    try:
        facts.machines = discovery.machines(subject, found, facts.get("activations") or [])
        facts.target_groups = discovery.target_groups(subject, facts.get("target groups") or [])
    except (AttributeError, TypeError, ValueError) as error:
        facts.answers["tagged instances"] = asker.gap("tagged instances", error)
        facts.machines, facts.target_groups = list(subject.machines), dict(subject.target_groups)
    facts.answers |= asker.all(_about_machines(facts, cloud))
    facts.answers |= asker.all(_about_targets(facts, cloud))
    if facts.known("cluster") and facts.get("cluster") is None:
        facts.answers["kubernetes"] = Missing(reason="there is no cluster")
        return facts
    if not facts.ours:
        facts.answers["kubernetes"] = Missing(reason="the cluster is not of this stack")
        return facts
    facts.answers |= asker.all(_about_cluster(subject, cloud))
    if facts.gap("cluster") and not subject.kubeconfig:
        facts.answers["kubernetes"] = Missing(reason="its address was to come from EKS")
        return facts
    _ask_kubernetes(facts, asker, lambda: connect(described[0] if described else None))
    return facts


def _unrecorded(subject: Subject, cloud: AwsClient) -> list[Object]:
    if subject.state is None:
        return []
    names = Names(
        project=subject.project, stack=subject.stack, region=subject.region, cluster=subject.cluster_name
    )
    return [
        {"what": item.what, "delete": item.delete}
        for item in unrecorded.find(cloud, names, subject.state.recorded)
    ]


def _target_groups(subject: Subject, cloud: AwsClient) -> list[Object]:
    # Not by the Resource Groups Tagging API, which lags behind by minutes: the stack may have failed just now.
    groups = tagged_in_elb(cloud, "describe_target_groups", "TargetGroups", "TargetGroupArn")
    return [group for group, tags in groups if tags.get(STACK_TAG) == subject.tag]


def _about_machines(facts: Facts, cloud: AwsClient) -> Questions:
    activations = [machine.activation_id for machine in facts.machines if machine.activation_id]
    consoles: dict[str, Callable[[], Any]] = {
        f"console/{machine.instance_id}": lambda machine=machine: cloud.console(machine.instance_id)
        for machine in facts.machines
        if machine.instance_id
    }
    return {**consoles, "registrations": lambda: cloud.registered(activations) if activations else []}


def _about_targets(facts: Facts, cloud: AwsClient) -> Questions:
    return {
        f"targets/{side}": lambda arn=arn: cloud.target_health(arn)
        for side, arn in facts.target_groups.items()
    }


def _about_cluster(subject: Subject, cloud: AwsClient) -> Questions:
    kinds = {"access entries": "access-entry", "node groups": "nodegroup", "add-ons": "addon"}
    return {
        question: lambda kind=kind: cloud.in_cluster(subject.cluster_name, kind)
        for question, kind in kinds.items()
    }


def _ask_kubernetes(facts: Facts, asker: _Asker, connect: Callable[[], Kube]) -> None:
    clients: list[Kube] = []
    # The client stays out of the answers: it holds the token.
    facts.answers |= asker.all({"kubernetes": lambda: clients.append(connect())})
    if not clients:
        return
    kube = clients[0]
    # One question first: an API server that cannot be reached would keep each of the others waiting as long.
    facts.answers |= asker.all({"nodes": kube.nodes})
    if facts.gap("nodes"):
        return
    facts.answers |= asker.all(
        {
            **{
                f"pods/{namespace}": lambda namespace=namespace: kube.pods(namespace)
                for namespace in NAMESPACES
            },
            **{
                f"daemon set/{name}": lambda name=name: kube.daemon_set("kube-system", name)
                for name in DAEMON_SETS
            },
            "events": lambda: kube.events(""),
        }
    )
    facts.answers |= asker.all(_about_logs(facts, kube))


def _about_logs(facts: Facts, kube: Kube) -> Questions:
    """Read calico-node's log on every node: what it says, and whether a kubelet can be asked at all (tcp 10250)."""

    def read(name: str) -> str:
        try:
            return kube.logs("kube-system", name, container="calico-node", lines=LOG_LINES)
        except ExecError as error:
            return f"{REFUSED}{error}"

    pods = facts.get("pods/kube-system") or []
    names = [name_of(pod) for pod in pods if labels_of(pod).get("k8s-app") == "calico-node"]
    return {f"log/{name}": lambda name=name: read(name) for name in names}


def _cleaned(value: Any) -> Any:
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, dict):
        return {key: _cleaned(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_cleaned(item) for item in value]
    return value
