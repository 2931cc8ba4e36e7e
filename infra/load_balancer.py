"""The load balancer in front of the sample app: one target group for each kind of node.

Targets follow their nodes without a controller: managed nodes through the auto-scaling group, hybrid nodes by
their address.
"""

from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws

from infra import versions
from infra.account import Account
from infra.hybrid_nodes import HybridNodes
from infra.managed_nodes import ManagedNodes
from infra.names import HTTP_PORT, HTTPS_PORT
from infra.networks import Networks
from infra.shapes import Alb

# Elastic Load Balancing waits this long for requests in flight; its default of 300 would be five minutes of
# every destroy.
_DEREGISTRATION_DELAY_S = 30
# The largest weight a listener takes:
# https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroupTuple.html
_MAX_WEIGHT = 999


@dataclass(frozen=True, kw_only=True)
class LoadBalancerArgs:
    """Where it stands and whom it asks: the node port of every node of both kinds.

    Without an `alb` the component is empty: there is no sample app to stand in front of.
    """

    account: Account
    networks: Networks
    managed: ManagedNodes
    hybrid: HybridNodes
    alb: Alb | None


class LoadBalancer(pulumi.ComponentResource):
    """An internet-facing ALB. It needs the network only and is built beside the control plane.

    `outputs` are the stack's, `checks` what `ops verify` compares it with. Both are empty where there is none.
    """

    def __init__(self, name: str, args: LoadBalancerArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("ekshybrid:load_balancer:LoadBalancer", name, {}, opts)
        self.outputs: dict[str, pulumi.Output[str]] = {}
        self.checks: dict[str, Any] = {}
        self._args = args
        self._child = pulumi.ResourceOptions(parent=self)
        if args.alb:
            self._build(name, args.alb)
        self.register_outputs(self.outputs)

    def _build(self, name: str, alb: Alb) -> None:
        args = self._args
        group = args.networks.firewall.load_balancer
        balancer = aws.lb.LoadBalancer(
            name,
            load_balancer_type="application",
            internal=False,
            subnets=args.networks.vpc.public_subnet_ids,
            security_groups=[group.id] if group else None,
            drop_invalid_header_fields=True,
            tags=args.account.tags,
            opts=pulumi.ResourceOptions.merge(
                # AWS refuses one in a VPC without an internet gateway, and keeps the gateway while there is
                # one.
                self._child,
                pulumi.ResourceOptions(depends_on=list(args.networks.vpc.internet)),
            ),
        )
        managed = self._target_group("managed", "instance", alb.node_port)
        hybrid = self._target_group("hybrid", "ip", alb.node_port)
        weight = weights(managed=args.managed.desired, hybrid=len(args.hybrid.nodes))
        forward = aws.lb.ListenerDefaultActionArgs(
            type="forward",
            forward=aws.lb.ListenerDefaultActionForwardArgs(
                target_groups=[
                    aws.lb.ListenerDefaultActionForwardTargetGroupArgs(arn=managed.arn, weight=weight[0]),
                    aws.lb.ListenerDefaultActionForwardTargetGroupArgs(arn=hybrid.arn, weight=weight[1]),
                ]
            ),
        )
        self._listeners(name, balancer, forward, alb.certificate_arn)
        for group, auto_scaling_group in args.managed.auto_scaling_groups.items():
            aws.autoscaling.Attachment(
                group,
                autoscaling_group_name=auto_scaling_group,
                lb_target_group_arn=managed.arn,
                opts=self._child,
            )
        for node, address in args.hybrid.addresses.items():
            self._hybrid_target(hybrid, node, address, alb.node_port)
        scheme = "https" if alb.certificate_arn else "http"
        self.outputs["albUrl"] = pulumi.Output.concat(f"{scheme}://", alb.host_name or balancer.dns_name)
        if alb.host_name:
            # What the DNS record of the user's own name has to point to.
            self.outputs["albDnsName"] = balancer.dns_name
        self.checks = {
            "albArn": balancer.arn,
            "targetGroups": {"managed": managed.arn, "hybrid": hybrid.arn},
            "nodePort": alb.node_port,
        }

    def _listeners(
        self,
        name: str,
        balancer: aws.lb.LoadBalancer,
        forward: aws.lb.ListenerDefaultActionArgs,
        certificate: str | None,
    ) -> None:
        """Port 80, or with a certificate port 443 and a redirect to it.

        Port 80 is one listener in both cases, whose action changes in place: a second one on its port is refused.
        """
        http = forward
        leads_to: list[pulumi.Resource] = []
        if certificate:
            https = aws.lb.Listener(
                f"{name}-https",
                load_balancer_arn=balancer.arn,
                port=HTTPS_PORT,
                protocol="HTTPS",
                certificate_arn=certificate,
                ssl_policy=versions.ALB_TLS_POLICY,
                default_actions=[forward],
                tags=self._args.account.tags,
                opts=self._child,
            )
            leads_to.append(https)
            http = aws.lb.ListenerDefaultActionArgs(
                type="redirect",
                redirect=aws.lb.ListenerDefaultActionRedirectArgs(
                    protocol="HTTPS", port=str(HTTPS_PORT), status_code="HTTP_301"
                ),
            )
        aws.lb.Listener(
            name,
            load_balancer_arn=balancer.arn,
            port=HTTP_PORT,
            protocol="HTTP",
            default_actions=[http],
            tags=self._args.account.tags,
            # On a stack that is up, nobody is sent to a port that does not answer yet.
            opts=pulumi.ResourceOptions.merge(self._child, pulumi.ResourceOptions(depends_on=leads_to)),
        )

    def _hybrid_target(
        self, group: aws.lb.TargetGroup, node: str, address: pulumi.Output[str], port: int
    ) -> None:
        former = f"hybrid-{node}"
        # By its address where the settings have it: DeregisterTargets takes a target from every attachment that has
        # registered it, so two that swap their addresses would both be lost. Two instances never swap theirs: the old
        # one is there until its target has gone.
        known = self._args.hybrid.known_addresses.get(node)
        aws.lb.TargetGroupAttachment(
            f"hybrid-{known}" if known else former,
            target_group_arn=group.arn,
            target_id=address,
            port=port,
            # Addresses outside the load balancer's VPC belong to no zone of it.
            availability_zone="all",
            opts=pulumi.ResourceOptions.merge(
                self._child,
                # A stack that an earlier release of this program made keeps its targets.
                pulumi.ResourceOptions(aliases=[pulumi.Alias(name=former)] if known else []),
            ),
        )

    def _target_group(self, name: str, target_type: str, port: int) -> aws.lb.TargetGroup:
        return aws.lb.TargetGroup(
            name,
            vpc_id=self._args.networks.vpc.id,
            target_type=target_type,
            port=port,
            protocol="HTTP",
            deregistration_delay=_DEREGISTRATION_DELAY_S,
            health_check=aws.lb.TargetGroupHealthCheckArgs(
                path="/", matcher="200", interval=10, timeout=5, healthy_threshold=2, unhealthy_threshold=2
            ),
            tags=self._args.account.tags,
            opts=self._child,
        )


def weights(*, managed: int, hybrid: int) -> tuple[int, int]:
    """Listener weights (managed, hybrid) in proportion to the node counts, within what a listener takes.

    A kind that has nodes never gets weight 0.
    """
    largest = max(managed, hybrid, 1)
    if largest <= _MAX_WEIGHT:
        return managed, hybrid

    def scaled(count: int) -> int:
        return min(count, max(1, count * _MAX_WEIGHT // largest))

    return scaled(managed), scaled(hybrid)
