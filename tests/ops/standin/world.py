"""A made-up deployment in which faults can be planted: nodes, firewalls, targets, registrations.

Nothing here knows Kubernetes or AWS formats: objects.py, cloud.py and shell.py show this world to them.
"""

import itertools
from dataclasses import dataclass, field

from tests.ops.standin.certificates import Certificate

REGION, ACCOUNT, CLUSTER = "ap-northeast-1", "012345678901", "eks-hybrid"
CLUSTER_ARN = f"arn:aws:eks:{REGION}:{ACCOUNT}:cluster/{CLUSTER}"
ROLE_ARN = f"arn:aws:iam::{ACCOUNT}:role/eks-hybrid-node-1a2b3c4"
TARGET_GROUPS = {
    side: f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/{side}/73e2d6bc24d8a067"
    for side in ("managed", "hybrid")
}
ALB_NAME = f"alb-1a2b3c4-1234567890.{REGION}.elb.amazonaws.com"
TRANSIT_GATEWAY, VPN_GATEWAY = "tgw-0a1b2c3d4e5f60718", "vgw-0a1b2c3d4e5f60718"
SERVICE_IP, NODE_PORT = "172.16.58.99", 30080
VERSION = "v1.35.2-eks-1a2b3c4"


@dataclass
class Machine:
    """A node of either kind. Names and addresses follow the article."""

    name: str
    alias: str
    side: str
    ip: str
    instance_id: str
    block: str
    activation: str = ""
    ready: bool = True
    message: str = "kubelet is posting ready status"
    kubelet: str = VERSION
    settings_ip: str = ""  # where the settings say another address
    mtu: int = 8951
    first_pod_mtu: int = 0  # what a pod got that started before Felix knew the MTU
    labels: dict[str, str] = field(default_factory=dict)
    provider_id: str = ""
    kubelet_reachable: bool = True
    calico_ready: bool = True
    has_check_pod: bool = True
    check_pod_ready: bool = True
    calico_pod: bool = True
    agent: str = "ready"  # of EKS Pod Identity: else what its pod waits with, or nothing where there is none
    tools: bool = True  # whether its containers have `ip`
    curl: bool = True  # whether its containers have `curl`
    garbled: bool = False  # whether what its containers print gets lost
    pieces: int = 1200  # of packets that arrived to be put together, since it started
    hidden_mtu: int = 0  # an interface on the way that carries less than the pods were told

    def __post_init__(self) -> None:
        if self.side == "hybrid":
            self.provider_id = f"eks-hybrid:///{REGION}/{CLUSTER}/{self.name}"
            self.labels |= {
                "eks.amazonaws.com/compute-type": "hybrid",
                "eks-hybrid-calico/name": self.alias,
                "eks-hybrid-calico/activation": self.activation,
                "topology.kubernetes.io/zone": "onprem",
            }
        else:
            self.provider_id = f"aws:///{REGION}a/{self.instance_id}"
            self.labels |= {"eks.amazonaws.com/nodegroup": "managed"}

    def pod_ip(self, number: int) -> str:
        """The block's network address plus `number`."""
        return f"{self.block.rpartition('.')[0]}.{number}"

    @property
    def tunnel(self) -> str:
        """The address of vxlan.calico."""
        return self.pod_ip(0)


def managed(number: int) -> Machine:
    """A node of the managed node group."""
    return Machine(
        name=f"ip-10-10-{number}-193.{REGION}.compute.internal",
        alias=f"ip-10-10-{number}-193",
        side="managed",
        ip=f"10.10.{number}.193",
        instance_id=f"i-0aaaaaaaaaaaaaa{number:02}",
        block=f"192.168.{230 + number}.0/26",
    )


def hybrid(number: int) -> Machine:
    """A hybrid node."""
    return Machine(
        name=f"mi-06d5ac211e74887c{number:x}",
        alias=f"onprem-{number}",
        side="hybrid",
        ip=f"10.90.1.{181 + number}",
        instance_id=f"i-0bbbbbbbbbbbbbb{number:02}",
        block=f"192.168.{34 + number}.0/26",
        activation=f"11111111-2222-3333-4444-{number:012}",
    )


