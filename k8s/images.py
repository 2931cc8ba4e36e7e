"""Where images come from: a registry of one's own (`imageRegistry`) in place of the public ones; no component knows.

The host of an image is replaced, its path and tag stay: quay.io/calico/node:v3.32.1 is REGISTRY/calico/node:v3.32.1.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

import pulumi

# Where a Pod's spec has its images, in an object of any kind.
_LISTS: Final = ("containers", "initContainers")


def images(value: Any) -> Iterator[str]:
    """Give the images of Kubernetes objects, at whatever depth; one that stands twice comes twice."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            if key in _LISTS and isinstance(part, list):
                yield from (image for container in part if (image := _image(container)))
            else:
                yield from images(part)
    elif isinstance(value, list):
        for part in value:
            yield from images(part)


def mirrored(image: str, registry: str) -> str:
    """Give the name that an image of a public registry has in `registry` (HOST[:PORT][/PATH])."""
    return f"{registry}/{image.partition('/')[2]}"


def moved(value: Any, registry: str) -> Any:
    """Give Kubernetes objects with all images from `registry`. Outputs inside are left as they are."""
    if isinstance(value, Mapping):
        return {
            key: [_container(each, registry) for each in part]
            if key in _LISTS and isinstance(part, list)
            else moved(part, registry)
            for key, part in value.items()
        }
    return [moved(part, registry) for part in value] if isinstance(value, list) else value


def _image(container: Any) -> str | None:
    image = container.get("image") if isinstance(container, Mapping) else None
    return image if isinstance(image, str) else None


def _container(container: Any, registry: str) -> Any:
    image = _image(container)
    return {**container, "image": mirrored(image, registry)} if image else container


def from_registry(registry: str | None) -> list[pulumi.ResourceTransformation]:
    """Give what `pulumi.ResourceOptions(transformations=)` takes, for components whose objects use `registry`.

    It runs in the program, before anything is sent: a group of objects has them among its inputs.
    """
    if registry is None:
        return []

    def transformation(args: pulumi.ResourceTransformationArgs) -> pulumi.ResourceTransformationResult:
        return pulumi.ResourceTransformationResult(props=moved(dict(args.props), registry), opts=args.opts)

    return [transformation]
