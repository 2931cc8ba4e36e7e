"""The provider protocol: what the engine calls for every resource, and what we answer."""

import importlib.metadata
import secrets
import sys
import threading
import time
import traceback
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
from google.protobuf import any_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc, status_pb2

from tests.engine.standin import cloud, components, journal, monitor, networks, refusals, schema, wire
from tests.engine.standin.world import CLUSTER, FAILED, NODE_GROUP, PENDING, UPDATING, Thing, World

HANG_S = 300.0
# What EKS has by itself, or has not although it was told so.
_UPDATED_BY_EKS = {CLUSTER: ("version",), NODE_GROUP: ("version", "launchTemplate")}
_SOME, _NONE = provider_pb2.DiffResponse.DIFF_SOME, provider_pb2.DiffResponse.DIFF_NONE


class RefusedError(Exception):
    """The call fails, as the real service would fail it."""


class CreatedButFailedError(Exception):
    """The resource was created and then reported failed: the engine keeps it."""

    def __init__(self, reason: str, identity: str, outputs: dict[str, Any], inputs: dict[str, Any]) -> None:
        super().__init__(reason)
        self.detail = provider_pb2.ErrorResourceInitFailed(
            id=identity,
            properties=wire.to_struct(outputs),
            inputs=wire.to_struct(inputs),
            reasons=[reason],
        )


class _FailedStatus(grpc.Status):
    """What carries the detail above to the engine."""

    def __init__(self, error: CreatedButFailedError) -> None:
        self.code, self.details = grpc.StatusCode.UNKNOWN, str(error)
        detail = any_pb2.Any()
        detail.Pack(error.detail)
        status = status_pb2.Status(code=2, message=str(error), details=[detail])
        self.trailing_metadata = (("grpc-status-details-bin", status.SerializeToString()),)


