"""The EKS cluster: a control plane that knows its remote nodes and never gets aws-node.

pulumi_eks has no argument for remote node networks (pulumi-eks issue 1512), nor for a permissions boundary of the role
that it makes: transforms add them to the resources inside. Nothing outside this file knows.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws
import pulumi_eks as eks
import pulumi_kubernetes as kubernetes

from infra.account import Account
from infra.addressing import ANYWHERE
from infra.credentials import with_identity
from infra.iam import HYBRID_NODE_POLICIES, hybrid_node_policy, hybrid_node_trust
from infra.networks import Networks
from infra.pod_identity import PodIdentityAgent
from infra.shapes import ControlPlaneSettings

Transform = Callable[[pulumi.ResourceTransformArgs], pulumi.ResourceTransformResult | None]

# Long enough to look into yesterday's failure; nobody pays for years of a demonstration's logs.
_LOG_RETENTION_DAYS = 14


@dataclass(frozen=True, kw_only=True)
class HybridClusterArgs:
    """Where it lives and what it is. The VPC holds the control plane's interfaces, the site the hybrid nodes."""

    account: Account
    networks: Networks
    control_plane: ControlPlaneSettings


class HybridCluster(pulumi.ComponentResource):
    """Control plane, credentials for its pods, the role hybrid nodes take, and the access entry that lets them in.

    `cluster_name` is the setting. `name` is the output: it exists when the cluster does. `hybrid_cluster_name`
    exists when hybrid nodes may join, and what takes it is deleted before the cluster is (a `depends_on` a
    packaged component would order creation only).
    """

    def __init__(
        self, name: str, args: HybridClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        super().__init__("ekshybrid:cluster:HybridCluster", name, {}, opts)
        account, settings, vpc, site = args.account, args.control_plane, args.networks.vpc, args.networks.site
        child = pulumi.ResourceOptions(parent=self)
        identity = account.identity
        self.cluster_name = settings.cluster_name
        self.kubernetes_version = settings.kubernetes_version
        self.service_cidr = settings.service_cidr
        self.arn = account.arn("eks", f"cluster/{settings.cluster_name}")

        log_group = self._log_group(account)
        self.control_plane = eks.Cluster(
            name,
            name=settings.cluster_name,
            version=settings.kubernetes_version,
            # Left out, EKS takes EXTENDED.
            upgrade_policy=aws.eks.ClusterUpgradePolicyArgs(support_type=settings.support_type),
            vpc_id=vpc.id,
            # The private ones only: whatever is passed here gets network interfaces of the control plane.
            private_subnet_ids=vpc.private_subnet_ids,
            cluster_security_group=args.networks.firewall.control_plane,
            kubernetes_service_ip_address_range=settings.service_cidr,
            endpoint_public_access=True,
            # With both endpoints on, the name resolves to public addresses outside the VPC all the same.
            endpoint_private_access=False,
            public_access_cidrs=public_access(
                settings.allowed_cidrs, [*vpc.egress_cidrs, *site.egress_cidrs]
            ),
            authentication_mode=eks.AuthenticationMode.API,
            enabled_cluster_log_types=settings.log_types or None,
            # No aws-node, no self-managed kube-proxy, no self-managed CoreDNS. `use_default_vpc_cni` reads like
            # the opposite: it tells the library not to install the vpc-cni add-on.
            bootstrap_self_managed_addons=False,
            use_default_vpc_cni=True,
            # Otherwise the library takes the newest one, which changes in a stack that nobody has changed.
            kube_proxy_addon_options=eks.KubeProxyAddonOptionsArgs(
                version=aws.eks.get_addon_version_output(
                    addon_name="kube-proxy", kubernetes_version=settings.kubernetes_version
                ).version
            ),
            skip_default_node_group=True,
            # Otherwise the library opens the control plane's group to a node group that is not there.
            skip_default_security_groups=True,
            provider_credential_opts=(
                eks.KubeconfigOptionsArgs(
                    profile_name=identity.profile,
                    role_arn=identity.roles[-1]["RoleArn"] if identity.roles else None,
                )
                if identity.profile or identity.roles
                else None
            ),
            tags=account.tags,
            opts=pulumi.ResourceOptions.merge(
                child,
                pulumi.ResourceOptions(
                    transforms=[
                        remote_node_networks(site.node_cidrs),
                        *([limited_by(policy)] if (policy := account.permissions_boundary) else []),
                    ],
                    # So the group is also deleted after the cluster inside: children go before their component.
                    depends_on=[log_group],
                ),
            ),
        )
        self.name = self.control_plane.eks_cluster.name
        # The exported one is for every machine: it names the roles, which are the account's, and no profile.
        self.kubeconfig = pulumi.Output.secret(
            self.control_plane.kubeconfig_json.apply(
                lambda document: with_identity(document, None, identity.roles)
            )
        )
        self.kubernetes = kubernetes.Provider(
            name,
            kubeconfig=pulumi.Output.secret(
                self.control_plane.kubeconfig_json.apply(
                    lambda document: with_identity(document, identity.profile, identity.roles)
                )
            ),
            # A stable identity: without it a changed kubeconfig would replace every Kubernetes resource.
            cluster_identifier=self.arn,
            enable_server_side_apply=True,
            # What an engine that was killed had created but not recorded is adopted: every later `up` would end in
            # "already exists", or in a field conflict. In return no object may be renamed in Pulumi's state, see k8s.
            upsert_existing_objects=True,
            enable_patch_force=True,
            # A change of calico-config reaches it in place: otherwise it is deleted and made again seconds later.
            enable_config_map_mutable=True,
            opts=child,
        )

        PodIdentityAgent(
            "pod-identity",
            account=account,
            cluster_name=self.name,
            kubernetes_version=settings.kubernetes_version,
            opts=pulumi.ResourceOptions(parent=self, deleted_with=self.control_plane),
        )
        # Pods may take a role by a token that this issuer has signed (IRSA).
        self.oidc_issuer = self.control_plane.eks_cluster.identities[0].oidcs[0].issuer
        self.oidc_provider = aws.iam.OpenIdConnectProvider(
            name,
            url=self.oidc_issuer,
            client_id_lists=["sts.amazonaws.com"],
            tags=account.tags,
            opts=child,
        )
        admins = [self._admin(account, arn) for arn in settings.admins]
        self.hybrid_role, self.hybrid_policies = self._hybrid_role(account)
        entry = aws.eks.AccessEntry(
            "hybrid-nodes",
            cluster_name=self.name,
            principal_arn=self.hybrid_role.arn,
            type="HYBRID_LINUX",
            tags=account.tags,
            # What removes a hybrid node goes before this entry, and whoever removes it needs the API until then.
            opts=pulumi.ResourceOptions(parent=self, depends_on=admins),
        )
        self.hybrid_access: pulumi.Resource = entry
        self.hybrid_cluster_name = entry.cluster_name
        self.register_outputs({"name": self.name})

    def _admin(self, account: Account, arn: str) -> aws.eks.AccessPolicyAssociation:
        # Named by what it is for: an admin less in the list does not touch the others.
        name = f"admin-{arn.partition(':iam::')[2]}"
        entry = aws.eks.AccessEntry(
            name,
            cluster_name=self.name,
            principal_arn=arn,
            tags=account.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )
        return aws.eks.AccessPolicyAssociation(
            name,
            cluster_name=self.name,
            principal_arn=entry.principal_arn,
            policy_arn=f"arn:{account.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy",
            access_scope=aws.eks.AccessPolicyAssociationAccessScopeArgs(type="cluster"),
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _log_group(self, account: Account) -> aws.cloudwatch.LogGroup:
        # EKS would create it by itself and leave it behind, with logs kept for ever. Also without any logs: when they
        # are switched off, EKS writes the group again while log streams still end, and then it could not be made again.
        # https://github.com/terraform-aws-modules/terraform-aws-eks/issues/2763
        return aws.cloudwatch.LogGroup(
            "control-plane",
            name=f"/aws/eks/{self.cluster_name}/cluster",
            retention_in_days=_LOG_RETENTION_DAYS,
            tags=account.tags,
            opts=pulumi.ResourceOptions(parent=self),
        )

    def _hybrid_role(self, account: Account) -> tuple[aws.iam.Role, list[pulumi.Resource]]:
        child = pulumi.ResourceOptions(parent=self)
        here = {"partition": account.partition, "region": account.region, "account_id": account.account_id}
        role = aws.iam.Role(
            "hybrid-node",
            assume_role_policy=json.dumps(hybrid_node_trust(**here)),
            description="Taken by hybrid nodes through Systems Manager",
            permissions_boundary=account.permissions_boundary,
            tags=account.tags,
            opts=child,
        )
        policies: list[pulumi.Resource] = [
            aws.iam.RolePolicy(
                "hybrid-node",
                role=role.name,
                policy=json.dumps(hybrid_node_policy(**here, cluster_arn=self.arn)),
                opts=child,
            )
        ]
        policies += [
            aws.iam.RolePolicyAttachment(
                f"hybrid-node-{policy}", role=role.name, policy_arn=account.managed_policy(policy), opts=child
            )
            for policy in HYBRID_NODE_POLICIES
        ]
        return role, policies


def remote_node_networks(cidrs: Sequence[str]) -> Transform:
    """A transform that declares `cidrs` as remote node networks on the one aws:eks/cluster:Cluster it meets.

    Keys are camelCase, as on the wire: snake_case would go out and be ignored without a word.
    Source: https://docs.aws.amazon.com/eks/latest/APIReference/API_RemoteNetworkConfigRequest.html
    """

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != "aws:eks/cluster:Cluster":
            return None
        return pulumi.ResourceTransformResult(
            props={**args.props, "remoteNetworkConfig": {"remoteNodeNetworks": {"cidrs": list(cidrs)}}},
            opts=args.opts,
        )

    return transform


def limited_by(policy_arn: str) -> Transform:
    """A transform that gives every role it meets a permissions boundary."""

    def transform(args: pulumi.ResourceTransformArgs) -> pulumi.ResourceTransformResult | None:
        if args.type_ != "aws:iam/role:Role":
            return None
        return pulumi.ResourceTransformResult(
            props={**args.props, "permissionsBoundary": policy_arn}, opts=args.opts
        )

    return transform


def public_access(
    allowed: Sequence[str], egress_cidrs: Sequence[pulumi.Input[str]]
) -> list[pulumi.Input[str]]:
    """Who may reach the public endpoint: the allow-list and, unless that is the world, the NAT gateways.

    Nodes reach the public endpoint from their NAT gateway's address; an allow-list without it locks them out.
    """
    if ANYWHERE in allowed:
        return list(allowed)
    return [*allowed, *egress_cidrs]
