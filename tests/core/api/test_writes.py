"""Create, update and patch: what becomes of an object on its way into the store."""

from __future__ import annotations

import re

from kelm.core.api.server import handle
from kelm.core.objects.meta import Metadata, metadata
from kelm.effects.commands import Create, Delete, Get, List, Patch, Update
from kelm.effects.document import Document, child, children, document, value_at, with_value
from kelm.effects.refusals import Reason
from tests.core.api.clusters import (
    NOW_MS,
    config,
    deployment,
    done,
    meta,
    pod,
    refused,
    server_with,
)

MODIFIED = (
    'Operation cannot be fulfilled on deployments.apps "web": the object has been modified; '
    "please apply your changes to the latest version and try again"
)


def test_a_new_object_gets_what_the_system_gives() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    assert meta(web, "namespace") == "default"
    assert meta(web, "generation") == 1
    assert meta(web, "creationTimestamp") == "2026-01-01T00:00:00Z"
    assert meta(web, "resourceVersion") == str(server.store.revision)
    assert len(str(meta(web, "uid"))) == 36
    assert web["status"] == {}
    assert server.store.get("deployments.apps", "default/web") is web


def test_a_field_that_the_api_leaves_out_when_false_is_gone() -> None:
    server = server_with(Create("deployments.apps", "default", deployment()))
    for value in (True, False):
        patch = document({"spec": {"paused": value}})
        server, web = done(server, Patch("deployments.apps", "default", "web", patch))
        assert child(web, "spec").get("paused", False) is value
    assert "paused" not in child(web, "spec")
    assert meta(web, "generation") == 3


def test_a_pod_is_refused_by_the_name_that_it_would_have_got() -> None:
    limits = {"limits": [{"type": "Container", "max": {"cpu": "1"}}]}
    limit = document({"metadata": {"name": "l"}, "spec": limits})
    server = server_with(Create("limitranges", "default", limit))
    container = {"name": "c", "image": "x", "resources": {"limits": {"cpu": "2"}}}
    body = {"metadata": {"generateName": "web-"}, "spec": {"containers": [container]}}
    refusal = refused(server, Create("pods", "default", document(body)))
    assert re.match(r'pods "web-[a-z0-9]{5}" is forbidden: ', refusal.message)


def test_a_creator_chooses_no_status_and_none_of_the_systems_fields() -> None:
    wanted = Document(
        {
            **deployment(),
            "status": Document(replicas=7),
            "metadata": document(
                {
                    "name": "web",
                    "uid": "mine",
                    "generation": 7,
                    "creationTimestamp": "2001-01-01T00:00:00Z",
                    "deletionTimestamp": "2001-01-01T00:00:00Z",
                    "selfLink": "/x",
                    "managedFields": [{"manager": "me"}],
                }
            ),
        }
    )
    _, web = done(server_with(), Create("deployments.apps", "default", wanted))
    assert web["status"] == {} and meta(web, "generation") == 1
    assert meta(web, "uid") != "mine" and meta(web, "deletionTimestamp") is None
    assert meta(web, "selfLink") is None and meta(web, "managedFields") is None


def test_generated_names_are_fresh_and_fit_a_label() -> None:
    server, names = server_with(), set()
    wanted = document({"metadata": {"generateName": "w" * 70}})
    for _ in range(200):
        server, doc = done(server, Create("configmaps", "default", wanted))
        names.add(str(meta(doc, "name")))
    assert len(names) == 200 and {len(name) for name in names} == {63}


def test_a_name_can_be_taken() -> None:
    server = server_with(Create("configmaps", "default", config()))
    refusal = refused(server, Create("configmaps", "default", config()))
    assert refusal.reason is Reason.ALREADY_EXISTS
    assert refusal.message == 'configmaps "c" already exists'


def test_a_name_can_be_taken_by_an_object_on_its_way_out() -> None:
    held = with_value(config(), ("metadata", "finalizers"), ("a.io/b",))
    server = server_with(Create("configmaps", "default", held))
    server = done(server, Delete("configmaps", "default", "c"))[0]
    refusal = refused(server, Create("configmaps", "default", config()))
    assert refusal.message == 'object is being deleted: configmaps "c" already exists'


