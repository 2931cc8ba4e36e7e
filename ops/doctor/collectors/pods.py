"""Calico, CoreDNS and the stack's workloads: pods that are not ready, why, and the events about them."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from ops.clients.objects import conditions_of, is_ready, labels_of, name_of
from ops.doctor import console
from ops.doctor.collectors.nodes import short
from ops.doctor.facts import NAMESPACES, REFUSED, Facts
from ops.doctor.symptoms import Line, Place, Section, State, Symptom, Tail

Object = Mapping[str, Any]
# An event about a controller says nothing of whether its cause is still there; an old one is left out.
_RECENT = timedelta(minutes=10)
_CONTROLLERS = ("ReplicaSet", "Deployment", "DaemonSet", "Job")
_TAIL_LINES = 6
_LOG_LINES = 40


def collect(facts: Facts) -> Section:
    """Look at the pods, and at events and logs of those that are not ready."""
    notes = Section("Pods")
    facts.note_gaps(notes, "daemon set/calico-node", "daemon set/aws-node", "events")
    _daemon_sets(facts, notes)
    troubled: set[str] = set()
    for namespace in NAMESPACES:
        facts.note_gaps(notes, f"pods/{namespace}")
        troubled |= _namespace(facts, namespace, notes)
    _events(facts, troubled, notes)
    _logs(facts, troubled, notes)
    return notes


def _daemon_sets(facts: Facts, notes: Section) -> None:
    if facts.known("daemon set/calico-node") and facts.get("daemon set/calico-node") is None:
        notes.bad(Place.POD, "calico-node", "there is no DaemonSet calico-node")
    if facts.get("daemon set/aws-node") is not None:
        notes.bad(Place.POD, "aws-node", "there is a DaemonSet aws-node")


def _namespace(facts: Facts, namespace: str, notes: Section) -> set[str]:
    """Note the pods of a namespace; give `namespace/name` of those that are not ready."""
    pods = [pod for pod in facts.get(f"pods/{namespace}") or [] if _counts(pod)]
    troubled: set[str] = set()
    total: Counter[str] = Counter()
    ready: Counter[str] = Counter()
    for pod in pods:
        app = _app(pod)
        total[app] += 1
        if is_ready(pod):
            ready[app] += 1
            continue
        subject, where, why = f"{namespace}/{name_of(pod)}", _where(pod), _why_not_ready(pod)
        troubled.add(subject)
        notes.symptom(Place.POD, f"{subject}{where}", why)
        notes.lines.append(Line(state=State.BAD, subject=subject, text=f"{why}{where}"))
    for app in sorted(total):
        if ready[app] == total[app]:
            restarts = max((_restarts(pod) for pod in pods if _app(pod) == app), default=0)
            extra = f", restarted up to {restarts} times" if restarts > 2 else ""
            notes.good(app, f"{ready[app]} of {total[app]} ready{extra}")
    return troubled


def _events(facts: Facts, troubled: set[str], notes: Section) -> None:
    sick = {name_of(node) for node in facts.get("nodes") or [] if not is_ready(node)}
    seen: Counter[tuple[str, str]] = Counter()
    for event in facts.get("events") or []:
        about = event.get("involvedObject") or {}
        kind, name = about.get("kind", ""), str(about.get("name", ""))
        where = f"{about.get('namespace', '')}/{name}"
        concerns = (
            (kind == "Pod" and where in troubled)
            or (kind == "Node" and name in sick)
            or (kind in _CONTROLLERS and _recent(facts.now, event))
        )
        if event.get("type") == "Warning" and concerns:
            text = f"{event.get('reason', '')}: {event.get('message', '')}"
            seen[f"{kind} {name if kind == 'Node' else where}", text] += int(event.get("count") or 1)
    for (subject, text), count in sorted(seen.items()):
        times = f" ({count} times)" if count > 1 else ""
        notes.bad(Place.EVENT, subject, f"{text}{times}")


def _logs(facts: Facts, troubled: set[str], notes: Section) -> None:
    for question in sorted(facts.answers):
        kind, _, pod = question.partition("/")
        if kind != "log":
            continue
        if facts.note_gaps(notes, question):
            continue
        text = str(facts.get(question) or "")
        if text.startswith(REFUSED):
            # A container that does not run yet has no log; why it does not run is the pod's own symptom.
            if "waiting to start" in text or "not found" in text:
                continue
            notes.bad(Place.LOG, f"log of {pod}", text)
        elif f"kube-system/{pod}" in troubled:
            lines = tuple(console.tail(text, _LOG_LINES))
            notes.symptoms.append(
                Symptom(place=Place.LOG, subject=f"log of {pod}", statements=lines, otherwise=lines[-1:])
            )
            notes.tails.append(Tail(subject=f"log of {pod}", lines=tuple(console.tail(text, _TAIL_LINES))))


def _why_not_ready(pod: Object) -> str:
    """Say what a pod waits for: `Pending: ImagePullBackOff: MESSAGE; 3 restarts`."""
    status = pod.get("status") or {}
    reasons: list[str] = []
    for part in [*(status.get("initContainerStatuses") or []), *(status.get("containerStatuses") or [])]:
        state = part.get("state") or {}
        waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
        before = (part.get("lastState") or {}).get("terminated") or {}
        if waiting.get("reason"):
            reasons.append(
                ": ".join(word for word in (waiting["reason"], waiting.get("message", "")) if word)
            )
        elif ended and ended.get("exitCode"):
            reasons.append(
                f"{part.get('name', '?')} ended: {ended.get('reason', '')} {ended.get('exitCode')}"
            )
        if before.get("reason") and before.get("exitCode"):
            reasons.append(
                f"last time {part.get('name', '?')} ended: {before['reason']} {before['exitCode']}"
            )
    if not reasons:
        conditions = conditions_of(pod)
        for kind in ("PodScheduled", "Initialized", "ContainersReady", "Ready"):
            found = conditions.get(kind) or {}
            if found.get("status") == "False" and (found.get("message") or found.get("reason")):
                reasons.append(str(found.get("message") or found.get("reason")))
                break
    restarts = _restarts(pod)
    parts = [status.get("phase", "phase unknown"), *reasons]
    text = ": ".join(str(part) for part in parts if part)
    return f"{text}; {restarts} restarts" if restarts else text


def _counts(pod: Object) -> bool:
    return not (pod.get("metadata") or {}).get("deletionTimestamp") and (
        (pod.get("status") or {}).get("phase") != "Succeeded"
    )


def _restarts(pod: Object) -> int:
    statuses = (pod.get("status") or {}).get("containerStatuses") or []
    return sum(int(item.get("restartCount") or 0) for item in statuses)


def _app(pod: Object) -> str:
    labels = labels_of(pod)
    return str(labels.get("app") or labels.get("k8s-app") or name_of(pod))


def _where(pod: Object) -> str:
    node = (pod.get("spec") or {}).get("nodeName", "")
    return f" on {short(node)}" if node else ""


def _recent(now: datetime, event: Object) -> bool:
    text = event.get("lastTimestamp") or event.get("eventTime") or ""
    try:
        then = datetime.fromisoformat(str(text).replace("Z", "+00:00"))
    except ValueError:
        return False
    return now - (then if then.tzinfo else then.replace(tzinfo=UTC)) <= _RECENT