@dataclass
class World:
    """The deployment and its faults. The default is healthy: two managed and two hybrid nodes."""

    machines: list[Machine] = field(default_factory=lambda: [managed(1), managed(2), hybrid(1), hybrid(2)])
    version: str = VERSION
    # Faults of the network.
    missing_routes: set[tuple[str, str]] = field(default_factory=set)  # (alias, alias of the block's owner)
    wrong_routes: dict[tuple[str, str], str] = field(default_factory=dict)  # what `ip route` shows instead
    closed: set[tuple[str, str, int]] = field(
        default_factory=set
    )  # (from side, to side, port): no ingress rule
    closed_egress: set[str] = field(default_factory=set)  # sides whose group lets nothing out
    dropped: set[tuple[str, str]] = field(
        default_factory=set
    )  # (alias, alias): a NodePort path cut below the groups
    path_mtu: int = 9001
    link_mtu: int = 0  # of the link between the two sides, which cuts what is larger; 0 carries all
    lossy: set[tuple[str, str]] = field(default_factory=set)
    nat_broken: bool = False
    # Faults of what runs in the cluster.
    coredns: list[str] = field(default_factory=lambda: ["ip-10-10-1-193", "ip-10-10-2-193"])
    coredns_ready: int = 2
    coredns_hybrid: list[str] = field(default_factory=lambda: ["onprem-1", "onprem-2"])
    coredns_hybrid_ready: int = 2
    unmeasured: set[str] = field(default_factory=set)
    metrics_503: bool = False
    metrics_server: bool = True  # whether the program brings one
    metrics_service: str | None = "kube-system/eks-hybrid-metrics"
    dns_service: dict[str, str] = field(default_factory=lambda: {"trafficDistribution": "PreferSameZone"})
    resolver_broken: bool = False
    coredns_missing: bool = False
    aws_node: bool = False
    pools: list[dict[str, object]] = field(
        default_factory=lambda: [{"cidr": "192.168.0.0/16", "vxlanMode": "Always", "natOutgoing": True}]
    )
    calico_crds: bool = True
    closed_on: dict[str, str] = field(
        default_factory=lambda: {"managed": "ip-10-10-1-193", "hybrid": "onprem-1"}
    )  # side -> alias
    closed_not_ready: set[str] = field(default_factory=set)  # sides
    # Sides on whose closed pod the policy is not enforced; those that it closes to everybody; what their servers do.
    unenforced: set[str] = field(default_factory=set)
    closed_to_all: set[str] = field(default_factory=set)
    closed_servers: dict[str, str] = field(default_factory=dict)  # side -> refuses, hangs
    sample_app: bool = True  # whether the program brings one
    sample_on: list[str] = field(default_factory=lambda: ["onprem-1", "onprem-2"])
    sample_text: str = '"Hello from Pod [{pod}] !"'
    sample_service: bool = True
    # How the API server behaves.
    subprotocol: str = "v5.channel.k8s.io"
    exec_delay_s: float = 0.0
    answers_503: int = 0
    unavailable: int = 503
    asked: list[str] = field(default_factory=list)  # the paths of all requests
    cut_execs: int = 0
    cut_politely: bool = False  # whether a cut exec still says goodbye
    cut_requests: int = 0  # connections closed without an answer
    commands: list[tuple[Machine, list[str]]] = field(default_factory=list)  # what was run where
    # Faults of AWS.
    account: str = ACCOUNT
    cluster_status: str | None = "ACTIVE"
    peering: str | None = "active"
    # A data centre of one's own: "transit", "vpn" or "none", and what is attached.
    way: str = ""
    attachment: str | None = "available"
    vpn_gateway: bool = True
    vpn_attachment: str | None = "attached"
    unpropagated: set[str] = field(default_factory=set)
    unjoined: list[Machine] = field(default_factory=list)  # in the settings, and not in the cluster
    pod_mtu: int = 0
    extra_routes: dict[str, list[dict[str, str]]] = field(default_factory=dict)
    lost_routes: set[str] = field(default_factory=set)
    blackholes: set[str] = field(default_factory=set)
    access_entry: str | None = "HYBRID_LINUX"
    remote_networks: list[str] = field(default_factory=lambda: ["10.90.0.0/16"])
    strangers: list[str] = field(default_factory=list)
    unregistered: set[str] = field(default_factory=set)
    ping_status: dict[str, str] = field(default_factory=dict)
    target_states: dict[str, tuple[str, str]] = field(default_factory=dict)  # target id -> (state, reason)
    lost_targets: set[str] = field(default_factory=set)
    extra_targets: list[str] = field(default_factory=list)
    # The load balancer.
    lb_statuses: list[int] = field(default_factory=list)
    lb_pods: list[str] = field(default_factory=list)
    lb_cut: int = 0  # connections closed without an answer
    certificate: Certificate | None = None  # what it shows; without one it answers http
    own_name: bool = True  # whether the stack has an albHostName, where there is a certificate
    lb_redirect: str | None = "https://localhost:{port}/"  # what port 80 leads to, with a certificate
    lb_redirect_status: int = 301
    lb_closed: set[int] = field(default_factory=set)  # ports that nobody answers, with a certificate

    def __post_init__(self) -> None:
        self._turn = itertools.count()

    @staticmethod
    def managed(number: int) -> Machine:
        """One more managed node."""
        return managed(number)

    def at(self, alias: str) -> Machine:
        """The machine with this alias."""
        return next(machine for machine in self.machines if machine.alias == alias)

    def named(self, name: str) -> Machine:
        """The machine whose Node has this name."""
        return next(machine for machine in self.machines if machine.name == name)

    @property
    def sample_pods(self) -> list[tuple[str, Machine]]:
        """The sample app's pods: name and machine."""
        return [(f"sample-app-7d5b76dcff-{alias[-5:]}x", self.at(alias)) for alias in self.sample_on]

    @property
    def closed_pods(self) -> list[tuple[str, str, Machine]]:
        """The pods that a policy closes: name, side and machine."""
        places = {alias: side for side, alias in self.closed_on.items()}
        return [
            (f"nw-check-closed-{places[machine.alias]}-6c8f-x7k2p", places[machine.alias], machine)
            for machine in self.machines
            if machine.alias in places
        ]

    def vxlan(self, source: Machine, target: Machine) -> bool:
        """Whether a packet from a pod on one machine gets to a pod on another: one direction."""
        if source is target:
            return True
        pair = (source.alias, target.alias)
        routed = pair not in self.missing_routes and "vxlan.calico" in self.wrong_routes.get(
            pair, "vxlan.calico"
        )
        return routed and (source.side, target.side, 4789) not in self.closed

    def overlay(self, a: Machine, b: Machine) -> bool:
        """Whether a question from a pod on one machine to a pod on another gets its answer: both directions."""
        return self.vxlan(a, b) and self.vxlan(b, a)

    def resolves(self, source: Machine) -> bool:
        """Whether a pod on this machine reaches a CoreDNS pod."""
        serving = self.coredns[: self.coredns_ready] + self.coredns_hybrid[: self.coredns_hybrid_ready]
        return any(self.overlay(source, self.at(alias)) for alias in serving)

    def sample_answer(self, source: Machine) -> str | None:
        """The body the sample app sends to a client on this machine, pods taking turns; None: nothing comes."""
        pods = [(name, machine) for name, machine in self.sample_pods if self.overlay(source, machine)]
        if not pods or len(pods) < len(self.sample_on):
            return None
        name, _ = pods[next(self._turn) % len(pods)]
        return self.sample_text.format(pod=name)

    def node_port_answer(self, source: Machine, target: Machine) -> str | None:
        """The same through the NodePort of `target`."""
        if source is not target:
            if (source.side, target.side, NODE_PORT) in self.closed:
                return None
            if (source.alias, target.alias) in self.dropped:
                return None
        return self.sample_answer(target)