class StandIn:
    """One provider process, see warm.py. The engine starts one for every provider resource of the stack."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.region = ""
        self.default_tags: dict[str, str] = {}
        self.upsert = False
        self.world, self.one_at_a_time = World(journal.path()), threading.Lock()
        self.cancelled = threading.Event()

    def get_plugin_info(self, _request: Any) -> Any:
        """Say which version of the real provider we stand for."""
        version = importlib.metadata.version(f"pulumi_{self.package}")
        return plugin_pb2.PluginInfo(version=version)

    def check_config(self, request: Any) -> Any:
        """Accept the provider's own inputs, if the SDK knows them. They arrive as strings and JSON."""
        inputs = wire.from_struct(request.news)
        names = inputs.keys() - {"version", "pluginDownloadURL"}
        problems = schema.input_problems(
            f"pulumi:providers:{self.package}", dict.fromkeys(names, wire.UNKNOWN)
        )
        return provider_pb2.CheckResponse(inputs=request.news, failures=_failures(problems))

    def diff_config(self, request: Any) -> Any:
        """A cluster's kubeconfig may change in place as long as the cluster's identifier does not.

        Another region is a change in place since version 7 of the AWS provider, where each resource has a region:
        https://github.com/pulumi/pulumi-aws/pull/5656.
        """
        olds, news = wire.from_struct(request.old_inputs), wire.from_struct(request.news)
        changed = [key for key in sorted({*olds, *news}) if olds.get(key) != news.get(key)]
        fatal = [key for key in changed if key == "clusterIdentifier"]
        return provider_pb2.DiffResponse(changes=_SOME if changed else _NONE, diffs=changed, replaces=fatal)

    def configure(self, request: Any) -> Any:
        """Keep what the resources need: region and default tags."""
        args = wire.plain(wire.from_struct(request.args))
        self.region = args.get("region", "")
        self.default_tags = monitor.parsed(args.get("defaultTags", {})).get("tags", {})
        # Without the second, taking over what another one made ends in a conflict of field managers.
        self.upsert = all(
            str(args.get(key)).lower() == "true" for key in ("upsertExistingObjects", "enablePatchForce")
        )
        # As the real ones: aws leaves secrets to the engine, which marks an output secret when the input of the
        # same name is; the others carry them through.
        keeps = self.package != "aws"
        return provider_pb2.ConfigureResponse(
            acceptSecrets=keeps, acceptResources=keeps, supportsPreview=True
        )

    def cancel(self, _request: Any) -> Any:
        """The engine asks to end what is under way."""
        self.cancelled.set()
        return wire.Empty()

    # --- functions -------------------------------------------------------------------------------

    def invoke(self, request: Any) -> Any:
        """Answer a look-up such as the newest AMI's id."""
        started, args = time.monotonic(), wire.plain(wire.from_struct(request.args))
        with self.one_at_a_time:
            self._look()
            answer = networks.look_up(self.world, request.tok, args, self.region)
        answer = answer or cloud.look_up(request.tok, args, self.region, journal.control())
        journal.write({"call": "Invoke", "type": request.tok, "inputs": args}, started)
        response = provider_pb2.InvokeResponse()
        getattr(response, "return").CopyFrom(wire.to_struct(answer))  # a keyword in Python
        return response

    # --- resources -------------------------------------------------------------------------------

    def check(self, request: Any) -> Any:
        """Accept or refuse a resource's inputs, and give it a name when it has none."""
        started, (token, name) = time.monotonic(), _type_and_name(request.urn)
        news, olds = wire.from_struct(request.news), wire.from_struct(request.olds)
        # The engine gives back what `ignore_changes` names, and so our own tagsAll too.
        given = {key: value for key, value in news.items() if key != "tagsAll"}
        problems = list(schema.input_problems(token, given))
        inputs = _named(token, name, news, olds)
        if token in cloud.AUTO_NAMES:
            key, longest = cloud.AUTO_NAMES[token]
            if len(str(inputs[key])) > longest and inputs[key] != wire.UNKNOWN:
                problems.append((key, f"{inputs[key]} is longer than the {longest} characters AWS allows"))
        if self.package == "aws" and "tagsAll" in schema.outputs(token):
            # As pulumi-aws does (provider/tags.go): default tags join here, whatever `ignore_changes` says.
            inputs["tagsAll"] = {**self.default_tags, **news.get("tags", {})}
        entry = {"call": "Check", "urn": request.urn, "inputs": inputs, "failures": problems}
        journal.write(entry, started)
        return provider_pb2.CheckResponse(inputs=wire.to_struct(inputs), failures=_failures(problems))

    def diff(self, request: Any) -> Any:
        """Compare what the program asked for last time with what it asks for now."""
        started, (token, _) = time.monotonic(), _type_and_name(request.urn)
        olds, news = wire.from_struct(request.old_inputs), wire.from_struct(request.news)
        changed = sorted(
            path
            for path in set(_changed_paths(olds, news))
            if path.split(".")[0] not in request.ignoreChanges
        )
        fatal = {path for path in changed if cloud.replaces(token, path)}
        if any(path.startswith("userData") for path in changed) and news.get("userDataReplaceOnChange"):
            fatal |= {path for path in changed if path.startswith("userData")}
        entry = {"call": "Diff", "urn": request.urn, "changed": changed, "replaces": sorted(fatal)}
        journal.write({**entry, "ignored": list(request.ignoreChanges)}, started)
        return provider_pb2.DiffResponse(
            changes=_SOME if changed else _NONE,
            diffs=sorted({path.split(".")[0] for path in changed}),
            replaces=sorted({path.split(".")[0] for path in fatal}),
            deleteBeforeReplace=bool(fatal) and not _is_auto_named(token, news),
        )

    def create(self, request: Any) -> Any:
        """Make a resource up. In a preview, what only AWS knows stays unknown."""
        started, (token, name) = time.monotonic(), _type_and_name(request.urn)
        asked = wire.from_struct(request.properties)
        inputs = wire.plain(asked)
        if request.preview:
            unknown = dict.fromkeys(schema.outputs(token), wire.UNKNOWN)
            return provider_pb2.CreateResponse(properties=wire.to_struct({**unknown, **asked}))
        entry = {"call": "Create", "urn": request.urn, "inputs": inputs}
        if cloud.contains_unknown(inputs):
            raise RefusedError(f"{request.urn}: an input is still unknown at its creation: {inputs}")
        identity, outputs = cloud.create(token, name, inputs, self.region)
        thing = Thing(token=token, id=identity, inputs=inputs, outputs=outputs, status=PENDING)
        with self._begun(thing, entry, started):
            self._take_time(token, name, "fail", entry, started)
            entry |= {"id": identity, "outputs": outputs}
            orders, key = journal.control(), f"{token}::{name}"
            reason = orders.get("fail_after", {}).get(key)
            journal.write({**entry, "status": FAILED} if reason else entry, started)
        if reason:
            raise CreatedButFailedError(reason, identity, {**cloud.failed(token, outputs), **asked}, asked)
        if {token, key} & set(orders.get("lost", [])):
            with self.one_at_a_time:
                self.world.refresh()
                again = refusals.creation(self.world, token, inputs, upsert=self.upsert)
            raise RefusedError(again or "RequestError: send request failed: connection reset by peer")
        time.sleep(orders.get("slow_answer", 0))
        if key in orders.get("unrecorded", []):
            journal.write({**entry, "call": "Hang"}, started)
            self.cancelled.wait(HANG_S)
        return provider_pb2.CreateResponse(id=identity, properties=wire.to_struct({**outputs, **asked}))

    @contextmanager
    def _begun(self, thing: Thing, entry: dict[str, Any], started: float) -> Generator[None]:
        """Refuse what AWS refuses; while the creation lasts, a second one like it is refused too."""
        with self.one_at_a_time:
            self._look()
            if reason := refusals.creation(self.world, thing.token, thing.inputs, upsert=self.upsert):
                raise self._refused(reason, entry, started)
            self.world.begun.append(thing)
        try:
            yield
        finally:
            with self.one_at_a_time:
                self.world.begun.remove(thing)

    def _refused(self, reason: str, entry: dict[str, Any], started: float) -> RefusedError:
        journal.write({**entry, "error": reason}, started)
        return RefusedError(reason)

    def _look(self) -> None:
        self.world.refresh()
        self.world.orders = journal.control()

    def _existing(self, token: str, identity: str) -> Thing | None:
        with self.one_at_a_time:
            self._look()
            return self.world.get(token, identity)

    def read(self, request: Any) -> Any:
        """Tell what there is, for a refresh: what is gone has no id, the rest is as it was recorded.

        Of what was reported failed, only now is everything known.
        """
        started, (token, _) = time.monotonic(), _type_and_name(request.urn)
        there = self._existing(token, request.id)
        journal.write({"call": "Read", "urn": request.urn, "id": request.id, "there": bool(there)}, started)
        if there is None:
            return provider_pb2.ReadResponse()
        properties, inputs = request.properties, request.inputs
        # What failed says how it is.
        known = dict(there.outputs) if there.status == FAILED else {}
        if token in _UPDATED_BY_EKS:
            has = {key: there.inputs[key] for key in _UPDATED_BY_EKS[token]}
            known |= has
            inputs = wire.to_struct({**wire.from_struct(inputs), **has})
        if known:
            properties = wire.to_struct({**wire.from_struct(properties), **known})
        return provider_pb2.ReadResponse(id=request.id, properties=properties, inputs=inputs)

    def update(self, request: Any) -> Any:
        """Change a resource in place."""
        started, (token, name) = time.monotonic(), _type_and_name(request.urn)
        asked, olds = wire.from_struct(request.news), wire.from_struct(request.olds)
        entry = {"call": "Update", "urn": request.urn, "id": request.id, "inputs": wire.plain(asked)}
        outputs = cloud.update(token, olds, asked)
        # The engine asks again after an update that failed; without a difference the provider calls nothing.
        if not request.preview and wire.from_struct(request.old_inputs) != asked:
            thing = self._existing(token, request.id)
            if thing is None:
                raise self._refused(f"NotFound: {request.id} does not exist", entry, started)
            if reason := refusals.update(self.world, thing, wire.plain(asked), wire.plain(olds)):
                raise self._refused(reason, entry, started)
            with _updating(thing):
                self._take_time(token, name, "fail", entry, started)
            if reason := journal.control().get("fail_update", {}).get(f"{token}::{name}"):
                journal.write({**entry, "error": reason}, started)
                raise CreatedButFailedError(reason, request.id, outputs, asked)
            journal.write({**entry, "outputs": wire.plain(outputs)}, started)
        return provider_pb2.UpdateResponse(properties=wire.to_struct(outputs))

    def delete(self, request: Any) -> Any:
        """Remove a resource."""
        started, (token, name) = time.monotonic(), _type_and_name(request.urn)
        entry = {"call": "Delete", "urn": request.urn, "id": request.id}
        # What is gone already is deleted without a word, as the providers do.
        thing = self._existing(token, request.id)
        if thing and (reason := refusals.deletion(self.world, thing)):
            raise self._refused(reason, entry, started)
        self._take_time(token, name, "fail_delete", entry, started)
        journal.write(entry, started)
        return wire.Empty()

    def construct(self, request: Any) -> Any:
        """Build a packaged component out of its children."""
        started, inputs = time.monotonic(), wire.from_struct(request.inputs)
        problems = list(schema.input_problems(request.type, wire.plain(inputs)))
        entry = {"call": "Construct", "type": request.type, "name": request.name, "failures": problems}
        journal.write({**entry, "inputs": wire.plain(inputs)}, started)
        if problems:
            raise RefusedError(
                "; ".join(f"{request.type} {request.name}: {path} {why}" for path, why in problems)
            )
        return components.construct(request, inputs)

    def _take_time(self, token: str, name: str, failing: str, entry: dict[str, Any], started: float) -> None:
        """Do as the control file says: take long, hang, fail.

        Raises:
            RefusedError: when this resource is to fail, or the engine cancels while it hangs.

        """
        orders, key = journal.control(), f"{token}::{name}"
        message = orders.get(failing, {}).get(key)
        if token in orders.get("throttled", []):
            message = "ThrottlingException: Rate exceeded"
        if message is None and {token, key} & set(orders.get("hang", [])) and failing == "fail":
            journal.write({**entry, "call": "Hang"}, started)
            self.cancelled.wait(HANG_S)
            message = "the operation was canceled"
        if message is not None:
            journal.write({**entry, "error": message}, started)
            raise RefusedError(message)
        time.sleep(orders.get("delay", {}).get(token, journal.DELAY_S))
        if failing == "fail":
            journal.wait_for_creation(orders.get("until", {}).get(token, []))


