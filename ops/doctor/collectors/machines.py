"""Hybrid nodes, from the EC2 instance to the Node: how far each got."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from ipaddress import IPv4Address, IPv4Network
from typing import Any

from infra.names import ACTIVATION_LABEL, NAME_LABEL
from ops.clients.objects import is_ready, labels_of, name_of
from ops.doctor import console
from ops.doctor.facts import Facts
from ops.doctor.subject import Machine
from ops.doctor.symptoms import Gap, Line, Place, Section, State, Tail

Object = Mapping[str, Any]
_TAIL_LINES = 6
# EC2 shows a console some minutes late.
_BOOT_TIME = timedelta(minutes=15)


def collect(facts: Facts) -> Section:
    """Follow every hybrid node's way into the cluster."""
    notes = Section("Hybrid nodes")
    facts.note_gaps(notes, "tagged instances", "instances", "activations", "registrations")
    if not facts.machines:
        notes.note("none", "neither outputs, settings nor tags name a hybrid node")
    for machine in facts.machines:
        _Way(facts, machine).walk(notes)
    return notes


@dataclass
class _Way:
    """One machine on its way to become a node. `details` are what is known of it, `wrong` what is not right."""

    facts: Facts
    machine: Machine
    details: list[str] = field(default_factory=list)
    wrong: Section = field(default_factory=lambda: Section("wrong"))
    gap: Gap | None = None

    def walk(self, notes: Section) -> None:
        node, text = self._node(), self._console()
        ready = node is not None and is_ready(node)
        self._instance()
        self._activation()
        join = console.read(text) if text is not None else None
        self._join(join, node, text or "")
        self._registration(ready=ready)
        notes.symptoms += self.wrong.symptoms
        if self.gap and not ready:
            notes.gaps.append(self.gap)
        state = (
            State.BAD
            if self.wrong.symptoms
            else State.GOOD
            if ready
            else State.UNKNOWN
            if self.gap
            else State.NOTE
        )
        summary = self._summary(node, join, ready=ready)
        details = () if state is State.GOOD else tuple(self.details)
        notes.lines.append(Line(state=state, subject=self.machine.label, text=summary, details=details))
        if state is State.BAD and text and not ready:
            lines = tuple(console.tail(text, _TAIL_LINES))
            notes.tails.append(Tail(subject=f"console of {self.machine.label}", lines=lines))

    def _bad(self, place: Place, text: str, *, detail: bool = True) -> None:
        self.wrong.symptom(place, self.machine.label, text, name=self.machine.name)
        if detail:
            self.details.append(text)

    def _summary(self, node: Object | None, join: console.Join | None, *, ready: bool) -> str:
        name = name_of(node or {})
        if ready:
            return f"Ready as {name}"
        if node is not None:
            return f"joined as {name}, but not Ready"
        if join is None:
            return "not joined" if self.facts.known("nodes") else "not known to have joined"
        again = "; it tries again by itself" if join.goes_on else ""
        said = {
            "failed": f"the join script failed at step {join.step} {join.text}{again}",
            "running": f"the join script is in step {join.step}{self._since(join.at)}",
            "done": f"the join script ended well: {join.text}",
            "absent": "the join script has not spoken on the console",
        }
        return said[join.state]

    def _node(self) -> Object | None:
        """Find the Node by its activation; by its name only while the activation is not known."""
        key, value = ACTIVATION_LABEL, self.machine.activation_id
        if not value:
            key, value = NAME_LABEL, self.machine.name
        return next(
            (node for node in self.facts.get("nodes") or [] if labels_of(node).get(key) == value), None
        )

    def _instance(self) -> None:
        machine, facts = self.machine, self.facts
        instance = self._described()
        if machine.own:
            self.details.append("EC2: not asked, a machine of your own")
            return
        if instance is None:
            if facts.known("tagged instances") and facts.known("instances"):
                gone = f"the EC2 instance {machine.instance_id} does not exist any more"
                self._bad(Place.INSTANCE, gone if machine.instance_id else "it has no EC2 instance")
            return
        state = (instance.get("State") or {}).get("Name", "")
        launched = instance.get("LaunchTime")
        if state in ("running", "pending"):
            ago = f", launched {_minutes(facts.now - launched)} ago" if isinstance(launched, datetime) else ""
            self.details.append(f"EC2: {state}{ago}")
        elif state:
            reason = (instance.get("StateReason") or {}).get("Message") or "no reason given"
            self._bad(Place.INSTANCE, f"the EC2 instance is {state}: {reason}")
        self._address(str(instance.get("PrivateIpAddress") or machine.private_ip))

    def _described(self) -> Object | None:
        """Give what EC2 says of the machine."""
        found = [*(self.facts.get("instances") or []), *(self.facts.get("tagged instances") or [])]
        wanted = self.machine.instance_id
        return next((item for item in found if wanted and item.get("InstanceId") == wanted), None)

    def _address(self, address: str) -> None:
        networks = declared_networks(self.facts)
        if networks and address and not _inside(address, networks):
            self._bad(
                Place.INSTANCE,
                f"its address {address} is outside the cluster's remote node networks {', '.join(networks)}",
            )

    def _activation(self) -> None:
        machine, facts = self.machine, self.facts
        if not machine.activation_id or not facts.known("activations"):
            return
        found = next(
            (item for item in facts.get("activations") if item.get("ActivationId") == machine.activation_id),
            None,
        )
        if found is None:
            # EC2 keeps no trace of it either; registered nodes work on without their activation.
            if self._registered() is None and facts.known("registrations"):
                self._bad(Place.ACTIVATION, f"activation {machine.activation_id} does not exist")
            return
        used, limit = int(found.get("RegistrationsCount") or 0), int(found.get("RegistrationLimit") or 1)
        until = found.get("ExpirationDate")
        ends = f"{until:%Y-%m-%d %H:%M} UTC" if isinstance(until, datetime) else "an unknown time"
        expired = bool(found.get("Expired")) or (isinstance(until, datetime) and until <= facts.now)
        if expired and not used:
            self._bad(Place.ACTIVATION, f"the activation expired at {ends} before any machine registered")
        elif used >= limit and facts.known("registrations") and self._registered() is None:
            text = f"the activation is used up, {used} of {limit} registrations, but none of its machines is registered"
            self._bad(Place.ACTIVATION, text)
        else:
            self.details.append(
                f"activation: {used} of {limit} registered, {'expired' if expired else 'ends'} {ends}"
            )

    def _registered(self) -> Object | None:
        wanted = self.machine.activation_id
        found = self.facts.get("registrations") or []
        return next((item for item in found if wanted and item.get("ActivationId") == wanted), None)

    def _registration(self, *, ready: bool) -> None:
        found = self._registered()
        if found is None:
            if self.facts.known("registrations") and self.machine.activation_id and not ready:
                self.details.append("Systems Manager: not registered")
            return
        name, status = found.get("InstanceId", "mi-?"), found.get("PingStatus", "unknown")
        if status == "Online":
            self.details.append(f"Systems Manager: {name} is Online")
        else:
            self._bad(Place.REGISTRATION, f"Systems Manager: {name} is {status}")

    def _console(self) -> str | None:
        """Give the console, cleaned; None when there is none to see."""
        question = f"console/{self.machine.instance_id}"
        gap = self.facts.gap(question)
        if gap:
            self.gap = Gap(what=f"console of {self.machine.label}", seen=gap.seen, why=gap.why, fix=gap.fix)
        found = self.facts.get(question)
        return str(found.get("Output") or "") if found else None

    def _join(self, join: console.Join | None, node: Object | None, text: str) -> None:
        if self.machine.own and node is None and self._registered() is None:
            # Whether a person has begun is not known: nothing is claimed.
            self.details.append(
                f"it waits for a person: ops join {self.machine.name}; on the machine: "
                "sudo journalctl --unit eks-hybrid-join"
            )
            return
        if join is None or join.state == "done":
            if node is None and self.facts.known("nodes"):
                after = f", although the join script ended well: {join.text}" if join else ""
                self._bad(Place.JOIN, f"no Node of the cluster carries its label{after}")
            return
        if node is not None:
            return
        otherwise = join.loud[-_TAIL_LINES:]
        if join.state == "absent":
            ago = f"launched {_minutes(self._age())} ago"
            if self._age() < _BOOT_TIME:
                self._bad(Place.JOIN, f"no line of the join script yet, {ago}")
            else:
                otherwise = otherwise or tuple(console.tail(text, _TAIL_LINES))
                otherwise = (f"no line of the join script on its console, {ago}", *otherwise)
        elif join.state == "failed":
            otherwise = (f"join: failed at step {join.step} {join.text}", *otherwise)
        elif join.state == "running":
            late = join.stuck(self.facts.now)
            how = "longer than any step takes" if late else "as usual"
            self._bad(Place.JOIN, f"still in step {join.step}{self._since(join.at)}, {how}", detail=False)
        self.wrong.symptoms.append(join.symptom(self.machine.label, otherwise, name=self.machine.name))

    def _age(self) -> timedelta:
        """Tell how long ago the machine was launched; for ever, when that is not known."""
        launched = (self._described() or {}).get("LaunchTime")
        return self.facts.now - launched if isinstance(launched, datetime) else timedelta(days=1)

    def _since(self, at: datetime | None) -> str:
        return f" since {at:%H:%M:%S} UTC, {_minutes(self.facts.now - at)}" if at else ""


def declared_networks(facts: Facts) -> list[str]:
    """List the remote node networks that the cluster declares; while it is unknown, those the stack wants."""
    cluster = facts.get("cluster")
    if not cluster:
        return list(facts.subject.remote_node_networks)
    declared = (cluster.get("remoteNetworkConfig") or {}).get("remoteNodeNetworks") or []
    return [cidr for item in declared for cidr in item.get("cidrs") or []]


def _inside(address: str, networks: Iterable[str]) -> bool:
    try:
        return any(IPv4Address(address) in IPv4Network(cidr, strict=False) for cidr in networks)
    except ValueError:
        return True


def _minutes(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