def outputs(world: World, *, api_url: str, alb_url: str, token: str) -> dict[str, object]:
    """The stack outputs of this world."""
    played = {"onPremVpcId": "vpc-onprem", "onPremVpcCidr": "10.90.0.0/16", "peeringId": "pcx-0a1b2c3d"}
    own = {
        "transitGatewayId": TRANSIT_GATEWAY if world.way == "transit" else "",
        "vpnGatewayId": VPN_GATEWAY if world.way == "vpn" else "",
    }
    return {
        "clusterName": CLUSTER,
        "kubeconfig": {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "c", "cluster": {"server": api_url}}],
            "users": [{"name": "u", "user": {"token": token}}],
            "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
            "current-context": "x",
        },
        "updateKubeconfig": f"aws eks update-kubeconfig --name {CLUSTER}",
        **({"albUrl": alb_url} if world.sample_app else {}),
        **({"albDnsName": ALB_NAME} if world.certificate and world.own_name else {}),
        "hybridNodes": [
            {
                "name": machine.alias,
                **({} if world.way else {"instanceId": machine.instance_id}),
                "privateIp": machine.settings_ip or machine.ip,
                "activationId": machine.activation,
            }
            for machine in [*world.machines, *world.unjoined]
            if machine.side == "hybrid"
        ],
        "managedNodeGroup": {"name": "managed-1a2b3c4", "autoScalingGroup": "eks-managed-1a2b3c4"},
        "readme": "# eks-hybrid",
        "checks": {
            "project": "eks-hybrid-calico",
            "stack": "dev",
            "tags": {},
            "partition": "aws",
            "region": REGION,
            "accountId": ACCOUNT,
            "profile": "",
            "vpcId": "vpc-eks",
            "vpcCidr": "10.10.0.0/16",
            **(own if world.way else played),
            "podCidr": "192.168.0.0/16",
            "podMtu": world.pod_mtu,
            "serviceCidr": "172.16.0.0/16",
            "remoteNodeNetworks": ["10.90.0.0/16"],
            "hybridRoleArn": ROLE_ARN,
            **({"targetGroups": TARGET_GROUPS, "nodePort": NODE_PORT} if world.sample_app else {}),
            "managedNodes": {"min": 1, "max": 3},
        },
    }