@contextmanager
def _updating(thing: Thing) -> Generator[None]:
    """Let a control plane have an update in progress: EKS takes no second one."""
    before = thing.status
    thing.status = UPDATING if thing.token == CLUSTER else before
    try:
        yield
    finally:
        thing.status = before


def _type_and_name(urn: str) -> tuple[str, str]:
    _, qualified_type, name = urn.split("::", 3)[1:]
    return qualified_type.split("$")[-1], name


def _failures(problems: Any) -> list[Any]:
    return [provider_pb2.CheckFailure(property=path, reason=reason) for path, reason in problems]


def _named(token: str, name: str, news: dict[str, Any], olds: dict[str, Any]) -> dict[str, Any]:
    if token in cloud.AUTO_NAMES:
        key = cloud.AUTO_NAMES[token][0]
        return {key: olds.get(key, f"{name}-{secrets.token_hex(4)[:7]}"), **news}
    if token.startswith("kubernetes:"):
        meta, old = news.get("metadata", {}), olds.get("metadata", {})
        made = old.get("name") if _is_auto_named(token, olds) else None
        made = made or f"{name}-{secrets.token_hex(4)}"
        if "name" not in meta and "generateName" not in meta:
            note = {**meta.get("annotations", {}), "pulumi.com/autonamed": "true"}
            return {**news, "metadata": {**meta, "name": made, "annotations": note}}
    return news


