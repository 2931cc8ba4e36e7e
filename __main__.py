"""One EKS cluster, two networks, one pod network: read it from top to bottom."""

from datetime import date
from pathlib import Path

import pulumi

import settings
from infra.account import look_up
from infra.cluster import HybridCluster, HybridClusterArgs
from infra.core_dns import CoreDns, CoreDnsArgs
from infra.firewall import Firewall, FirewallArgs
from infra.fixed_settings import FixedSettings, FixedSettingsArgs
from infra.hybrid_nodes import HybridNodes, HybridNodesArgs
from infra.load_balancer import LoadBalancer, LoadBalancerArgs
from infra.managed_nodes import ManagedNodes, ManagedNodesArgs
from infra.network import Vpc, VpcArgs
from infra.outputs import OutputsArgs, export
from infra.site import SiteArgs, build_site
from k8s.calico import Calico, CalicoArgs, CalicoControllers, manifest
from k8s.hybrid_dns import HybridDns, HybridDnsArgs
from k8s.metrics_server import MetricsServer, MetricsServerArgs
from k8s.nw_check import NwCheck, NwCheckArgs
from k8s.sample_app import SampleApp, SampleAppArgs

# Settings and the Calico manifest are checked before anything is created.
config = settings.load()
for warning in settings.warnings(config, date.today()):
    pulumi.log.warn(warning)
calico_objects = manifest(
    source=config.calico_manifest,
    version=config.calico_version,
    sha256=config.calico_manifest_sha256,
    pod_cidr=config.pod_cidr,
    pod_mtu=config.calico_mtu,
    cache_dir=Path(".cache"),
)
account = look_up(
    region=config.region,
    profile=config.profile,
    roles=config.roles,
    zones=config.availability_zones,
    default_tags=config.default_tags.tags,
)

# A change that cannot be made is refused here, before anything else is touched.
fixed = FixedSettings(
    "fixed-settings", FixedSettingsArgs(account=account, values=config.model_dump(by_alias=True))
)

# Two networks: the VPC of the cluster, and the site of the hybrid nodes, which another VPC plays or which is your own.
vpc = Vpc(
    "eks",
    VpcArgs(account=account, cidr=config.vpc_cidr, zones=config.availability_zones, load_balancers=True),
    fixed.before_all,
)
site = build_site(
    SiteArgs(
        account=account,
        vpc=vpc,
        played_cidr=config.on_prem_vpc_cidr,
        overlay_cidrs=[config.pod_cidr, config.service_cidr],
        own=config.site,
    ),
    fixed.before_all,
)
firewall = Firewall(
    "firewall",
    FirewallArgs(
        account=account,
        vpc=vpc,
        site=site,
        node_port=config.sample_node_port,
        client_cidrs=config.alb_allowed_cidrs,
        operating_systems=[node.os for node in config.hybrid_nodes],
        webhook_ports=config.webhook_ports,
    ),
    fixed.before_all,
)

# The control plane, without aws-node. Calico needs its API only; nodes need Calico.
cluster = HybridCluster(
    "eks",
    HybridClusterArgs(
        account=account,
        cluster_name=config.cluster_name,
        kubernetes_version=config.kubernetes_version,
        support_type=config.support_type,
        vpc=vpc,
        site=site,
        security_group=firewall.control_plane,
        service_cidr=config.service_cidr,
        allowed_cidrs=config.api_allowed_cidrs,
        log_types=config.control_plane_logs,
    ),
    fixed.before_all,
)
in_cluster = pulumi.ResourceOptions(provider=cluster.kubernetes)
calico = Calico(
    "calico", CalicoArgs(objects=calico_objects.before_nodes, cluster=cluster.control_plane), in_cluster
)

# Both kinds of node, side by side, and the load balancer in front of them.
managed = ManagedNodes(
    "managed",
    ManagedNodesArgs(
        account=account,
        cluster=cluster,
        calico=calico,
        vpc=vpc,
        security_group_id=firewall.managed_nodes.id,
        shape=config.managed_nodes,
    ),
    fixed.before_all,
)
hybrid = HybridNodes(
    "hybrid",
    HybridNodesArgs(
        account=account,
        cluster=cluster,
        site=site,
        security_group_id=firewall.hybrid_nodes_id,
        nodeadm_version=config.nodeadm_version,
        nodeadm_sha256=config.nodeadm_digests,
        activation_hours=config.activation_hours,
        nodes=config.hybrid_nodes,
    ),
    fixed.before_all,
)
balancer = LoadBalancer(
    "alb",
    LoadBalancerArgs(
        account=account,
        vpc=vpc,
        security_group_id=firewall.load_balancer.id,
        node_port=config.sample_node_port,
        managed=managed,
        hybrid=hybrid,
    ),
    fixed.before_all,
)

# What runs in the cluster: each part waits for the nodes that it runs on, and no others.
core_dns = CoreDns(
    "coredns",
    CoreDnsArgs(
        account=account,
        cluster=cluster,
        nodes=managed,
        zones=config.availability_zones,
        most_nodes=config.managed_nodes.max + len(config.hybrid_nodes),
    ),
    fixed.before_all,
)
HybridDns(
    "hybrid-dns",
    HybridDnsArgs(
        cluster=cluster.control_plane, add_on=core_dns.addon, hybrid_nodes=len(config.hybrid_nodes)
    ),
    in_cluster,
)
CalicoControllers(
    "calico-controllers",
    CalicoArgs(objects=calico_objects.after_nodes, cluster=cluster.control_plane),
    pulumi.ResourceOptions(provider=cluster.kubernetes, depends_on=[managed.node_group]),
)
MetricsServer(
    "metrics-server",
    MetricsServerArgs(cluster=cluster.control_plane, managed_nodes=managed.node_group),
    in_cluster,
)
check = NwCheck(
    "nw-check",
    NwCheckArgs(
        cluster=cluster.control_plane,
        activation_ids=hybrid.activation_ids,
        hybrid_nodes=hybrid.instances,
        hybrid_nodes_are_awaited=hybrid.awaited,
        managed_node_count=managed.desired,
        managed_nodes=managed.node_group,
    ),
    in_cluster,
)
SampleApp(
    "sample",
    SampleAppArgs(
        cluster=cluster.control_plane,
        activation_ids=hybrid.activation_ids,
        hybrid_check=check.hybrid,
        nodes_are_awaited=hybrid.awaited,
        node_port=config.sample_node_port,
    ),
    in_cluster,
)

export(
    OutputsArgs(
        account=account,
        vpc=vpc,
        site=site,
        cluster=cluster,
        managed=managed,
        hybrid=hybrid,
        balancer=balancer,
        pod_cidr=config.pod_cidr,
        pod_mtu=config.calico_mtu,
        service_cidr=config.service_cidr,
        node_port=config.sample_node_port,
        minimum=config.managed_nodes.min,
        maximum=config.managed_nodes.max,
    )
)
