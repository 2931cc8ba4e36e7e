"""What a destroy would leave behind is said before it starts, and nothing keeps it from starting."""

from types import SimpleNamespace
from typing import Any

from ops.checks.model import Status
from ops.clients.errors import AskError
from ops.ready.catalogue import CHECKS, DOWN
from ops.ready.checks.down import outliving


def _item(name: str, space: str = "", **rest: Any) -> dict[str, Any]:
    return {"metadata": {"name": name, **({"namespace": space} if space else {})}, **rest}


ADDRESS = {"loadBalancer": {"ingress": [{"hostname": "a1b2.elb.amazonaws.com"}]}}
CLUSTER = SimpleNamespace(
    services=lambda: [
        _item("web", "shop", spec={"type": "LoadBalancer"}, status=ADDRESS),
        _item("new", "shop", spec={"type": "LoadBalancer"}),
        _item("inside", "shop", spec={"type": "ClusterIP"}),
        _item("sample-svc", "sample", spec={"type": "NodePort"}),
    ],
    ingresses=lambda: [_item("site", "shop", status=ADDRESS), _item("of-nobody", "shop", status={})],
    volumes=lambda: [
        _item("pvc-1", spec={"csi": {}, "claimRef": {"namespace": "shop", "name": "data"}}),
        _item("pv-2", spec={"awsElasticBlockStore": {}}),
        _item("local", spec={"hostPath": {}}),
    ],
)


def outcome(cluster: Any) -> Any:
    return outliving.run(SimpleNamespace(kube=lambda: cluster))


def test_what_controllers_made_is_named_with_what_deletes_it() -> None:
    found = outcome(CLUSTER)
    assert found.status is Status.WARN
    assert [(problem.seen, problem.fix) for problem in found.problems] == [
        ("Service shop/web (a1b2.elb.amazonaws.com)", "kubectl -n shop delete service web"),
        ("Service shop/new", "kubectl -n shop delete service new"),
        ("Ingress shop/site (a1b2.elb.amazonaws.com)", "kubectl -n shop delete ingress site"),
        ("PersistentVolume pvc-1 (of claim shop/data)", "kubectl -n shop delete persistentvolumeclaim data"),
        ("PersistentVolume pv-2", "kubectl delete persistentvolume pv-2"),
    ]


def test_a_cluster_of_this_program_alone_leaves_nothing() -> None:
    nothing = SimpleNamespace(services=list, ingresses=list, volumes=list)
    assert outcome(nothing).status is Status.OK


def test_a_cluster_that_cannot_be_asked_keeps_nobody_from_the_destroy() -> None:
    def refused() -> list[Any]:
        raise AskError("no answer from the API server", code="api-silent")

    found = outcome(SimpleNamespace(services=refused))
    assert (found.status, found.summary) == (Status.SKIP, "not known: no answer from the API server")


def test_a_load_balancer_of_ones_own_is_no_news_before_an_up() -> None:
    assert outliving in DOWN
    assert outliving not in CHECKS
