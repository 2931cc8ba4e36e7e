"""The order of creation that the design asks for: what comes after what, what must not, and why.

An explicit edge is a `depends_on`: one resource waits for another without taking a value of it. It is *needless* when
no rule below asks for its pair, or when the pair is in order without it, through other edges. A pair that a rule asks
for and no edge orders is *unordered*. Edges that carry a value are never needless: without the value there is
nothing to send.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

from ops.plan.describe import is_awaited, on_hybrid_nodes
from ops.program.recorder import Recording, Resource
from tests.waits import waits_for

INTERNET_GATEWAY = "aws:ec2/internetGateway:InternetGateway"
NAT_GATEWAY = "aws:ec2/natGateway:NatGateway"
LISTENER = "aws:lb/listener:Listener"
LOAD_BALANCER = "aws:lb/loadBalancer:LoadBalancer"
ROUTE = "aws:ec2/route:Route"
FIREWALL_RULES = (
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
)
RULE_LIMIT = "pulumi-python:dynamic/ekshybrid:RuleLimit"
ASSOCIATION = "aws:ec2/routeTableAssociation:RouteTableAssociation"
NODE_GROUP = "aws:eks/nodeGroup:NodeGroup"
INSTANCE = "aws:ec2/instance:Instance"
ADDON = "aws:eks/addon:Addon"
LOG_GROUP = "aws:cloudwatch/logGroup:LogGroup"
CLUSTER = "eks:index:Cluster"
ACTIVATION = "aws:ssm/activation:Activation"
ACCESS_ENTRY = "aws:eks/accessEntry:AccessEntry"
API_SERVICE = "kubernetes:apiregistration.k8s.io/v1:APIService"
OBJECTS = "kubernetes:yaml/v2:ConfigGroup"
DEPLOYMENT = "kubernetes:apps/v1:Deployment"
SERVICE = "kubernetes:core/v1:Service"
TARGET = "aws:lb/targetGroupAttachment:TargetGroupAttachment"
SERVICE_PATCH = "kubernetes:core/v1:ServicePatch"
NAMESPACE = "kubernetes:core/v1:Namespace"
NETWORK_POLICY = "kubernetes:networking.k8s.io/v1:NetworkPolicy"
POLICIES = ("aws:iam/rolePolicy:RolePolicy", "aws:iam/rolePolicyAttachment:RolePolicyAttachment")


@dataclass(frozen=True, kw_only=True)
class Edge:
    """`later` waits for `earlier`; both are URNs."""

    later: str
    earlier: str

    def __str__(self) -> str:
        """What waits for what, by kind and name."""
        return f"{_short(self.later)} after {_short(self.earlier)}"


def _short(urn: str) -> str:
    type_, name = urn.split("::")[2:4]
    return f"{type_.rpartition('$')[2].rpartition(':')[2]} {name}"


class _Plan:
    """A recording, with what the rules ask of it looked up once."""

    def __init__(self, recording: Recording) -> None:
        self.recording = recording

    @cached_property
    def vpc_of_subnet(self) -> dict[str, str]:
        return {r.id: r.inputs["vpcId"] for r in self.recording.of_type("aws:ec2/subnet:Subnet")}

    @cached_property
    def table_of_subnet(self) -> dict[str, str]:
        return {r.inputs["subnetId"]: r.inputs["routeTableId"] for r in self.recording.of_type(ASSOCIATION)}

    @cached_property
    def control_plane_tables(self) -> set[str]:
        subnets = [s for r in self.recording.of_type(CLUSTER) for s in r.inputs.get("privateSubnetIds", ())]
        return {self.table_of_subnet[subnet] for subnet in subnets if subnet in self.table_of_subnet}

    @cached_property
    def role_names(self) -> dict[str, str]:
        """The name of each role, by its ARN."""
        return {r.outputs["arn"]: r.outputs["name"] for r in self.recording.of_type("aws:iam/role:Role")}

    @cached_property
    def hybrid_roles(self) -> set[str]:
        return {r.inputs["iamRole"] for r in self.recording.of_type(ACTIVATION)}

    def subnets(self, resource: Resource) -> list[str]:
        inputs = resource.inputs
        return [
            *inputs.get("subnetIds", ()),
            *inputs.get("subnets", ()),
            *filter(None, [inputs.get("subnetId")]),
        ]

    def tables(self, resource: Resource) -> set[str]:
        return {self.table_of_subnet[s] for s in self.subnets(resource) if s in self.table_of_subnet}


@dataclass(frozen=True)
class Rule:
    """`later` (types) comes after `earlier` (types) where `concerns` says that the two have to do with each other."""

    later: tuple[str, ...]
    earlier: tuple[str, ...]
    because: str
    concerns: Callable[[_Plan, Resource, Resource], bool] = lambda _plan, _later, _earlier: True


def _same_vpc(plan: _Plan, later: Resource, gateway: Resource) -> bool:
    return gateway.inputs["vpcId"] in {plan.vpc_of_subnet.get(subnet) for subnet in plan.subnets(later)}


def _own_association(plan: _Plan, machine: Resource, association: Resource) -> bool:
    return association.inputs["subnetId"] in plan.subnets(machine)


def _way_out(plan: _Plan, machine: Resource, route: Resource) -> bool:
    return route.inputs["routeTableId"] in plan.tables(machine) and bool(route.inputs.get("natGatewayId"))


def _way_to_control_plane(plan: _Plan, node: Resource, route: Resource) -> bool:
    there_and_back = plan.tables(node) | plan.control_plane_tables
    return route.inputs["routeTableId"] in there_and_back and bool(route.inputs.get("vpcPeeringConnectionId"))


def _managed_role(plan: _Plan, group: Resource, policy: Resource) -> bool:
    return policy.inputs["role"] == plan.role_names.get(group.inputs["nodeRoleArn"])


def _hybrid_role(plan: _Plan, _node: Resource, policy: Resource) -> bool:
    return policy.inputs["role"] in plan.hybrid_roles


def _is_joined_check(_plan: _Plan, app: Resource, check: Resource) -> bool:
    """Whether `check` is awaited until every hybrid node has joined, and `app` is spread over these nodes."""
    spread = check.inputs["spec"]["template"]["spec"].get("topologySpreadConstraints", [])
    whole = on_hybrid_nodes(check) and is_awaited(check) and any("minDomains" in each for each in spread)
    return whole and app.urn != check.urn and on_hybrid_nodes(app) and is_awaited(app)


def _leads_to(_plan: _Plan, later: Resource, earlier: Resource) -> bool:
    (action,) = later.inputs["defaultActions"]
    return action["type"] == "redirect" and action["redirect"]["port"] == str(earlier.inputs["port"])


def _leaves_room(_plan: _Plan, beside: Resource, check: Resource) -> bool:
    """Whether `beside` is a part of the same component on the same managed nodes that nobody waits for."""
    together = beside.parent == check.parent and not on_hybrid_nodes(beside) and not on_hybrid_nodes(check)
    return together and is_awaited(check) and not is_awaited(beside)


def _its_namespace(_plan: _Plan, later: Resource, namespace: Resource) -> bool:
    return later.inputs["metadata"].get("namespace") == namespace.inputs["metadata"]["name"]


def _its_pods(_plan: _Plan, service: Resource, deployment: Resource) -> bool:
    labels = deployment.inputs["spec"]["template"]["metadata"]["labels"]
    return service.inputs["spec"]["selector"].items() <= labels.items()


def _is_dns(_plan: _Plan, later: Resource, add_on: Resource) -> bool:
    """Whether `later` is a part of CoreDNS beside the add-on: it uses its ConfigMap, its account or its Service."""
    metadata, pod = later.inputs["metadata"], later.inputs["spec"].get("template", {}).get("spec", {})
    return add_on.inputs["addonName"] == "coredns" and (
        pod.get("serviceAccountName") == "coredns" or metadata["name"] == "kube-dns"
    )


def _objects_of(component: str) -> Callable[[_Plan, Resource, Resource], bool]:
    """Tell a group of objects by its component, because an offline plan has no objects in it."""

    def concerns(plan: _Plan, later: Resource, earlier: Resource) -> bool:
        objects = later if later.type == OBJECTS else earlier
        return plan.recording.resources[objects.parent].type == f"ekshybrid:{component}"

    return concerns


def _is_beside(_plan: _Plan, deployment: Resource, objects: Resource) -> bool:
    """Whether a group of objects is what a Deployment of the same component needs."""
    return deployment.parent == objects.parent


RULES = (
    Rule(
        (NAT_GATEWAY, LOAD_BALANCER),
        (INTERNET_GATEWAY,),
        "AWS refuses it in a VPC whose internet gateway is not attached",
        _same_vpc,
    ),
    Rule(FIREWALL_RULES, (RULE_LIMIT,), "more than a group takes are refused before one of them is made"),
    Rule((LISTENER,), (LISTENER,), "nobody is sent to a port that does not answer yet", _leads_to),
    Rule((CLUSTER,), (LOG_GROUP,), "EKS would create its own and leave it behind"),
    Rule(
        (NODE_GROUP,),
        (OBJECTS,),
        "a node group without a CNI fails after 15 to 30 minutes (docs/design.md, order 4)",
        _objects_of("calico:Calico"),
    ),
    Rule((NODE_GROUP, INSTANCE), (ROUTE,), "a node needs its way out at the first boot", _way_out),
    Rule(
        (NODE_GROUP, INSTANCE), (ASSOCIATION,), "routes count once the subnet has its table", _own_association
    ),
    Rule(
        (INSTANCE,),
        (ROUTE,),
        "a hybrid node needs IAM and routes (docs/design.md, order 4)",
        _way_to_control_plane,
    ),
    Rule(
        (INSTANCE,),
        (ACCESS_ENTRY,),
        "a hybrid node needs the ACTIVE cluster and the access entry (docs/design.md, order 4)",
    ),
    Rule(
        (ACTIVATION,),
        (ACCESS_ENTRY,),
        "an activation expires after 24 hours, so it is made when it can be used",
    ),
    Rule((NODE_GROUP,), POLICIES, "a node without its policies does not register", _managed_role),
    Rule((INSTANCE,), POLICIES, "a hybrid node needs IAM and routes (docs/design.md, order 4)", _hybrid_role),
    Rule((ADDON,), (NODE_GROUP,), "CoreDNS hangs DEGRADED without nodes (docs/design.md, order 5)"),
    Rule(
        (DEPLOYMENT, SERVICE_PATCH),
        (ADDON,),
        "the add-on brings CoreDNS's configuration, account and Service",
        _is_dns,
    ),
    Rule(
        (OBJECTS,),
        (NODE_GROUP,),
        "calico-kube-controllers comes after the managed nodes (docs/design.md, order 5)",
        _objects_of("calico:CalicoControllers"),
    ),
    Rule(
        (API_SERVICE,),
        (NODE_GROUP,),
        "an API that nobody serves is reported with every look at what the cluster knows",
    ),
    Rule((DEPLOYMENT,), (OBJECTS,), "its account and its rights come with them", _is_beside),
    Rule(
        (DEPLOYMENT,),
        (NODE_GROUP,),
        "a workload comes after the machines that it runs on (docs/design.md, order 6)",
        lambda _plan, deployment, _group: not on_hybrid_nodes(deployment),
    ),
    Rule(
        (DEPLOYMENT,),
        (INSTANCE,),
        "a workload comes after the machines that it runs on (docs/design.md, order 6)",
        lambda _plan, deployment, _node: is_awaited(deployment) and on_hybrid_nodes(deployment),
    ),
    Rule(
        (DEPLOYMENT,),
        (DEPLOYMENT,),
        "the first hybrid node to join would get every pod of an app that is spread over them",
        _is_joined_check,
    ),
    Rule(
        (DEPLOYMENT,),
        (DEPLOYMENT,),
        "a pod that is not awaited leaves the room on a small node to those that are",
        _leaves_room,
    ),
    Rule((DEPLOYMENT, SERVICE, NETWORK_POLICY), (NAMESPACE,), "it lives there", _its_namespace),
    Rule(
        (SERVICE,),
        (DEPLOYMENT,),
        "Pulumi awaits a Service's endpoints for ten minutes, a node's boot may take longer",
        _its_pods,
    ),
)


# What must not wait for what, not through others either: a type, what its name begins with, the types that it does not
# wait for, and why.
NEVER = (
    (OBJECTS, "calico", (INSTANCE, ACTIVATION, ADDON), "Calico's objects need the API server alone"),
    (NODE_GROUP, "", (INSTANCE, ACTIVATION), "both kinds of node boot side by side"),
    (
        INSTANCE,
        "",
        (NODE_GROUP, OBJECTS, ADDON, DEPLOYMENT, INSTANCE),
        "both kinds of node boot side by side, and no hybrid node waits for another one",
    ),
    (ACTIVATION, "", (NODE_GROUP, OBJECTS), "a hybrid node would wait with it"),
    (LOAD_BALANCER, "", (CLUSTER, NODE_GROUP, INSTANCE), "it takes three minutes beside the control plane"),
    (TARGET, "", (LOAD_BALANCER,), "a target group is enough for a target"),
    (ADDON, "coredns", (INSTANCE, ACTIVATION), "it runs on managed nodes"),
    (DEPLOYMENT, "nw-check-managed", (INSTANCE, ACTIVATION), "it runs on managed nodes"),
    (DEPLOYMENT, "nw-check-hybrid", (NODE_GROUP, ADDON), "it runs on hybrid nodes"),
    (DEPLOYMENT, "sample-app", (NODE_GROUP, ADDON), "it runs on hybrid nodes"),
    (DEPLOYMENT, "coredns-hybrid", (INSTANCE, ACTIVATION), "it is there when the first hybrid node joins"),
    (SERVICE_PATCH, "kube-dns", (INSTANCE, ACTIVATION), "it is there when the first hybrid node joins"),
    (DEPLOYMENT, "nw-check-closed-hybrid", (INSTANCE,), "nobody waits for its pods"),
)


def forbidden(recording: Recording) -> list[str]:
    """Every wait that NEVER excludes, with the reason."""
    return [
        f"{Edge(later=later.urn, earlier=urn)}: {because}"
        for type_, name, types, because in NEVER
        for later in recording.of_type(type_)
        if later.name.startswith(name)
        for urn in sorted(waits_for(recording, later.urn) & recording.resources.keys())
        if recording.resources[urn].type in types
    ]


def explicit_edges(recording: Recording) -> Iterator[Edge]:
    """Every `depends_on` between two things that are created; components only pass theirs on to their children."""
    for resource in recording.resources.values():
        if resource.component and not resource.remote:
            continue
        data = frozenset().union(*resource.property_dependencies.values())
        for earlier in sorted(resource.dependencies - data):
            if earlier in recording.resources:
                yield Edge(later=resource.urn, earlier=earlier)


def required_edges(recording: Recording) -> dict[Edge, str]:
    """Every pair that a rule asks for, and why."""
    plan = _Plan(recording)
    by_type: dict[str, list[Resource]] = {}
    for resource in recording.resources.values():
        by_type.setdefault(resource.type, []).append(resource)
    return {
        Edge(later=later.urn, earlier=earlier.urn): rule.because
        for rule in RULES
        for later_type in rule.later
        for later in by_type.get(later_type, ())
        for earlier_type in rule.earlier
        for earlier in by_type.get(earlier_type, ())
        if rule.concerns(plan, later, earlier)
    }


def needless_edges(recording: Recording) -> list[Edge]:
    """Explicit edges that can go: no rule asks for the pair, or it is in order without the edge."""
    required = required_edges(recording)
    return [
        edge
        for edge in explicit_edges(recording)
        if edge not in required or _ordered_by_others(recording, edge)
    ]


def _ordered_by_others(recording: Recording, edge: Edge) -> bool:
    """Whether the pair would be in order without the direct edge between the two."""
    others = recording.direct_waits(edge.later) - {edge.earlier}
    return any(edge.earlier in waits_for(recording, urn) for urn in others)


def unordered(recording: Recording) -> dict[Edge, str]:
    """Pairs that a rule asks for and no edge puts in order, and why they should be."""
    required = required_edges(recording).items()
    return {edge: why for edge, why in required if edge.earlier not in waits_for(recording, edge.later)}