def test_a_namespace_must_be_there_and_open() -> None:
    server = server_with()
    missing = refused(server, Create("configmaps", "nope", config()))
    assert (missing.reason, missing.message) == (
        Reason.NOT_FOUND,
        'namespaces "nope" not found',
    )
    shop = document({"metadata": {"name": "shop"}})
    server = done(server, Create("namespaces", "", shop))[0]
    server, closed = done(server, Delete("namespaces", "", "shop"))
    assert value_at(closed, "status", "phase") == "Terminating"
    late = refused(server, Create("configmaps", "shop", config()))
    assert late.reason is Reason.FORBIDDEN
    assert late.message == (
        'configmaps "c" is forbidden: unable to create new content in namespace shop because it '
        "is being terminated"
    )
    assert late.causes[0].reason == "NamespaceTerminating"


def test_the_object_and_its_address_must_agree() -> None:
    server = server_with(Create("configmaps", "default", config()))
    elsewhere = document({"metadata": {"name": "c", "namespace": "other"}})
    assert refused(server, Create("configmaps", "default", elsewhere)).code == 400
    other = refused(server, Update("configmaps", "default", "c", config("d")))
    assert other.message == "the name of the object (d) does not match the name on the URL (c)"
    kind = refused(server, Create("pods", "default", config()))
    assert kind.code == 422 or kind.code == 400
    wrong = Document({**config(), "kind": "Podd", "apiVersion": "v1"})
    assert refused(server, Create("configmaps", "default", wrong)).message == (
        'Podd in version "v1" cannot be handled as a ConfigMap: no kind "Podd" is registered for '
        'version "v1" in scheme "pkg/api/legacyscheme/scheme.go:30"'
    )


def test_a_resource_version_is_not_for_new_objects() -> None:
    wanted = with_value(config(), ("metadata", "resourceVersion"), "5")
    refusal = refused(server_with(), Create("configmaps", "default", wanted))
    assert (refusal.code, refusal.reason) == (500, Reason.UNKNOWN)
    assert "reason" not in refusal.status()


def test_a_namespace_carries_its_name_and_waits_for_its_contents() -> None:
    shop = document({"metadata": {"name": "shop"}})
    _, doc = done(server_with(), Create("namespaces", "", shop))
    assert meta(doc, "labels") == {"kubernetes.io/metadata.name": "shop"}
    assert child(doc, "spec") == {"finalizers": ("kubernetes",)}
    assert doc["status"] == {"phase": "Active"}


def test_only_a_change_of_the_spec_raises_the_generation() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    labelled = with_value(web, ("metadata", "labels"), Document(a="b"))
    server, web = done(server, Update("deployments.apps", "default", "web", labelled))
    assert meta(web, "generation") == 1
    server, web = done(
        server,
        Update("deployments.apps", "default", "web", with_value(web, ("spec", "replicas"), 5)),
    )
    assert meta(web, "generation") == 2
    noted = with_value(web, ("metadata", "annotations"), Document(a="b"))
    server, web = done(server, Update("deployments.apps", "default", "web", noted))
    assert meta(web, "generation") == 3