def _is_auto_named(token: str, inputs: dict[str, Any]) -> bool:
    if token.startswith("kubernetes:"):
        return "pulumi.com/autonamed" in inputs.get("metadata", {}).get("annotations", {})
    # A name given by the program can be had once only. Without the program's inputs we go by the suffix.
    key = cloud.AUTO_NAMES.get(token, ("", 0))[0]
    return key not in inputs or inputs[key][-8:-7] == "-"


def _changed_paths(old: Any, new: Any, path: str = "") -> Iterator[str]:
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {*old, *new}:
            yield from _changed_paths(old.get(key), new.get(key), f"{path}.{key}" if path else key)
    elif old != new:
        yield path


def _answering(handler: Callable[[Any], Any]) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        try:
            return handler(request)
        except CreatedButFailedError as error:
            return context.abort_with_status(_FailedStatus(error))
        except (RefusedError, LookupError) as error:
            return context.abort(grpc.StatusCode.UNKNOWN, str(error))
        except Exception:
            return context.abort(grpc.StatusCode.INTERNAL, traceback.format_exc())

    return answer


def serve(package: str) -> None:
    """Serve the provider `package` on a free port, named on stdout for the engine, until the process ends."""
    stand_in, servicer = StandIn(package), provider_pb2_grpc.ResourceProviderServicer()
    for rpc, handler in {
        "Cancel": stand_in.cancel,
        "Check": stand_in.check,
        "CheckConfig": stand_in.check_config,
        "Configure": stand_in.configure,
        "Construct": stand_in.construct,
        "Create": stand_in.create,
        "Delete": stand_in.delete,
        "Diff": stand_in.diff,
        "DiffConfig": stand_in.diff_config,
        "GetPluginInfo": stand_in.get_plugin_info,
        "Invoke": stand_in.invoke,
        "Read": stand_in.read,
        "Update": stand_in.update,
    }.items():
        setattr(servicer, rpc, _answering(handler))
    unlimited = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
    server = grpc.server(ThreadPoolExecutor(max_workers=64), options=unlimited)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    server.wait_for_termination()
