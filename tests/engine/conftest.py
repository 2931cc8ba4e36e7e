"""The life of one stack under the real engine, step by step; each step is run once and judged by many tests.

Real are the CLI, the engine, the state file, the SDKs, the program and its dynamic provider. Stand-ins are the
three cloud providers and the APIs behind the clean-up, and, where the CLI was built by .ci/install-pulumi, the
language host.
"""

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.clouds import to_the_last_byte
from tests.engine.harness import PROFILE, Stack, Step
from tests.engine.hybrid_apis import HybridApis
from tests.engine.standin.cloud import CALLER
from tests.engine.standin.networks import EXISTING, PRIVATE, PUBLIC
from tests.engine.standin.refusals import POLICY
from tests.manifest import small_manifest

FIRST = {"name": "hybrid-1", "os": "ubuntu-24.04"}
SECOND = {"name": "hybrid-2", "os": "al2023"}

RESIZED = {**FIRST, "os": "ubuntu-22.04", "instanceType": "t4g.large"}
CERTIFICATE, OTHER_CERTIFICATE = (
    f"arn:aws:acm:eu-central-1:123456789012:certificate/{digit * 8}-0000-0000-0000-000000000000"
    for digit in "12"
)
COLLEAGUE, PIPELINE, SUCCESSOR = (
    f"arn:aws:iam::123456789012:{name}" for name in ("role/colleague", "role/ci/pipeline", "user/successor")
)
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
CLIENTS, OTHER_CLIENTS = "198.51.100.0/24", "203.0.113.0/24"

# Of all states of a run there are some hundred MiB.
MEMORY_BYTES = 1 << 30
# Long enough to see who does not wait.
SLOW = {"aws:eks/cluster:Cluster": 0.5, "aws:eks/nodeGroup:NodeGroup": 1.5, "aws:ec2/instance:Instance": 0.3}
# Who must not wait for the slow one: it is not ready before they are, however slow the machine.
AFTER = {
    "aws:eks/cluster:Cluster": ["aws:lb/loadBalancer:LoadBalancer::"],
    "aws:eks/nodeGroup:NodeGroup": [
        "aws:ec2/instance:Instance::",
        "kubernetes:apps/v1:Deployment::nw-check-hybrid",
        "kubernetes:apps/v1:Deployment::sample-app",
    ],
}


def pytest_report_header() -> str:
    """Say which CLI and language host the tests run with."""
    found = shutil.which("pulumi")
    if not found:
        return "pulumi: none on the PATH, the engine tests are skipped"
    folder = Path(found).resolve().parent
    ours = folder.parent.name == "eks-hybrid-calico"  # the cache of .ci/install-pulumi
    host = (
        "built by .ci/install-pulumi, with the language host of this repository" if ours else "as installed"
    )
    return f"pulumi: {folder / 'pulumi'}, {host}"


@dataclass(frozen=True, kw_only=True)
class Rig:
    """A stack, and the APIs that its hybrid nodes' clean-up talks to."""

    stack: Stack
    apis: HybridApis

    def join(self) -> None:
        """Let the machine of every hybrid node join that has not yet."""
        for node in self.stack.outputs()["hybridNodes"]:
            self.apis.join(node["activationId"], node["name"])

    def terminate(self, node: str) -> str:
        """Let somebody terminate a node's machine in the console: nothing is heard of it; return its activation."""
        (lost,) = (each for each in self.stack.outputs()["hybridNodes"] if each["name"] == node)
        self.apis.silent |= {name for name, by in self.apis.nodes.items() if by == lost["activationId"]}
        self.stack.lose(lost["instanceId"])
        return lost["activationId"]


