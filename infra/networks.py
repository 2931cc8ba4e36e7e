"""The two networks as one value: the cluster's VPC, the site of the hybrid nodes, and the firewall around both."""

from dataclasses import dataclass

import pulumi

from infra.account import Account
from infra.firewall import Firewall, FirewallArgs
from infra.network import Network, Vpc, VpcArgs
from infra.shapes import Opened, OwnSite, PodNetwork, Ranges
from infra.site import Site, SiteArgs, build_site


@dataclass(frozen=True, kw_only=True)
class NetworksArgs:
    """`own_site` is a data centre of one's own; without ranges the stack plays one."""

    account: Account
    ranges: Ranges
    opened: Opened
    own_site: OwnSite


@dataclass(frozen=True, kw_only=True)
class Networks:
    """What is placed in the networks takes these; `pods` is the overlay, which lies over both and is Calico's."""

    vpc: Network
    site: Site
    firewall: Firewall
    pods: PodNetwork


def build_networks(args: NetworksArgs, vpc: Network | None, opts: pulumi.ResourceOptions) -> Networks:
    """Make the cluster's VPC where none was found, the site and what leads there, and the security groups of both."""
    account, ranges = args.account, args.ranges
    if vpc is None:
        made = VpcArgs(account=account, cidr=ranges.vpc_cidr, zones=len(account.zones), load_balancers=True)
        vpc = Vpc("eks", made, opts).network
    site = build_site(
        SiteArgs(
            account=account,
            vpc=vpc,
            played_cidr=ranges.on_prem_vpc_cidr,
            overlay_cidrs=[ranges.pods.cidr, ranges.service_cidr],
            own=args.own_site,
        ),
        opts,
    )
    firewall = Firewall(
        "firewall", FirewallArgs(account=account, vpc=vpc, site=site, opened=args.opened), opts
    )
    return Networks(vpc=vpc, site=site, firewall=firewall, pods=ranges.pods)
