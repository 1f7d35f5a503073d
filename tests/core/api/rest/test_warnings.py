"""Who writes an object that is accepted and not quite right is told so."""

from __future__ import annotations

import pytest

from kelm.core.api.rest.warnings import warnings_after, warnings_before
from kelm.effects.commands import Create, Delete, DeleteCollection, Update
from kelm.effects.document import EMPTY, document

OUTSIDE = {"externalIPs": ["1.2.3.4"]}


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"type": "ClusterIP", **OUTSIDE}, "spec.externalIPs is deprecated"),
        ({"type": "ClusterIP", "clusterIP": "None", "sessionAffinity": "None", **OUTSIDE},
         "spec.externalIPs is ignored for headless services"),
        ({"type": "ExternalName", "externalName": "a.com", **OUTSIDE},
         'spec.externalIPs is ignored when spec.type is "ExternalName"'),
        ({"type": "ClusterIP", "externalName": "a.com"}, "spec.externalName is ignored"),
        ({"type": "ClusterIP", "trafficDistribution": "PreferClose"},
         'spec.trafficDistribution: "PreferClose" is deprecated; use "PreferSameZone"'),
    ],
)  # fmt: skip
def test_a_service_says_what_is_ignored_or_old(spec: dict[str, object], said: str) -> None:
    doc = document({"spec": spec})
    for command in (Create("services", "a", doc), Update("services", "a", "b", doc)):
        [found] = warnings_after(command, doc)
        assert found.startswith(said)


def test_a_plain_service_says_nothing() -> None:
    doc = document({"spec": {"type": "ClusterIP", "clusterIP": "10.0.0.1"}})
    assert warnings_after(Create("services", "a", doc), doc) == ()


def test_a_driver_is_told_of_tokens_when_it_is_new() -> None:
    doc = document({"spec": {"tokenRequests": [{"audience": "a"}]}})
    kind = "csidrivers.storage.k8s.io"
    assert len(warnings_after(Create(kind, "", doc), doc)) == 1
    assert warnings_after(Update(kind, "", "a", doc), doc) == ()


def test_a_volume_that_nothing_can_mount_is_told() -> None:
    doc = document({"spec": {"storageos": {}, "persistentVolumeReclaimPolicy": "Recycle"}})
    found = warnings_after(Create("persistentvolumes", "", doc), doc)
    assert [one.partition(":")[0] for one in found] == [
        "spec.persistentVolumeReclaimPolicy",
        "spec.storageOS",
    ]


def test_jobs_that_leave_their_pods_behind_say_so() -> None:
    assert len(warnings_before(Delete("jobs.batch", "a", "b"))) == 1
    assert len(warnings_before(DeleteCollection("jobs.batch", "a"))) == 1
    chosen = Delete("jobs.batch", "a", "b", propagation_policy="Background")
    assert warnings_before(chosen) == ()
    assert warnings_before(Delete("pods", "a", "b")) == ()
    assert warnings_after(Delete("services", "a", "b"), EMPTY) == ()
