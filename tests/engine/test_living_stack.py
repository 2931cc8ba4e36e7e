"""Every change of a setting on a stack that is up does what docs/changes.md says, or is refused before it begins."""

import pytest

from infra.changes import FIXED
from tests.engine.conftest import BOUNDARY, CERTIFICATE, CLIENTS, OTHER_CERTIFICATE, OTHER_CLIENTS
from tests.engine.harness import PROJECT
from tests.engine.proof import CLUSTER, INGRESS, LISTENER, MACHINES, NODE_GROUP, ROLE, ROWS
from tests.engine.standin.cloud import CALLER
from tests.engine.standin.world import ACCESS_ENTRY

pytestmark = pytest.mark.engine

COLLEAGUES, SUCCESSORS = "admin-123456789012:role/colleague", "admin-123456789012:user/successor"
API_SERVICE = "kubernetes:apiregistration.k8s.io/v1:APIService"


def outputs(step):
    """Return the stack's outputs after a step."""
    (stack,) = (each for each in step.resources if each["type"] == "pulumi:pulumi:Stack")
    return stack["outputs"]


@pytest.mark.parametrize("setting", [name for name, row in ROWS.items() if row.step])
def test_a_change_of_a_setting_does_what_the_document_says(setting, request):
    row = ROWS[setting]
    step = request.getfixturevalue(row.step)
    if row.effect == "Refused":
        assert row.refusal in step.run.text
        assert step.changes == []
    elif row.effect == "New before old":
        new, old = step.of("Create", *row.of), step.of("Delete", *row.of)
        assert new
        assert old
        assert max(call.ended for call in new) <= min(call.started for call in old)
    elif row.stored[0]:
        (memory,) = (each for each in step.resources if each["type"].endswith("ekshybrid:FixedSettings"))
        assert memory["outputs"][row.stored[0]] == row.stored[1]
    elif row.output[0]:
        assert outputs(step)[row.output[0]] == row.output[1]
    else:
        assert step.of(row.kind, *row.of)
    if row.effect == "In place":
        assert [call.key for machine in MACHINES for call in step.of("Delete", machine)] == []
    if row.effect == "Upgrade":
        assert step.of("Delete", CLUSTER) == []


def test_a_refresh_finds_nothing_to_change(refreshed):
    assert refreshed.changes == []
    assert refreshed.of("Read", CLUSTER)
    assert "updated" not in refreshed.run.text


def test_every_change_that_cannot_be_made_is_refused_in_one_preview(refused):
    for key, fixed in FIXED.items():
        assert fixed.why in refused.run.text, key
    assert "kubernetesVersion cannot change from 1.34 to 1.33: EKS takes no Kubernetes version back" in (
        refused.run.text
    )
    # Not what Calico's manifest is made of, but the version alone.
    assert "calicoVersion cannot change from 3.32.1 to 3.31.7" in refused.run.text


def test_a_refusal_says_old_and_new_and_the_way_out(refused):
    assert (
        f"{PROJECT}:podCidr cannot change from 192.168.0.0/16 to 192.168.0.0/17 while this stack is up"
        in refused.run.text
    )
    assert "Keep it: pulumi config set podCidr 192.168.0.0/16" in refused.run.text
    assert "destroy this stack first (pulumi destroy, then pulumi up)" in refused.run.text


def test_a_refusal_is_no_traceback(refused, insisted):
    assert "Traceback" not in refused.run.text
    assert "Traceback" not in insisted.run.text


def test_nothing_changes_when_one_thing_is_refused_even_without_a_preview(insisted):
    assert "First pulumi config set kubernetesVersion 1.35, then pulumi up" in insisted.run.text
    assert insisted.changes == []


def test_clients_of_the_load_balancer_come_and_go_one_by_one(adjusted, adjusted_back):
    def clients(step, kind):
        inputs = [call.details["inputs"] for call in step.of(kind, INGRESS, "load-balancer-")]
        return {each["cidrIpv4"] for each in inputs}

    assert clients(adjusted, "Create") == {CLIENTS, OTHER_CLIENTS}
    assert clients(adjusted_back, "Create") == {"192.0.2.0/24"}
    gone = {call.name for call in adjusted_back.of("Delete", INGRESS)}
    assert gone == {
        f"load-balancer-ingress-tcp-80-{CLIENTS}",
        f"load-balancer-ingress-tcp-443-{CLIENTS}",
    }


def test_with_a_certificate_port_443_answers_before_port_80_redirects_to_it(adjusted):
    https, http = adjusted.one("Create", LISTENER, "alb-https"), adjusted.one("Update", LISTENER, "alb")
    assert https.details["inputs"]["certificateArn"] == CERTIFICATE
    assert https.ended <= http.started
    assert http.details["inputs"]["defaultActions"][0]["type"] == "redirect"
    assert adjusted.of("Delete", LISTENER) == []
    opened = {
        (each.details["inputs"]["fromPort"], each.details["inputs"]["cidrIpv4"])
        for each in adjusted.of("Create", INGRESS, "load-balancer-")
    }
    assert (443, CLIENTS) in opened
    assert outputs(adjusted)["albDnsName"].startswith("alb-")


def test_another_certificate_is_taken_in_place(adjusted_back):
    https = adjusted_back.one("Update", LISTENER)
    assert (https.name, https.details["inputs"]["certificateArn"]) == ("alb-https", OTHER_CERTIFICATE)
    assert adjusted_back.of("Create", LISTENER) == adjusted_back.of("Delete", LISTENER) == []