def test_an_update_cannot_take_the_tolerations_of_lost_nodes() -> None:
    server, made = done(server_with(), Create("pods", "default", pod()))
    own = document({"key": "mine", "operator": "Exists"})
    wanted = with_value(made, ("spec", "tolerations"), (own,))
    _, updated = done(server, Update("pods", "default", "web", wanted))
    keys = [one["key"] for one in children(updated, "spec", "tolerations")]
    assert keys == ["mine", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"]
    assert meta(updated, "generation") == 2


def test_a_stale_update_conflicts_and_one_without_a_version_does_not() -> None:
    server, first = done(server_with(), Create("deployments.apps", "default", deployment()))
    more = with_value(first, ("spec", "replicas"), 5)
    server, second = done(server, Update("deployments.apps", "default", "web", more))
    stale = refused(server, Update("deployments.apps", "default", "web", more))
    assert (stale.reason, stale.message) == (Reason.CONFLICT, MODIFIED)
    assert (stale.name, stale.group, stale.kind) == ("web", "apps", "deployments")
    anyway = deployment(replicas=7)
    server, third = done(server, Update("deployments.apps", "default", "web", anyway))
    assert child(third, "spec")["replicas"] == 7
    assert meta(third, "uid") == meta(second, "uid")


def test_an_update_may_mean_another_object_of_the_name() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    other = with_value(web, ("metadata", "uid"), "other")
    refusal = refused(server, Update("deployments.apps", "default", "web", other))
    assert refusal.reason is Reason.CONFLICT
    assert "Precondition failed: UID in precondition: other" in refusal.message


def test_an_update_leaves_the_status_and_a_status_update_leaves_the_rest() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    both = with_value(with_value(web, ("spec", "replicas"), 5), ("status", "replicas"), 3)
    server, web = done(server, Update("deployments.apps", "default", "web", both))
    assert web["status"] == {} and child(web, "spec")["replicas"] == 5
    both = with_value(with_value(web, ("spec", "replicas"), 9), ("status", "replicas"), 3)
    server, after = done(server, Update("deployments.apps", "default", "web", both, "status"))
    assert after["status"] == {"replicas": 3} and child(after, "spec")["replicas"] == 5
    assert after["spec"] is web["spec"], "what did not change is shared"
    assert meta(after, "generation") == meta(web, "generation")


def test_a_status_update_may_annotate_but_not_relabel_a_deployment() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    noted = with_value(web, ("metadata", "annotations"), Document(revision="1"))
    noted = with_value(noted, ("metadata", "labels"), Document(a="b"))
    _, after = done(server, Update("deployments.apps", "default", "web", noted, "status"))
    assert meta(after, "annotations") == {"revision": "1"} and meta(after, "labels") is None
    assert meta(after, "generation") == 1


def test_an_update_that_changes_nothing_writes_nothing() -> None:
    server, web = done(server_with(), Create("deployments.apps", "default", deployment()))
    after, outcome = handle(server, Update("deployments.apps", "default", "web", web), NOW_MS)
    assert after is server and outcome.unwrap() is web
    patch = Patch("deployments.apps", "default", "web", Document())
    assert handle(server, patch, NOW_MS)[0] is server


def test_leases_are_made_by_updates_and_configmaps_are_not() -> None:
    lease = document({"metadata": {"name": "n"}, "spec": {"holderIdentity": "n"}})
    server = server_with()
    _, made = done(server, Update("leases.coordination.k8s.io", "default", "n", lease))
    assert meta(made, "name") == "n"
    assert refused(server, Update("configmaps", "default", "c", config())).code == 404


def test_some_resources_insist_on_a_version() -> None:
    lease = document({"metadata": {"name": "n"}, "spec": {"holderIdentity": "n"}})
    server = server_with(Create("leases.coordination.k8s.io", "default", lease))
    refusal = refused(server, Update("leases.coordination.k8s.io", "default", "n", lease))
    assert refusal.reason is Reason.INVALID
    assert "metadata.resourceVersion: Invalid value: 0: must be specified" in refusal.message


def test_a_dry_run_stores_nothing() -> None:
    server = server_with()
    after, outcome = handle(server, Create("configmaps", "default", config(), dry_run=True), NOW_MS)
    assert after is server and meta(outcome.unwrap(), "resourceVersion") is None
    server = server_with(Create("configmaps", "default", config()))
    patch = Patch("configmaps", "default", "c", document({"data": {"a": "1"}}), dry_run=True)
    after, outcome = handle(server, patch, NOW_MS)
    stored = server.store.get("configmaps", "default/c")
    assert after is server and stored is not None
    assert child(outcome.unwrap(), "data") == {"a": "1"}
    assert meta(outcome.unwrap(), "resourceVersion") == meta(stored, "resourceVersion")


def test_patches_of_every_kind() -> None:
    server = server_with(Create("deployments.apps", "default", deployment()))
    merge = document({"spec": {"replicas": 4}})
    server, web = done(server, Patch("deployments.apps", "default", "web", merge))
    assert child(web, "spec")["replicas"] == 4
    json = (Document(op="replace", path="/spec/replicas", value=5),)
    server, web = done(server, Patch("deployments.apps", "default", "web", json, "json"))
    assert child(web, "spec")["replicas"] == 5
    container = {"name": "c", "image": "nginx:2"}
    strategic = document({"spec": {"template": {"spec": {"containers": [container]}}}})
    server, web = done(server, Patch("deployments.apps", "default", "web", strategic, "strategic"))
    (only,) = child(web, "spec", "template", "spec")["containers"]  # type: ignore[misc]
    assert only["image"] == "nginx:2" and only["imagePullPolicy"]  # type: ignore[index,call-overload]


def test_patches_that_cannot_be() -> None:
    server = server_with(Create("deployments.apps", "default", deployment()))
    json = (Document(op="remove", path="/spec/nope"),)
    wrong = refused(server, Patch("deployments.apps", "default", "web", json, "json"))
    assert (wrong.code, wrong.message) == (
        422,
        "the server rejected our request due to an error in our request",
    )
    shape = refused(server, Patch("deployments.apps", "default", "web", (1,)))
    assert shape.message == (
        "error decoding patch: json: cannot unmarshal array into Go value of type "
        "map[string]interface {}"
    )
    stale = document({"metadata": {"resourceVersion": "1"}, "spec": {"replicas": 3}})
    assert refused(server, Patch("deployments.apps", "default", "web", stale)).message == MODIFIED


def test_a_value_of_the_wrong_type_is_refused() -> None:
    wanted = with_value(deployment(), ("spec", "replicas"), "3")
    refusal = refused(server_with(), Create("deployments.apps", "default", wanted))
    assert (refusal.code, refusal.message) == (
        400,
        'Deployment in version "v1" cannot be handled as a Deployment: json: cannot unmarshal '
        "string into Go struct field DeploymentSpec.spec.replicas of type int32",
    )


def test_the_scale_of_a_deployment() -> None:
    server = server_with(Create("deployments.apps", "default", deployment()))
    _, scale = done(server, Get("deployments.apps", "default", "web", "scale"))
    assert scale["kind"] == "Scale" and scale["spec"] == {"replicas": 2}
    assert scale["status"] == {"replicas": 0, "selector": "app=web"}
    more = with_value(scale, ("spec", "replicas"), 6)
    server, scale = done(server, Update("deployments.apps", "default", "web", more, "scale"))
    assert scale["spec"] == {"replicas": 6}
    stored = server.store.get("deployments.apps", "default/web")
    assert stored is not None and meta(stored, "generation") == 2
    stale = refused(server, Update("deployments.apps", "default", "web", more, "scale"))
    assert stale.message == MODIFIED
    less = with_value(scale, ("spec", "replicas"), -1)
    negative = refused(server, Update("deployments.apps", "default", "web", less, "scale"))
    assert negative.message == (
        'Scale.autoscaling "web" is invalid: spec.replicas: Invalid value: -1: must be greater '
        "than or equal to 0"
    )


def test_pods_of_one_template_share_its_containers() -> None:
    template = pod()["spec"]
    server = server_with()
    for number in range(3):
        wanted = document({"metadata": {"name": f"p{number}"}})
        wanted = Document({**wanted, "spec": template})
        server = done(server, Create("pods", "default", wanted))[0]
    specs = [doc["spec"] for doc in server.store.table("pods").objects()]
    assert specs[0] is specs[1] is specs[2]
    statuses = [doc["status"] for doc in server.store.table("pods").objects()]
    assert statuses[0] is statuses[1] is statuses[2]


def test_unknown_resources_and_subresources() -> None:
    server = server_with()
    assert refused(server, Create("foos", "default", config())).code == 404
    assert refused(server, List("foos")).code == 404
    assert refused(server, Update("configmaps", "default", "c", config(), "status")).code == 405
    assert refused(server, Create("componentstatuses", "", config())).code == 405


def test_what_is_known_of_a_version_is_known_of_the_next_one() -> None:
    server, web = done(server_with(), Create("pods", "default", pod()))
    assert metadata(web).resource_version == meta(web, "resourceVersion")
    status = document({"status": {"phase": "Running"}})
    server, running = done(server, Patch("pods", "default", "web", status, subresource="status"))
    unread = Document(child(running, "metadata"))
    assert child(running, "metadata").view == Metadata.decode(unread)
    assert metadata(running).resource_version == str(server.store.revision)