def configured_rig(folder: Path, cli: Path, memory: Path | None, *, small: bool = False) -> Rig:
    """Make a stack in a folder that is configured and has nothing yet.

    `small`: with the small manifest in any case. Where Calico is not the question it saves a quarter of the time.
    """
    stack = Stack(folder / "it", cli, memory=memory and memory / folder.name)
    # SSM's listing is late in AWS; the stand-in's is not.
    stack.edit("infra/leaving.py", "SETTLE_S = 5", "SETTLE_S = 0.1")
    # Whenever the tests run, the version that the stacks begin with is in standard support.
    stack.edit("infra/versions.py", '"1.34": date(2026, 12, 2)', '"1.34": date(2999, 12, 2)')
    rig = Rig(stack=stack, apis=HybridApis(stack.standin))
    stack.environment["AWS_ENDPOINT_URL"] = rig.apis.aws_url
    manifest = Path(os.environ.get("CALICO_MANIFEST", ""))
    if small or not manifest.is_file():
        manifest, _ = small_manifest(stack.folder)
    # Not to the byte that of a release: a digest that belongs to another release than calicoVersion is refused.
    stack.calico(f"{manifest.read_text(encoding='utf-8')}# of the tests\n")
    stack.configure(
        aws_region="eu-central-1",
        hybridNodes=[FIRST],
        controlPlaneLogs=["audit"],
        kubernetesVersion="1.34",
    )
    return rig


@pytest.fixture(scope="session")
def cli() -> Path:
    """The folder of the pulumi command."""
    found = shutil.which("pulumi")
    if not found:
        pytest.skip(
            'no pulumi on the PATH: run make test-engine, or PATH="$(.ci/install-pulumi):$PATH" first'
        )
    if not shutil.which("openssl"):
        pytest.skip("no openssl on the PATH: needed to make the certificate of the Kubernetes API's stand-in")
    return Path(found).resolve().parent


@pytest.fixture(scope="session")
def memory() -> Iterator[Path | None]:
    """A folder in the machine's memory, where Linux has one that is large enough (a container's is often not)."""
    shared = Path("/dev/shm")
    if not os.access(shared, os.W_OK) or shutil.disk_usage(shared).free < MEMORY_BYTES:
        yield None
        return
    with tempfile.TemporaryDirectory(dir=shared, prefix="eks-hybrid-calico-") as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def new_rig(
    cli: Path, tmp_path_factory: pytest.TempPathFactory, memory: Path | None
) -> Iterator[Callable[..., Rig]]:
    """Make a stack as `configured_rig` does."""
    rigs: list[Rig] = []

    def make(*, small: bool = False) -> Rig:
        rig = configured_rig(tmp_path_factory.mktemp("stack"), cli, memory, small=small)
        rigs.append(rig)
        return rig

    yield make
    for rig in rigs:
        rig.apis.close()


@pytest.fixture(scope="module")
def before(rig: Rig) -> dict[tuple[str, str], str]:
    """What there was, before anybody had run anything: for modules with a stack of their own."""
    return to_the_last_byte(rig.stack.world())


@pytest.fixture(scope="session")
def rig(new_rig: Callable[[], Rig]) -> Rig:
    """The stack whose life the fixtures below are."""
    rig = new_rig()
    rig.stack.configure(calicoVersion="3.31.7")
    return rig


@pytest.fixture(scope="session")
def previewed(rig: Rig) -> Step:
    """`pulumi preview` before there is anything."""
    return rig.stack.step(rig.stack.preview)


@pytest.fixture(scope="session")
def created(rig: Rig, previewed: Step) -> Step:
    """The first `pulumi up`, with one hybrid node, which then joins."""
    assert previewed.run.code == 0
    rig.stack.order(delay=SLOW, until=AFTER)
    step = rig.stack.step(rig.stack.up)
    rig.stack.order()
    rig.join()
    (rig.stack.folder / "outputs.json").write_text(json.dumps(rig.stack.outputs()), encoding="utf-8")
    return step


@pytest.fixture(scope="session")
def refreshed(rig: Rig, created: Step) -> Step:
    """`pulumi refresh`, with nothing changed."""
    assert created.run.code == 0
    return rig.stack.step(rig.stack.refresh)


