"""Images that cannot be pulled, and what a pod says of it."""

from __future__ import annotations

from typing import Any

import pytest

from kelm import Cluster
from kelm.core.node.containers.images import Images, image
from kelm.effects.commands import List

PAUSE = "registry.k8s.io/pause:3.10"
ABSENT = (
    "webserver:404",
    "foo:non-existent",
    "gcr.io/samples/web:nonexistent",
    "busybox:does_not_exist",
    "invalid.registry.k8s.io/invalid/alpine:3.1",
    "web.invalid/alpine",
)
PRESENT = (
    "webserver",
    "webserver:1.404",
    "localhost:5000/web",
    "busybox",
    "nonexistent/web:1",
    "gcr.io/invalid/web:1",
)


def pod(name: str) -> dict[str, Any]:
    container = {"name": "c", "image": name}
    meta = {"name": "p", "namespace": "default"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": meta,
        "spec": {"containers": [container]},
    }


@pytest.mark.parametrize("name", ABSENT)
def test_an_image_whose_name_says_that_there_is_none_is_not_pulled(name: str) -> None:
    assert Images().pull_error(name)


@pytest.mark.parametrize("name", PRESENT)
def test_every_other_image_is_there(name: str) -> None:
    assert Images().pull_error(name) == ""


def test_a_pod_waits_for_an_image_that_is_not_there_and_says_why() -> None:
    cluster = Cluster(nodes=1)
    cluster.apply(pod("webserver:404"))
    cluster.run(20_000)
    status: Any = cluster.list("pods")[0]["status"]
    (container,) = status["containerStatuses"]
    waiting = container["state"]["waiting"]
    assert status["phase"] == "Pending"
    assert waiting["reason"] in ("ErrImagePull", "ImagePullBackOff")
    assert "docker.io/library/webserver:404: not found" in waiting["message"]
    events: Any = cluster.ask(List("events", "default")).unwrap()["items"]
    assert {"Pulling", "Failed", "BackOff"} <= {one["reason"] for one in events}


def test_an_image_that_was_given_a_program_is_there_whatever_its_name() -> None:
    images = Images().with_image("web:404", image()).with_image("*:missing", image())
    assert images.pull_error("web:404") == images.pull_error("db:missing") == ""
    assert images.pull_error("db:404")


def test_pause_runs_for_ever_even_in_a_job() -> None:
    cluster = Cluster(nodes=1)
    template = {"spec": {"restartPolicy": "Never", "containers": [{"name": "c", "image": PAUSE}]}}
    meta = {"name": "j", "namespace": "default"}
    job = {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": meta,
        "spec": {"template": template},
    }
    cluster.apply(job)
    cluster.run(60_000)
    status: Any = cluster.list("pods")[0]["status"]
    assert status["phase"] == "Running"
