"""Evaluates the Pulumi program without an account and records what it asks the engine for.

The program runs in the SDK's own runtime; only the far end of the wire is ours. Pulumi's plain mocks show a
resource's inputs and nothing else; here the whole registration request is kept: parent, dependencies per
property, options, and which values are secret. `ops plan`, the benchmark and the tests all read this record.
"""

import contextvars
import runpy
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from google.protobuf import empty_pb2, json_format, struct_pb2
from pulumi.runtime.proto import resource_pb2

from ops.clients.stack_config import project_name
from ops.program import sdk
from ops.program.existing_vpc import DescribedVpc, assumed
from ops.program.fake_cloud import FakeCloud


@dataclass(frozen=True, kw_only=True)
class Options:
    """The resource options the program set, as sent to the engine (property names in camelCase)."""

    additional_secret_outputs: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()
    custom_timeouts: Mapping[str, str] = field(default_factory=dict)
    deleted_with: str = ""
    ignore_changes: tuple[str, ...] = ()
    provider: str = ""
    transforms: int = 0


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration. `inputs` is plain data with secrets unwrapped; `secrets` has their paths ("a.b[0]").

    What was there before the stack has no URN.
    """

    urn: str
    type: str
    name: str
    parent: str = ""
    custom: bool = True
    remote: bool = False
    inputs: Mapping[str, Any]
    secrets: frozenset[str] = frozenset()
    dependencies: frozenset[str] = frozenset()
    property_dependencies: Mapping[str, frozenset[str]] = field(default_factory=dict)
    options: Options = field(default_factory=Options)
    id: str = ""
    outputs: Mapping[str, Any] = field(default_factory=dict)

    @property
    def foreign(self) -> bool:
        """Whether it was there before the stack."""
        return not self.urn

    @property
    def component(self) -> bool:
        """Whether it only groups others; a packaged (remote) component builds its children in the engine."""
        return not self.custom


@dataclass(frozen=True, kw_only=True)
class Recording:
    """Everything the program asked for. `resources` is in the order of registration, keyed by URN.

    `vpc` is the one that was there before the stack, if the settings name one.
    """

    project: str
    stack: str
    resources: Mapping[str, Resource]
    stack_outputs: Mapping[str, Any]
    secret_outputs: frozenset[str]
    messages: tuple[tuple[str, str], ...]
    duplicate_urns: tuple[str, ...]
    invokes: tuple[tuple[str, Mapping[str, Any]], ...]
    vpc: DescribedVpc | None = None

    def of_type(self, type_: str) -> list[Resource]:
        """Every resource of a type token, by URN: the SDK registers in another order now and then."""
        return sorted((r for r in self.resources.values() if r.type == type_), key=lambda r: r.urn)

    def in_use(self, type_: str) -> list[Resource]:
        """What the stack uses of a type: what was there before it, then its own."""
        return [*(r for r in self._foreign if r.type == type_), *self.of_type(type_)]

    @cached_property
    def _foreign(self) -> tuple[Resource, ...]:
        subnet_ids = [args["id"] for token, args in self.invokes if token == "aws:ec2/getSubnet:getSubnet"]
        used = self.vpc.used(subnet_ids) if self.vpc else ()
        return tuple(
            Resource(urn="", type=type_, name=id_, id=id_, inputs=inputs) for type_, id_, inputs in used
        )

    def one(self, type_: str, name: str | None = None) -> Resource:
        """The only resource of a type (and name).

        Errors: LookupError which lists the candidates when there is not exactly one.
        """
        found = [r for r in self.of_type(type_) if name is None or r.name == name]
        if len(found) != 1:
            raise LookupError(
                f"{len(found)} of {type_} {name or ''}: {[r.name for r in self.of_type(type_)]}"
            )
        return found[0]

    @cached_property
    def children(self) -> Mapping[str, Sequence[Resource]]:
        """The direct children by their parent's URN (empty: those at the top), in the order of registration."""
        found: dict[str, list[Resource]] = {}
        for resource in self.resources.values():
            found.setdefault(resource.parent, []).append(resource)
        return found

    def direct_waits(self, urn: str) -> frozenset[str]:
        """The URNs that `urn` itself waits for: dependencies, explicit provider, resources it is handed."""
        return self._direct_waits.get(urn, frozenset())

    @cached_property
    def _direct_waits(self) -> Mapping[str, frozenset[str]]:
        found = {}
        for urn, resource in self.resources.items():
            others = {resource.options.provider.rpartition("::")[0]}
            if resource.remote:
                # On the wire, what a packaged component is handed is not among its `dependencies`; the children
                # inside that use it wait for it.
                others |= {value for path, value in scalars(resource.inputs) if path.endswith(".urn")}
            found[urn] = resource.dependencies | others & self.resources.keys()
        return found