@pytest.fixture(scope="session")
def repeated(rig: Rig, refreshed: Step) -> Step:
    """The second `pulumi up`, with nothing changed but what AWS calls the newest image."""
    assert refreshed.run.code == 0
    rig.stack.order(parameters={"*": "ami-0fedcba9876543210"})
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="session")
def recalico(rig: Rig, repeated: Step) -> Step:
    """`pulumi up` to the next Calico release, of which the images are others."""
    assert repeated.run.code == 0
    rig.stack.configure(calicoVersion="3.32.1")
    rig.stack.calico(
        re.sub(r"(image: [^\s,}]+):[^\s,}]+", r"\1:v3.99.0", rig.stack.manifest.read_text(encoding="utf-8"))
    )
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="session")
def refused(rig: Rig, recalico: Step) -> Step:
    """`pulumi preview` with a change of everything that is fixed, and a Kubernetes version back."""
    assert recalico.run.code == 0
    rig.stack.order(account="210987654321")
    rig.stack.there_is_a_vpc_of_others("eu-west-1")
    changes = {
        "aws_region": "eu-west-1",
        "availabilityZones": 3,
        "calicoVersion": "3.31.7",
        "clusterAdmins": [CALLER],
        "clusterName": "other",
        "kubernetesVersion": "1.33",
        "onPremVpcCidr": "10.91.0.0/16",
        "podCidr": "192.168.0.0/17",
        "serviceCidr": "172.20.0.0/16",
        "vpcCidr": "10.20.0.0/16",
        "network": {"vpcId": EXISTING, "privateSubnetIds": [*PRIVATE], "publicSubnetIds": [*PUBLIC]},
        "site": {"nodeCidrs": ["10.80.0.0/16"], "routes": "none"},
        "hybridNodes": [{"name": "hybrid-1", "address": "10.80.0.11"}],
    }
    with rig.stack.configured(**changes):
        step = rig.stack.step(lambda: rig.stack.preview(succeeds=False))
    rig.stack.order()
    return step


@pytest.fixture(scope="session")
def insisted(rig: Rig, refused: Step) -> Step:
    """`pulumi up --skip-preview` with two minor versions at once, and changes beside it that are possible."""
    assert refused.run.code != 0
    possible = {"albAllowedCidrs": [CLIENTS], "managedNodes": {"max": 4}, "controlPlaneLogs": []}
    with rig.stack.configured(kubernetesVersion="1.36", aws_defaultTags={"tags": {"A": "b"}}, **possible):
        return rig.stack.step(lambda: rig.stack.up(succeeds=False))


@pytest.fixture(scope="session")
def adjusted(rig: Rig, insisted: Step) -> Step:
    """`pulumi up` after many settings were changed, none of which replaces a machine."""
    assert insisted.run.code != 0
    rig.stack.there_is(POLICY, BOUNDARY)
    rig.stack.configure(
        albAllowedCidrs=[CLIENTS, OTHER_CLIENTS],
        albCertificateArn=CERTIFICATE,
        albHostName="app.example.com",
        apiAllowedCidrs=[CLIENTS],
        clusterAdmins=[COLLEAGUE, PIPELINE],
        controlPlaneLogs=["audit", "api"],
        permissionsBoundaryArn=BOUNDARY,
        podMtu=1400,
        managedNodes={"min": 2, "desired": 3, "max": 4},
        metricsServer=False,
        sampleNodePort=31000,
        supportType="EXTENDED",
    )
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="session")
def adjusted_back(rig: Rig, adjusted: Step) -> Step:
    """The next one: a client less and one more in another order, no logs, a larger disk of the managed nodes."""
    assert adjusted.run.code == 0
    rig.stack.configure(
        albAllowedCidrs=["192.0.2.0/24", OTHER_CLIENTS],
        albCertificateArn=OTHER_CERTIFICATE,
        clusterAdmins=[PIPELINE, SUCCESSOR],
        controlPlaneLogs=[],
        permissionsBoundaryArn="",
        managedNodes={"diskGiB": 40},
        metricsServer=True,
        supportType="STANDARD",
        webhookPorts=[9443],
    )
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="session")
def regrouped(rig: Rig, adjusted_back: Step) -> Step:
    """`pulumi up` after the managed nodes got another instance type, on spot; no certificate, no administrators."""
    assert adjusted_back.run.code == 0
    rig.stack.configure(albCertificateArn="", albHostName="", clusterAdmins=[])
    rig.stack.configure(managedNodes={"instanceType": "t3.medium", "spot": True, "diskGiB": 40})
    rig.stack.order(delay=SLOW)
    step = rig.stack.step(rig.stack.up)
    rig.stack.order()
    return step


