"""A diagnosis from request to result: the subject, the clients, the questions, the failure table."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.credentials import with_identity
from ops.clients.aws import AwsClient
from ops.clients.errors import AskError
from ops.clients.kube import Kube
from ops.clients.pool import Pool
from ops.clients.redaction import Redactor, kubeconfig_secrets
from ops.doctor import bundle, collectors, saved, subject
from ops.doctor.diagnosis import Diagnosis, diagnose
from ops.doctor.facts import Facts, gather
from ops.doctor.subject import Subject

Object = dict[str, Any]
# A deployment that is broken answers late or not at all: short, and no long retries.
TIMEOUT_S = 10.0
RETRIES = 1
CONCURRENCY = 8
# Where the Makefile lets pulumi write what it does.
KEPT = subject.PROJECT_DIR / ".cache" / "runs"


def run(
    *, stack: str | None, outputs: str | None, profile: str | None = None, bundle_path: Path | None = None
) -> Diagnosis:
    """Look at a stack and explain it.

    Errors: AskError (region and cluster are known from nowhere, the profile does not exist, or the bundle cannot be
    written).
    """
    if bundle_path is not None:
        bundle.check(bundle_path)
    found = subject.find(stack=stack, outputs=outputs)
    profile = profile or found.profile
    cloud = AwsClient(
        region=found.region, profile=profile, timeout_s=TIMEOUT_S, retries=RETRIES, roles=found.roles
    )
    return examine(
        found,
        cloud,
        lambda cluster: connect(found, cluster, profile=profile),
        now=datetime.now(UTC),
        bundle_path=bundle_path,
    )


def examine(
    found: Subject,
    cloud: AwsClient,
    connecting: Callable[[Object | None], Kube],
    *,
    now: datetime,
    bundle_path: Path | None = None,
) -> Diagnosis:
    """Ask, look, match; write the bundle if one is wanted. The arguments are what tests replace."""
    redactor = Redactor(kubeconfig_secrets(found.kubeconfig))
    kept = saved.last_run(KEPT / f"{found.stack}.events")
    facts: Facts = gather(found, cloud, connecting, pool=Pool(CONCURRENCY), redactor=redactor, now=now)
    notes = [redactor.text(note) for note in found.notes]
    diagnosis = diagnose(
        (*collectors.sections(facts), *([kept] if kept else [])),
        subject=found.title,
        notes=notes,
        urns=found.state.urns if found.state else (),
        site=_site(facts),
    )
    if bundle_path is not None:
        bundle.write(bundle_path, diagnosis, facts, redactor)
    return diagnosis


def _site(facts: Facts) -> str:
    """Tell who has the data centre, by the machines: `played` by a VPC, or one's `own`; empty without a machine."""
    kinds = {"own" if machine.own else "played" for machine in facts.machines}
    return kinds.pop() if len(kinds) == 1 else ""


def connect(found: Subject, cluster: Mapping[str, Any] | None, *, profile: str | None) -> Kube:
    """Sign in to the cluster: as the output kubeconfig says, or as EKS describes the cluster where there is none.

    Errors: AskError (there is neither, or the credentials do not work).
    """
    kubeconfig = dict(found.kubeconfig) if found.kubeconfig else described_kubeconfig(found, cluster)
    return Kube(kubeconfig, profile=profile, timeout_s=TIMEOUT_S, retries=RETRIES)


def described_kubeconfig(found: Subject, cluster: Mapping[str, Any] | None) -> Object:
    """Make the kubeconfig that `aws eks update-kubeconfig` would write.

    Errors: AskError (EKS does not tell the endpoint, which it has from late in the cluster's creation on).
    """
    endpoint = (cluster or {}).get("endpoint")
    if not endpoint:
        raise AskError(
            f"cluster {found.cluster_name} has no endpoint yet, and the stack no output kubeconfig",
            code="endpoint-not-yet",
            REGION=found.region,
            CLUSTER=found.cluster_name,
        )
    authority = ((cluster or {}).get("certificateAuthority") or {}).get("data")
    arguments = ["--region", found.region, "eks", "get-token", "--cluster-name", found.cluster_name]
    plugin = {
        "apiVersion": "client.authentication.k8s.io/v1beta1",
        "command": "aws",
        "args": [*arguments, "--output", "json"],
    }
    server = {"server": endpoint, **({"certificate-authority-data": authority} if authority else {})}
    kubeconfig = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "eks", "cluster": server}],
        "users": [{"name": "eks", "user": {"exec": plugin}}],
        "contexts": [{"name": "eks", "context": {"cluster": "eks", "user": "eks"}}],
        "current-context": "eks",
    }
    return json.loads(with_identity(json.dumps(kubeconfig), None, found.roles))
