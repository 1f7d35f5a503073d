"""Tokens in Secrets that nobody uses: marked after a year, gone after another."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from kelm import Cluster
from kelm.adapters.simulator.processes import ControlPlane
from kelm.core.api.tokens.legacy import DAY_MS, INVALID_SINCE, LAST_USED, day, day_ms, used
from kelm.core.controllers.access.legacy_tokens import (
    CREATED_AGAIN_MS,
    NAMESPACE,
    TRACKING,
    YEAR_MS,
    LegacyTokenCleaner,
    LegacyTokenTracking,
    secret_names,
)
from kelm.core.runtime.controller import Sync
from kelm.core.store.table import Table, put
from kelm.effects.commands import Create, Delete, Patch, Update
from kelm.effects.document import Document, document, text

NOW_MS = day_ms("2030-06-15") or 0
CLEANER = LegacyTokenCleaner()


def table(resource: str, *docs: Any) -> Table:
    found = Table(resource)
    for number, doc in enumerate(docs, 1):
        meta = doc["metadata"]
        found = put(found, f"{meta['namespace']}/{meta['name']}", document(doc), number)
    return found


def secret(created_ms: int, **labels: str) -> dict[str, Any]:
    meta = {
        "name": "t",
        "namespace": "shop",
        "uid": "u-1",
        "resourceVersion": "7",
        "creationTimestamp": f"{day(created_ms)}T00:00:00Z",
        "annotations": {"kubernetes.io/service-account.name": "robot"},
        "labels": {f"kubernetes.io/legacy-token-{key}": text for key, text in labels.items()},
    }
    return {"type": "kubernetes.io/service-account-token", "metadata": meta}


def robot(*secrets: str) -> dict[str, Any]:
    meta = {"name": "robot", "namespace": "shop", "uid": "a-1"}
    return {"metadata": meta, "secrets": [{"name": one} for one in secrets]}


def cleaned(held: Any, account: Any = None, pods: Any = (), since: str = "2020-01-01") -> Any:
    """The commands for one Secret."""
    tracking = {"metadata": {"name": TRACKING, "namespace": NAMESPACE}, "data": {"since": since}}
    caches = {
        "secrets": table("secrets", held),
        "serviceaccounts": table("serviceaccounts", account or robot("t")),
        "pods": table("pods", *pods),
        "configmaps": table("configmaps", tracking),
    }
    plan = CLEANER.reconcile(Sync(TRACKING, NOW_MS, caches))
    assert plan.again_at_ms == NOW_MS + DAY_MS
    return [command for batch in plan.batches for command in batch]


OLD_MS = NOW_MS - 3 * YEAR_MS
MARK = [
    Patch(
        "secrets",
        "shop",
        "t",
        Document(metadata=Document(uid="u-1", labels=Document({INVALID_SINCE: "2030-06-15"}))),
    )
]


def test_who_was_not_used_for_a_year_is_marked_and_a_year_later_deleted() -> None:
    assert cleaned(secret(OLD_MS)) == MARK
    assert cleaned(secret(OLD_MS, **{"last-used": "2029-06-14"})) == MARK
    assert cleaned(secret(OLD_MS, **{"invalid-since": "nonsense"})) == MARK
    marked = secret(OLD_MS, **{"invalid-since": "2029-06-14"})
    assert cleaned(marked) == [Delete("secrets", "shop", "t", resource_version="7")]
    assert cleaned(secret(OLD_MS, **{"invalid-since": "2029-06-15"})) == []


MOUNTING = {
    "metadata": {"name": "p", "namespace": "shop"},
    "spec": {"volumes": [{"name": "v", "secret": {"secretName": "t"}}]},
}


@pytest.mark.parametrize(
    ("held", "more"),
    [
        (secret(OLD_MS, **{"last-used": "2029-06-15"}), {}),
        (secret(OLD_MS, **{"last-used": "once"}), {}),
        (secret(NOW_MS - YEAR_MS), {}),
        (secret(OLD_MS), {"account": robot("other")}),
        (secret(OLD_MS), {"since": "2029-06-15"}),
        (secret(OLD_MS), {"since": "long ago"}),
        (secret(OLD_MS), {"pods": (MOUNTING,)}),
        ({**secret(OLD_MS), "type": "Opaque"}, {}),
    ],
)
def test_what_is_used_new_mounted_made_by_hand_or_not_watched_long_enough_stays(
    held: Any, more: Any
) -> None:
    assert cleaned(held, **more) == []


def test_every_reference_of_a_pod_to_a_secret_counts() -> None:
    container = {
        "envFrom": [{"secretRef": {"name": "a"}}],
        "env": [{"name": "X", "valueFrom": {"secretKeyRef": {"name": "b", "key": "k"}}}],
    }
    spec = {
        "initContainers": [container],
        "imagePullSecrets": [{"name": "c"}],
        "volumes": [
            {"name": "1", "projected": {"sources": [{"secret": {"name": "d"}}]}},
            {"name": "2", "rbd": {"secretRef": {"name": "e"}}},
            {"name": "3", "csi": {"nodePublishSecretRef": {"name": "f"}}},
            {"name": "4", "azureFile": {"secretName": "g"}},
        ],
    }
    assert set(secret_names(document(spec))) == set("abcdefg")


DAYS = st.integers(363, 368) | st.integers(0, 1_200)


@given(
    unused=DAYS,
    created=DAYS,
    marked=DAYS | st.none(),
)
def test_nothing_goes_that_was_used_or_marked_within_a_year(
    unused: int, created: int, marked: int | None
) -> None:
    labels = {"last-used": day(NOW_MS - unused * DAY_MS)}
    if marked is not None:
        labels["invalid-since"] = day(NOW_MS - marked * DAY_MS)
    found = cleaned(secret(NOW_MS - created * DAY_MS, **labels))
    event(f"{len(found)} commands")
    due = unused > 365 and created > 365
    assert bool(found) == (due and (marked is None or marked > 365))
    assert any(isinstance(one, Delete) for one in found) == (due and (marked or 0) > 365)


def test_a_use_is_noted_once_a_day() -> None:
    held = document(secret(OLD_MS))
    noted = used(held, NOW_MS)
    assert noted is not None
    assert noted.patch == Document(
        metadata=Document(uid="u-1", labels=Document({LAST_USED: "2030-06-15"}))
    )
    for today in ("2030-06-15", "2030-06-16"):
        assert used(document(secret(OLD_MS, **{"last-used": today})), NOW_MS) is None
    assert used(document(secret(OLD_MS, **{"last-used": "2030-06-14"})), NOW_MS) is not None


def test_it_is_written_down_since_when_uses_are_and_again_if_somebody_breaks_it() -> None:
    plane = ControlPlane().with_controller(LegacyTokenTracking())
    cluster = Cluster(nodes=0, control_plane=plane)

    def since() -> str | None:
        found = cluster.store.get("configmaps", f"{NAMESPACE}/{TRACKING}")
        return None if found is None else text(found, "data", "since")

    cluster.run(1_000)
    assert since() == "2026-01-01"
    cluster.ask(Patch("configmaps", NAMESPACE, TRACKING, Document(data=Document(since="x"))))
    cluster.run(1_000)
    assert since() == "2026-01-01"
    cluster.ask(Delete("configmaps", NAMESPACE, TRACKING))
    cluster.run(60_000)
    assert since() is None
    cluster.run(CREATED_AGAIN_MS)
    assert since() == "2026-01-01"


def test_the_cleaner_does_its_work_in_a_cluster() -> None:
    cleaner = LegacyTokenCleaner(unused_ms=2 * DAY_MS)
    plane = ControlPlane().with_controller(cleaner, LegacyTokenTracking())
    cluster = Cluster(nodes=0, control_plane=plane)
    listed = {"metadata": {"name": "robot"}, "secrets": [{"name": "t"}]}
    cluster.ask(Create("serviceaccounts", "default", document(listed))).unwrap()
    meta = {"name": "t", "annotations": {"kubernetes.io/service-account.name": "robot"}}
    body = {"metadata": meta, "type": "kubernetes.io/service-account-token"}
    cluster.ask(Create("secrets", "default", document(body))).unwrap()
    cluster.run(5 * DAY_MS)
    held = cluster.store.get("secrets", "default/t")
    assert held is not None and text(held, "metadata", "labels", INVALID_SINCE)
    cluster.run(5 * DAY_MS)
    assert cluster.store.get("secrets", "default/t") is None


def test_what_cannot_be_read_is_repaired_and_nothing_else() -> None:
    tracking = {"metadata": {"name": TRACKING, "namespace": NAMESPACE}, "data": {"x": "y"}}
    key = f"{NAMESPACE}/{TRACKING}"
    caches = {"configmaps": table("configmaps", tracking)}
    plan = LegacyTokenTracking().reconcile(Sync(key, NOW_MS, caches))
    ((update,),) = plan.batches
    assert isinstance(update, Update)
    assert update.object["data"] == {"x": "y", "since": "2030-06-15"}