@pytest.fixture(scope="session")
def retagged(rig: Rig, regrouped: Step) -> Step:
    """`pulumi up` after a default tag, two descriptions, the AWS profile and a comment of the join script changed."""
    assert regrouped.run.code == 0
    rig.stack.configure(aws_defaultTags={"tags": {"Owner": "the network team"}}, aws_profile=PROFILE)
    rig.stack.edit("infra/activation.py", 'description=f"Hybrid node', 'description=f"The hybrid node')
    rig.stack.edit("userdata/join.sh", "#!/usr/bin/env bash\n", "#!/usr/bin/env bash\n# A remark.\n\n")
    rig.stack.edit("infra/cluster.py", 'description="Taken by hybrid', 'description="To be taken by hybrid')
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="session")
def grown(rig: Rig, retagged: Step) -> Step:
    """`pulumi up` after a second hybrid node was added to the settings."""
    assert retagged.run.code == 0
    rig.stack.configure(hybridNodes=[FIRST, SECOND], activationHours=48)
    step = rig.stack.step(rig.stack.up)
    rig.join()
    return step


@pytest.fixture(scope="session")
def other_os(rig: Rig, grown: Step) -> Step:
    """`pulumi up`, preview included, after the first node's operating system was changed."""
    assert grown.run.code == 0
    rig.stack.configure(hybridNodes=[{**FIRST, "os": "ubuntu-22.04"}, SECOND])
    step = rig.stack.step(lambda: rig.stack.pulumi("up", "--yes"))
    rig.join()
    return step


@pytest.fixture(scope="session")
def resized(rig: Rig, other_os: Step) -> Step:
    """`pulumi up` after the first node got another instance type and the second one a larger disk."""
    assert other_os.run.code == 0
    rig.stack.configure(hybridNodes=[RESIZED, {**SECOND, "diskGiB": 40}])
    step = rig.stack.step(rig.stack.up)
    rig.join()
    return step


@pytest.fixture(scope="session")
def upgraded(rig: Rig, resized: Step) -> Step:
    """`pulumi up` to the next Kubernetes version."""
    assert resized.run.code == 0
    rig.stack.configure(kubernetesVersion="1.35")
    rig.stack.order(delay=SLOW)
    step = rig.stack.step(rig.stack.up)
    rig.stack.order()
    rig.join()
    return step


@pytest.fixture(scope="session")
def shrunk(rig: Rig, upgraded: Step) -> Step:
    """`pulumi up` after the second node was taken out of the settings again."""
    assert upgraded.run.code == 0
    rig.stack.configure(hybridNodes=[RESIZED])
    return rig.stack.step(rig.stack.up)


@pytest.fixture(scope="session")
def rejoined(rig: Rig, shrunk: Step) -> Step:
    """`pulumi up` after another nodeadm was named, and its digest, and logs of the control plane once more."""
    assert shrunk.run.code == 0
    rig.stack.configure(
        nodeadmVersion="v1.0.19", nodeadmSha256={"arm64": "a" * 64}, controlPlaneLogs=["audit"]
    )
    step = rig.stack.step(rig.stack.up)
    rig.join()
    return step


@pytest.fixture(scope="session")
def terminated(rig: Rig, rejoined: Step) -> str:
    """The activation of the first node, whose machine somebody has terminated."""
    assert rejoined.run.code == 0
    return rig.terminate(FIRST["name"])


@pytest.fixture(scope="session")
def looked_for(rig: Rig, terminated: str) -> Step:
    """`pulumi preview --refresh` after that."""
    assert terminated
    return rig.stack.step(lambda: rig.stack.pulumi("preview", "--refresh"))


@pytest.fixture(scope="session")
def remade(rig: Rig, looked_for: Step) -> Step:
    """What docs/changes.md says then."""
    assert looked_for.run.code == 0
    new = f"**:Activation::{FIRST['name']}.*"
    step = rig.stack.step(
        lambda: rig.stack.pulumi("up", "--yes", "--skip-preview", "--refresh", "--replace", new)
    )
    rig.join()
    return step


@pytest.fixture(scope="session")
def destroyed(rig: Rig, remade: Step) -> Step:
    """`pulumi destroy`."""
    assert remade.run.code == 0
    rig.stack.order(delay=SLOW)
    return rig.stack.step(rig.stack.destroy)
