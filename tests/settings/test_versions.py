import re
from datetime import date

from infra import versions


def test_the_table_has_the_combinations_that_were_tested_upstream():
    assert {line: found.kubernetes for line, found in versions.CALICO_LINES.items()} == {
        "3.33": ("1.35", "1.36", "1.37"),
        "3.32": ("1.34", "1.35", "1.36"),
        "3.31": ("1.33", "1.34", "1.35"),
    }
    unsupported = {line: found.unsupported_since for line, found in versions.CALICO_LINES.items()}
    assert unsupported == {"3.33": None, "3.32": None, "3.31": date(2026, 10, 1)}


def test_the_manifests_digests_are_those_of_the_upstream_files():
    assert dict(versions.CALICO_SHA256) == {
        "3.32.1": "c2ab4f9a4ecde01d66e6f040d6745cd7f174d5ded573164c809ffb9f40a9d566",
        "3.31.7": "324475bc90d0fc6b432092b91a011190fdaed47823fcc936762ea58507c6a5a3",
    }


def test_a_line_names_a_release_of_its_own_as_the_newest():
    for line, found in versions.CALICO_LINES.items():
        assert found.newest.startswith(f"{line}.")
        assert versions.calico_release(found.newest).line is found


def test_a_release_knows_where_its_manifest_is():
    assert versions.calico_manifest_url("3.32.1") == (
        "https://raw.githubusercontent.com/projectcalico/calico/v3.32.1/manifests/calico-vxlan.yaml"
    )


def test_the_dates_are_those_that_aws_publishes():
    assert dict(versions.STANDARD_SUPPORT_ENDS) == {
        "1.33": date(2026, 7, 29),
        "1.34": date(2026, 12, 2),
        "1.35": date(2027, 3, 27),
        "1.36": date(2027, 8, 2),
        "1.37": date(2027, 12, 1),
    }
    assert date(2027, 11, 25) == versions.NODEADM_SIGNING_KEY_EXPIRES


def test_every_kubernetes_version_that_calico_names_has_an_end_of_support_and_the_other_way_round():
    named = {minor for line in versions.CALICO_LINES.values() for minor in line.kubernetes}
    assert named == set(versions.STANDARD_SUPPORT_ENDS)


def test_the_defaults_fit_together():
    assert versions.KUBERNETES_DEFAULT in versions.calico_release(versions.CALICO_DEFAULT).line.kubernetes
    assert re.fullmatch(r"v\d+\.\d+\.\d+", versions.NODEADM_DEFAULT)
    assert (versions.NODEADM_DEFAULT, versions.NODEADM_FLOOR) == ("v1.0.20", "v1.0.19")


def test_the_table_cannot_be_changed_at_run_time():
    for table in (versions.CALICO_LINES, versions.CALICO_SHA256, versions.NODEADM_SHA256):
        assert not hasattr(table, "__setitem__")
    assert not hasattr(versions.STANDARD_SUPPORT_ENDS, "__setitem__")
