"""The control plane, the access entry, node groups and add-ons, as EKS tells of them."""

from collections.abc import Mapping
from typing import Any

from infra.names import STACK_TAG
from ops.doctor.collectors.machines import declared_networks
from ops.doctor.facts import Facts
from ops.doctor.symptoms import Place, Section

Object = Mapping[str, Any]
_WANTED_ADD_ONS = ("coredns", "kube-proxy")


def collect(facts: Facts) -> Section:
    """Look at what EKS manages."""
    notes = Section("EKS")
    for question, read in (
        ("cluster", _cluster),
        ("access entries", _access),
        ("node groups", _node_groups),
        ("add-ons", _add_ons),
    ):
        if not facts.note_gaps(notes, question) and facts.known(question):
            read(facts, notes)
    return notes


def _cluster(facts: Facts, notes: Section) -> None:
    name, found = facts.subject.cluster_name, facts.get("cluster")
    region, state = facts.subject.region, facts.subject.state
    if found is None:
        if state and state.has_cluster and not state.removing:
            text = f"the state still has cluster {name}, and there is none in {region}"
            notes.bad(Place.STATE, f"cluster {name}", text)
        else:
            notes.bad(Place.CONTROL_PLANE, f"cluster {name}", f"there is no cluster {name} in {region}")
        return
    subject = f"cluster {name}"
    if not facts.ours:
        owner = (found.get("tags") or {}).get(STACK_TAG)
        says = f"its tag {STACK_TAG} says {owner}" if owner else f"it has no tag {STACK_TAG}"
        notes.bad(Place.CONTROL_PLANE, subject, f"it is not of this stack: {says}")
        return
    status, issues = found.get("status", "unknown"), _issues(found)
    if status != "ACTIVE":
        notes.bad(Place.CONTROL_PLANE, subject, f"it is {status}")
    for issue in issues:
        notes.bad(Place.CONTROL_PLANE, subject, f"health issue {issue}")
    networks = declared_networks(facts)
    if not networks:
        notes.bad(Place.CONTROL_PLANE, subject, "it declares no remote node networks")
    elif status == "ACTIVE" and not issues:
        version = found.get("version", "?")
        notes.good(subject, f"ACTIVE, Kubernetes {version}, remote node networks {', '.join(networks)}")


def _access(facts: Facts, notes: Section) -> None:
    entries = facts.get("access entries")
    role = facts.subject.hybrid_role_arn or _role_of_activations(facts)
    name = role.rpartition("/")[2]
    mine = [item for item in entries if role and str(item.get("principalArn", "")).rpartition("/")[2] == name]
    # While no role is known, the type tells which entry is meant.
    found = mine or ([] if role else [item for item in entries if item.get("type") == "HYBRID_LINUX"])
    if not found:
        whom = f"role {name}" if role else "hybrid nodes (type HYBRID_LINUX)"
        notes.bad(Place.ACCESS, "access entry", f"there is no access entry for {whom}")
    for entry in found:
        kind = entry.get("type", "unknown")
        principal = str(entry.get("principalArn", "")).rpartition("/")[2]
        if kind == "HYBRID_LINUX":
            notes.good("access entry", f"{kind} for role {principal}")
        else:
            text = f"the access entry of role {principal} is of type {kind}, not HYBRID_LINUX"
            notes.bad(Place.ACCESS, "access entry", text)


def _role_of_activations(facts: Facts) -> str:
    """Name the role that hybrid nodes take, as the activations know it."""
    roles = {str(item.get("IamRole") or "") for item in facts.get("activations") or []} - {""}
    return roles.pop() if len(roles) == 1 else ""


def _node_groups(facts: Facts, notes: Section) -> None:
    groups = facts.get("node groups")
    if not groups:
        notes.bad(Place.NODE_GROUP, "node group", "there is no node group")
    for group in groups:
        subject = f"node group {group.get('nodegroupName', '?')}"
        status, issues = group.get("status", "unknown"), _issues(group)
        for issue in issues:
            notes.bad(Place.NODE_GROUP, subject, f"it is {status}: {issue}")
        if status != "ACTIVE" and not issues:
            notes.bad(Place.NODE_GROUP, subject, f"it is {status}, and EKS names no issue")
        elif not issues:
            wanted = (group.get("scalingConfig") or {}).get("desiredSize", "?")
            notes.good(subject, f"ACTIVE, {wanted} nodes wanted")


def _add_ons(facts: Facts, notes: Section) -> None:
    found = {item.get("addonName", "?"): item for item in facts.get("add-ons")}
    for name in _WANTED_ADD_ONS:
        if name not in found:
            notes.bad(Place.ADD_ON, f"add-on {name}", f"{name} is not installed")
    for name, item in sorted(found.items()):
        status, issues = item.get("status", "unknown"), _issues(item)
        if name == "vpc-cni":
            notes.bad(Place.ADD_ON, f"add-on {name}", "vpc-cni is installed, which brings aws-node")
        for issue in issues:
            notes.bad(Place.ADD_ON, f"add-on {name}", f"{name} is {status}: {issue}")
        if status != "ACTIVE" and not issues:
            notes.bad(Place.ADD_ON, f"add-on {name}", f"{name} is {status}, and EKS names no issue")
        elif not issues and name != "vpc-cni":
            notes.good(f"add-on {name}", f"ACTIVE, {item.get('addonVersion', 'version unknown')}")


def _issues(item: Object) -> list[str]:
    """Write each health issue as `CODE: MESSAGE (RESOURCES)`."""
    found = []
    for issue in (item.get("health") or {}).get("issues") or []:
        resources = ", ".join(issue.get("resourceIds") or [])
        text = ": ".join(part for part in (issue.get("code", ""), issue.get("message", "")) if part)
        found.append(f"{text or 'no text'}{f' ({resources})' if resources else ''}")
    return found
