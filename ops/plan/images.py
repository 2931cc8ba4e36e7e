"""Which images must be in a registry of one's own, and the commands that copy them there."""

from collections.abc import Iterator

from k8s.images import images, mirrored
from ops.plan.evaluation import Plan
from ops.program.recorder import Recording
from settings.values import EXAMPLE_REGISTRY

_NOTES = """\
Not among them, because EKS brings them from its own registry in your region: kube-proxy, CoreDNS of the managed
nodes, the agent of EKS Pod Identity, and what nodeadm installs.
Copies are by tag: this program knows no digest of these images. Let your registry refuse to change a tag.
Nodes pull without a secret: ECR of this account works on both sides, any other registry must let them in.
For all architectures, as crane does it, with skopeo: skopeo copy --all docker://FROM docker://TO"""


def sources(recording: Recording) -> list[str]:
    """The images of a plan without `imageRegistry`, each once, in order."""
    return sorted(
        {
            image
            for resource in recording.resources.values()
            if resource.type.startswith("kubernetes:")
            for image in images(dict(resource.inputs))
        }
    )


def copy_commands(public: Plan, registry: str) -> str:
    """A script: comments, and a command for each image of a plan without `imageRegistry`; an example without one."""
    return "\n".join([*_lines(public, registry), ""])


def _lines(public: Plan, registry: str) -> Iterator[str]:
    if not registry:
        yield f"# imageRegistry is not set: nodes pull these from where they are published. With {EXAMPLE_REGISTRY}:"
    for note in (*public.notes, *_NOTES.splitlines()):
        yield f"# {note}"
    for image in sources(public.recording):
        yield f"crane copy {image} {mirrored(image, registry or EXAMPLE_REGISTRY)}"
