"""One EKS cluster, two networks, one pod network: read it from top to bottom."""

from datetime import date

import pulumi

import settings
from infra.account import look_up
from infra.cluster import HybridCluster, HybridClusterArgs
from infra.core_dns import CoreDns, CoreDnsArgs
from infra.fixed_settings import FixedSettings, FixedSettingsArgs
from infra.hybrid_nodes import HybridNodes, HybridNodesArgs
from infra.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.managed_nodes import ManagedNodes, ManagedNodesArgs
from infra.networks import NetworksArgs, build_networks
from infra.outputs import OutputsArgs, export
from infra.vpc_look_up import look_up_vpc
from k8s.calico import Calico, CalicoArgs, CalicoControllers, manifest
from k8s.hybrid_dns import HybridDns, HybridDnsArgs
from k8s.images import from_registry
from k8s.metrics_server import MetricsServer, MetricsServerArgs
from k8s.nw_check import NwCheck, NwCheckArgs
from k8s.sample_app import SampleApp, SampleAppArgs

# Settings, the Calico manifest and a VPC that exists are checked before anything is created or remembered.
config = settings.load()
for warning in settings.warnings(config, date.today(), pulumi.get_project()):
    pulumi.log.warn(warning)
calico_objects = manifest(config.calico_source, config.pod_network)
account = look_up(config.account)
vpc = look_up_vpc(config.ranges, config.own_site.node_cidrs, account)

# A change that cannot be made is refused here, before anything else is touched.
memory = FixedSettingsArgs(account=account, values=config.in_effect, unset=config.left_to_the_release)
fixed = FixedSettings("fixed-settings", memory)

# Two networks, the VPC of the cluster and the site of the hybrid nodes (another VPC plays it, or it is your own),
# and the firewall of both.
place = NetworksArgs(account=account, ranges=config.ranges, opened=config.opened, own_site=config.own_site)
networks = build_networks(place, vpc, fixed.before_all)

# The control plane, without aws-node. Calico needs its API only; nodes need Calico.
cluster = HybridCluster(
    "eks",
    HybridClusterArgs(account=account, networks=networks, control_plane=config.control_plane),
    fixed.before_all,
)
in_cluster = pulumi.ResourceOptions(
    provider=cluster.kubernetes, transformations=from_registry(config.image_registry)
)
calico = Calico(
    "calico", CalicoArgs(objects=calico_objects.before_nodes, cluster=cluster.control_plane), in_cluster
)

# Both kinds of node, side by side, and the load balancer in front of them.
managed = ManagedNodes(
    "managed",
    ManagedNodesArgs(
        account=account, networks=networks, cluster=cluster, calico=calico, groups=config.managed_groups
    ),
    fixed.before_all,
)
hybrid = HybridNodes(
    "hybrid",
    HybridNodesArgs(
        account=account,
        networks=networks,
        cluster=cluster,
        nodes=config.nodes,
        nodeadm=config.nodeadm,
        activation_hours=config.activation_hours,
    ),
    fixed.before_all,
)
balancer = LoadBalancer(
    "alb",
    LoadBalancerArgs(account=account, networks=networks, managed=managed, hybrid=hybrid, alb=config.alb),
    fixed.before_all,
)

# What runs in the cluster: each part waits for the nodes that it runs on, and no others.
core_dns = CoreDns(
    "coredns", CoreDnsArgs(account=account, cluster=cluster, managed=managed, hybrid=hybrid), fixed.before_all
)
HybridDns(
    "hybrid-dns",
    HybridDnsArgs(cluster=cluster, add_on=core_dns.addon, hybrid=hybrid),
    in_cluster,
)
CalicoControllers(
    "calico-controllers",
    CalicoArgs(objects=calico_objects.after_nodes, cluster=cluster.control_plane),
    pulumi.ResourceOptions.merge(in_cluster, pulumi.ResourceOptions(depends_on=[managed.node_group])),
)
MetricsServer(
    "metrics-server",
    MetricsServerArgs(
        cluster=cluster.control_plane, managed_nodes=managed.node_group, wanted=config.metrics_server
    ),
    in_cluster,
)
check = NwCheck(
    "nw-check", NwCheckArgs(cluster=cluster.control_plane, hybrid=hybrid, managed=managed), in_cluster
)
SampleApp(
    "sample",
    SampleAppArgs(
        cluster=cluster.control_plane,
        hybrid=hybrid,
        hybrid_check=check.hybrid,
        alb=config.alb,
    ),
    in_cluster,
)

export(
    OutputsArgs(
        account=account, networks=networks, cluster=cluster, managed=managed, hybrid=hybrid, balancer=balancer
    )
)
