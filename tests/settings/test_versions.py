import re
from datetime import date

from infra import versions


def test_the_table_has_the_combinations_that_were_tested_upstream():
    assert {release.version: release.kubernetes for release in versions.CALICO.values()} == {
        "3.32.1": ("1.34", "1.35", "1.36"),
        "3.31.7": ("1.33", "1.34", "1.35"),
    }


def test_the_manifests_digests_and_sizes_are_those_of_the_upstream_files():
    assert {version: (release.sha256, release.objects) for version, release in versions.CALICO.items()} == {
        "3.32.1": ("c2ab4f9a4ecde01d66e6f040d6745cd7f174d5ded573164c809ffb9f40a9d566", 38),
        "3.31.7": ("324475bc90d0fc6b432092b91a011190fdaed47823fcc936762ea58507c6a5a3", 39),
    }


def test_a_release_knows_where_its_manifest_is():
    assert versions.CALICO["3.32.1"].manifest_url == (
        "https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico-vxlan.yaml"
    )


def test_the_dates_are_those_that_aws_publishes():
    assert dict(versions.STANDARD_SUPPORT_ENDS) == {
        "1.33": date(2026, 7, 29),
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
        "1.36": date(2027, 8, 2),
    }
    assert date(2027, 11, 25) == versions.NODEADM_SIGNING_KEY_EXPIRES


def test_every_kubernetes_version_that_calico_names_has_an_end_of_support_and_the_other_way_round():
    named = {minor for release in versions.CALICO.values() for minor in release.kubernetes}
    assert named == set(versions.STANDARD_SUPPORT_ENDS)


def test_the_defaults_fit_together():
    assert versions.KUBERNETES_DEFAULT in versions.CALICO[versions.CALICO_DEFAULT].kubernetes
    assert re.fullmatch(r"v\d+\.\d+\.\d+", versions.NODEADM_DEFAULT)
    assert (versions.NODEADM_DEFAULT, versions.NODEADM_FLOOR) == ("v1.0.20", "v1.0.19")


def test_the_table_cannot_be_changed_at_run_time():
    assert not hasattr(versions.CALICO, "__setitem__")
    assert not hasattr(versions.STANDARD_SUPPORT_ENDS, "__setitem__")