class RecordingMonitor(sdk.Monitor):
    """The engine's end of the wire: records each request and answers from `FakeCloud`.

    It never rehydrates a resource reference (the SDK's own mock monitor does, on a worker thread, and then
    hangs or fails at random with "attached to a different loop"): requests and answers stay protobuf structs.
    """

    def __init__(self, cloud: FakeCloud, project: str, stack_name: str) -> None:
        super().__init__()
        self.cloud = cloud
        self.project = project
        self.stack_name = stack_name
        self.recorded: dict[str, Resource] = {}
        self.duplicates: list[str] = []
        self.invoked: list[tuple[str, dict[str, Any]]] = []
        self.stack_outputs: dict[str, Any] = {}
        self.secret_outputs: frozenset[str] = frozenset()

    def make_urn(self, parent: str, type_: str, name: str) -> str:
        """A URN as the engine makes it: the parent's chain of types, without the stack's own."""
        chain = parent.split("::")[2] if parent else ""
        qualified = type_ if chain in ("", "pulumi:pulumi:Stack") else f"{chain}${type_}"
        return f"urn:pulumi:{self.stack_name}::{self.project}::{qualified}::{name}"

    def RegisterResource(self, request):  # the SDK calls it by the protocol's name
        """Record one registration and answer with its identity and plausible outputs."""
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == "pulumi:pulumi:Stack":
            return resource_pb2.RegisterResourceResponse(urn=urn)
        if urn in self.recorded:
            self.duplicates.append(urn)
        inputs, secrets = plain(request.object)
        id_, outputs = self.cloud.create(urn, request.type, request.name, inputs, custom=request.custom)
        state = struct_pb2.Struct()
        if not request.remote:
            state.CopyFrom(request.object)
        state.update(outputs)
        self.recorded[urn] = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent="" if "::pulumi:pulumi:Stack::" in request.parent else request.parent,
            custom=request.custom,
            remote=request.remote,
            inputs=inputs,
            secrets=secrets,
            dependencies=frozenset(request.dependencies),
            property_dependencies={k: frozenset(v.urns) for k, v in request.propertyDependencies.items()},
            options=Options(
                additional_secret_outputs=tuple(request.additionalSecretOutputs),
                aliases=tuple(alias.spec.name for alias in request.aliases),
                custom_timeouts=json_format.MessageToDict(request.customTimeouts),
                deleted_with=request.deletedWith,
                ignore_changes=tuple(request.ignoreChanges),
                provider=request.provider,
                transforms=len(request.transforms),
            ),
            id=id_,
            outputs=plain(state)[0],
        )
        return resource_pb2.RegisterResourceResponse(urn=urn, id=id_, object=state)

    def RegisterResourceOutputs(self, request):  # the SDK calls it by the protocol's name
        """Keep the stack's outputs."""
        if "::pulumi:pulumi:Stack::" in request.urn:
            self.stack_outputs, self.secret_outputs = plain(request.outputs)
        return empty_pb2.Empty()

    def Invoke(self, request):  # the SDK calls it by the protocol's name
        """Answer a provider function, such as a look-up of an AMI parameter."""
        arguments, _ = plain(request.args)
        self.invoked.append((request.tok, arguments))
        answer = struct_pb2.Struct()
        answer.update(self.cloud.invoke(request.tok, arguments))
        response = resource_pb2.ResourceInvokeResponse()
        getattr(response, "return").CopyFrom(answer)
        return response


def evaluate(
    project_dir: Path,
    stack_name: str,
    config: Mapping[str, str],
    *,
    cloud: FakeCloud | None = None,
) -> Recording:
    """Run `project_dir/__main__.py` for a stack with `config` ("namespace:key" to raw string) and record it.

    May be called any number of times in one process: every run has its own context.

    Errors: whatever the program raises, such as SettingsError.
    """
    project, cloud = project_name(project_dir), cloud or FakeCloud()
    cloud.vpc = cloud.vpc or assumed(config, project)
    return contextvars.copy_context().run(_evaluate, project_dir, stack_name, config, project, cloud)


def _evaluate(
    project_dir: Path, stack_name: str, config: Mapping[str, str], project: str, cloud: FakeCloud
) -> Recording:
    monitor = RecordingMonitor(cloud, project, stack_name)

    def program() -> None:
        runpy.run_path(str(project_dir / "__main__.py"), run_name="__main__")

    messages = sdk.run(monitor, program, project=project, stack_name=stack_name, config=config)
    return Recording(
        project=project,
        stack=stack_name,
        resources=monitor.recorded,
        stack_outputs=monitor.stack_outputs,
        secret_outputs=monitor.secret_outputs,
        messages=messages,
        duplicate_urns=tuple(monitor.duplicates),
        invokes=tuple(monitor.invoked),
        vpc=cloud.vpc,
    )


def plain(struct: struct_pb2.Struct) -> tuple[dict[str, Any], frozenset[str]]:
    """A protobuf struct as plain data, and the paths of the secrets in it.

    Secrets are unwrapped, resource references become {"urn": ..., "id": ...}, whole numbers become int.
    """
    secrets: set[str] = set()
    data = _plain(json_format.MessageToDict(struct), "", secrets)
    return data, frozenset(secrets)


def _plain(value: Any, path: str, secrets: set[str]) -> Any:
    if isinstance(value, dict):
        signature = value.get(sdk.SIGNATURE)
        if signature == sdk.SECRET:
            secrets.add(path)
            return _plain(value.get("value"), path, secrets)
        if signature == sdk.REFERENCE:
            return {"urn": value["urn"], "id": value.get("id", "")}
        return {k: _plain(v, f"{path}.{k}" if path else k, secrets) for k, v in value.items()}
    if isinstance(value, list):
        return [_plain(v, f"{path}[{i}]", secrets) for i, v in enumerate(value)]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def scalars(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every scalar of nested plain data with its path."""
    items: Iterable[tuple[str, Any]]
    if isinstance(value, Mapping):
        items = ((f"{path}.{k}" if path else str(k), v) for k, v in value.items())
    elif isinstance(value, list):
        items = ((f"{path}[{i}]", v) for i, v in enumerate(value))
    else:
        yield path, value
        return
    for inner_path, inner in items:
        yield from scalars(inner, inner_path)