def test_every_role_gets_the_permissions_boundary_and_loses_it_in_place(adjusted, adjusted_back):
    def boundaries(step):
        return {
            call.name: call.details["inputs"].get("permissionsBoundary") for call in step.of("Update", ROLE)
        }

    names = ("eks-eksRole-role", "hybrid-node", "managed-node")
    assert boundaries(adjusted) == dict.fromkeys(names, BOUNDARY)
    assert boundaries(adjusted_back) == dict.fromkeys(names)


def test_without_a_certificate_port_80_answers_by_itself_before_port_443_goes(regrouped):
    http, https = regrouped.one("Update", LISTENER, "alb"), regrouped.one("Delete", LISTENER)
    assert (http.name, https.name) == ("alb", "alb-https")
    assert http.details["inputs"]["defaultActions"][0]["type"] == "forward"
    assert http.ended <= https.started
    closed = {call.name for call in regrouped.of("Delete", INGRESS, "load-balancer-ingress-tcp-443-")}
    assert len(closed) == 2
    assert outputs(regrouped)["albUrl"].startswith("http://alb-")
    assert "albDnsName" not in outputs(regrouped)


def test_administrators_come_and_go_one_by_one(refused, adjusted, adjusted_back, regrouped):
    def named(step, kind, token):
        return [call.name for call in sorted(step.of(kind, token), key=lambda call: call.name)]

    for token in (ACCESS_ENTRY, "aws:eks/accessPolicyAssociation:AccessPolicyAssociation"):
        assert named(adjusted, "Create", token) == ["admin-123456789012:role/ci/pipeline", COLLEAGUES]
        assert named(adjusted_back, "Create", token) == [SUCCESSORS]
        assert named(adjusted_back, "Delete", token) == [COLLEAGUES]
        assert named(regrouped, "Delete", token) == ["admin-123456789012:role/ci/pipeline", SUCCESSORS]
        assert [
            call for step in (adjusted, adjusted_back, regrouped) for call in step.of("Update", token)
        ] == []
    # Whoever made the cluster has an entry already.
    assert f"clusterAdmins[0] {CALLER} has an access entry already" in " ".join(refused.run.text.split())


def test_another_node_port_opens_the_new_one_before_it_closes_the_old_one(adjusted):
    service = adjusted.one("Update", "kubernetes:core/v1:Service", "sample-svc")
    opened = adjusted.of("Create", INGRESS, "hybrid-ingress-tcp-31000-")
    closed = adjusted.of("Delete", INGRESS, "hybrid-ingress-tcp-30080-")
    assert opened
    assert closed
    assert max(call.ended for call in opened) <= min(call.started for call in closed)
    assert service.ended <= min(call.started for call in closed)


def test_the_metrics_server_goes_with_its_api_and_comes_back(adjusted, adjusted_back):
    places = [("kubernetes:apps/v1:Deployment", "metrics-server"), (API_SERVICE, "metrics-api")]
    for type_, name in places:
        assert len(adjusted.of("Delete", type_, name)) == len(adjusted_back.of("Create", type_, name)) == 1
        assert adjusted.of("Create", type_, name) == adjusted_back.of("Delete", type_, name) == []


def test_the_control_plane_is_changed_in_place(adjusted, adjusted_back):
    first, second = (step.of("Update", CLUSTER)[-1].details["inputs"] for step in (adjusted, adjusted_back))
    assert first["upgradePolicy"] == {"supportType": "EXTENDED"}
    assert second["upgradePolicy"] == {"supportType": "STANDARD"}
    assert first["enabledClusterLogTypes"] == ["audit", "api"]
    assert CLIENTS in first["vpcConfig"]["publicAccessCidrs"]
    assert not second.get("enabledClusterLogTypes")


def test_the_managed_nodes_are_counted_and_given_disks_in_place(adjusted, adjusted_back):
    sizes = adjusted.one("Update", NODE_GROUP).details["inputs"]["scalingConfig"]
    assert (sizes["minSize"], sizes["desiredSize"], sizes["maxSize"]) == (2, 3, 4)
    assert adjusted_back.one("Update", "aws:ec2/launchTemplate:LaunchTemplate")
    assert adjusted_back.one("Update", NODE_GROUP)
    for step in (adjusted, adjusted_back):
        assert step.of("Create", NODE_GROUP) == step.of("Delete", NODE_GROUP) == []


def test_another_kind_of_managed_node_is_a_new_group_and_the_old_one_goes_last(regrouped):
    diff = next(call for call in regrouped.of("Diff", NODE_GROUP) if call.details["replaces"])
    assert {"amiType", "capacityType", "instanceTypes"} <= set(diff.details["replaces"])
    new, old = regrouped.one("Create", NODE_GROUP), regrouped.one("Delete", NODE_GROUP)
    assert new.ended <= old.started
    # Its targets are in the load balancer before the old ones leave.
    attachment = "aws:autoscaling/attachment:Attachment"
    assert regrouped.one("Create", attachment).ended <= regrouped.one("Delete", attachment).started


def test_default_tags_reach_what_the_node_group_launches(retagged):
    template = retagged.one("Update", "aws:ec2/launchTemplate:LaunchTemplate").details["inputs"]
    assert {each["tags"]["Owner"] for each in template["tagSpecifications"]} == {"the network team"}


def test_coredns_gets_the_version_of_the_cluster_after_the_nodes(created, upgraded):
    before = next(
        call.details["inputs"]["addonVersion"]
        for call in created.of("Create", "aws:eks/addon:Addon", "coredns")
    )
    addon = upgraded.one("Update", "aws:eks/addon:Addon", "coredns")
    assert (before[:5], addon.details["inputs"]["addonVersion"][:5]) == ("v1.34", "v1.35")
    assert upgraded.one("Update", NODE_GROUP).ended <= addon.started
