"""A packaged component's side of the engine: it registers its children as a program does its resources."""

import importlib.metadata
import json
from typing import Any

import grpc
from pulumi.runtime.proto import provider_pb2, resource_pb2, resource_pb2_grpc

from tests.engine.standin import wire


class Component:
    """A component under construction.

    The engine itself applies transforms and lets the children inherit `deleted_with` and `protect`.
    """

    def __init__(self, request: Any) -> None:
        unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        self._channel = grpc.insecure_channel(request.monitorEndpoint, options=unlimited)
        self._monitor = resource_pb2_grpc.ResourceMonitorStub(self._channel)
        self._request = request
        registered = self._monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=request.type,
                name=request.name,
                parent=request.parent,
                object=wire.to_struct({}),
                dependencies=request.dependencies,
                aliases=request.aliases,
                providers=request.providers,
                protect=request.protect if request.HasField("protect") else None,
                deletedWith=request.deletedWith,
                ignoreChanges=request.ignoreChanges,
                acceptSecrets=True,
                acceptResources=True,
                supportsResultReporting=True,
            )
        )
        self.urn: str = registered.urn

    def dependencies(self, *inputs: str) -> list[str]:
        """Return what the named inputs of the component depend on."""
        given = self._request.inputDependencies
        return sorted({urn for name in inputs if name in given for urn in given[name].urns})

    def child(
        self,
        token: str,
        name: str,
        inputs: dict[str, Any],
        *,
        after: list[str],
        parent: str | None = None,
        ignore_changes: tuple[str, ...] = (),
    ) -> tuple[str, str, dict[str, Any]]:
        """Register a child; return (URN, id, outputs).

        Args:
            token: type token.
            name: name of the resource.
            inputs: as they travel; secrets may be wrapped.
            after: URNs of what its inputs come from.
            parent: URN of a component inside this one; this one when left out.
            ignore_changes: as the option of that name, in camelCase.

        """
        package = token.split(":")[2 if token.startswith("pulumi:providers:") else 0]
        answer = self._monitor.RegisterResource(
            resource_pb2.RegisterResourceRequest(
                type=token,
                name=name,
                parent=parent or self.urn,
                custom=True,
                ignoreChanges=ignore_changes,
                object=wire.to_struct({key: value for key, value in inputs.items() if value is not None}),
                dependencies=after,
                provider=self._request.providers.get(package, ""),
                version=importlib.metadata.version(f"pulumi_{package}"),
                acceptSecrets=True,
                acceptResources=True,
                supportsResultReporting=True,
            )
        )
        if answer.result != resource_pb2.Result.SUCCESS:
            raise RuntimeError(f"{token} {name} was not created")
        return answer.urn, answer.id or wire.UNKNOWN, wire.from_struct(answer.object)

    def group(self, token: str, name: str) -> str:
        """Register a component inside this one; return its URN."""
        request = resource_pb2.RegisterResourceRequest(type=token, name=name, parent=self.urn)
        return self._monitor.RegisterResource(request).urn

    def outputs_of(self, reference: dict[str, Any]) -> dict[str, Any]:
        """Return the outputs of a resource that was passed to the component."""
        args = wire.to_struct({"urn": reference["urn"]})
        call = resource_pb2.ResourceInvokeRequest(
            tok="pulumi:pulumi:getResource", args=args, acceptResources=True
        )
        answer = wire.from_struct(getattr(self._monitor.Invoke(call), "return"))
        return {**wire.plain(answer["state"]), "id": answer["id"]}

    def look_up(self, token: str, args: dict[str, Any]) -> dict[str, Any]:
        """Call a function of the component's own provider of that package."""
        provider = self._request.providers.get(token.split(":")[0], "")
        call = resource_pb2.ResourceInvokeRequest(tok=token, args=wire.to_struct(args), provider=provider)
        return wire.from_struct(getattr(self._monitor.Invoke(call), "return"))

    def done(self, outputs: dict[str, Any], sources: list[str]) -> Any:
        """End the construction: every output depends on `sources`, the URNs of the children it comes from."""
        self._monitor.RegisterResourceOutputs(
            resource_pb2.RegisterResourceOutputsRequest(urn=self.urn, outputs=wire.to_struct(outputs))
        )
        self._channel.close()
        dependencies = provider_pb2.ConstructResponse.PropertyDependencies(urns=sources)
        return provider_pb2.ConstructResponse(
            urn=self.urn,
            state=wire.to_struct(outputs),
            stateDependencies=dict.fromkeys(outputs, dependencies),
        )


def parsed(value: Any) -> Any:
    """Return provider configuration as data: nested values travel as JSON in a string."""
    return json.loads(value) if isinstance(value, str) else value
