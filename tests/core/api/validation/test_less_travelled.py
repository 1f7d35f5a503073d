"""What is refused of kinds that are written rarely: an object of each, and what breaks it."""

from __future__ import annotations

import pytest
import yaml

from kelm.core.api.resources import of_kind
from kelm.core.api.validation.validate import validate_create, validate_update
from kelm.effects.document import Document, document, freeze, with_value, without
from tests.differential.objects import examples

OBJECTS = {example.info.kind: document(example.object) for example in examples()}
SPACE = ("metadata", "namespace")


def _example(kind: str) -> tuple[str, Document]:
    doc = OBJECTS[kind]
    info = of_kind(str(doc["apiVersion"]), kind)
    assert info is not None
    text = yaml.safe_dump(_plain(doc)).replace("{ns}", "shop")
    doc = document(yaml.safe_load(text))
    return info.resource, with_value(doc, SPACE, "shop") if info.namespaced else doc


def _plain(value: object) -> object:
    if isinstance(value, Document):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _changed(doc: Document, path: str, value: object) -> Document:
    keys = tuple(path.split("."))
    return without(doc, keys) if value is None else with_value(doc, keys, freeze(value))


CASES = [
    ("StorageClass", "provisioner", "", "provisioner: Required value"),
    ("StorageClass", "reclaimPolicy", "Recycle", "reclaimPolicy: Unsupported value: \"Recycle\""),
    ("StorageClass", "volumeBindingMode", None, "volumeBindingMode: Unsupported value: \"\""),
    ("StorageClass", "parameters", {"": "a"}, "parameters: Invalid value: \"\": field can not be"),
    ("VolumeAttributesClass", "parameters", {}, "parameters: Required value: must contain"),
    ("CSIDriver", "spec.fsGroupPolicy", "Often", "spec.fsGroupPolicy: Unsupported value"),
    ("CSIDriver", "spec.attachRequired", None, "spec.attachedRequired: Required value"),
    ("CSINode", "spec.drivers", [{"name": "a", "nodeID": ""}], "spec.drivers[0].nodeID: Required"),
    ("CSIStorageCapacity", "capacity", "-1", "capacity: Invalid value: \"-1\": must be greater"),
    ("VolumeAttachment", "spec.attacher", "", "spec.attacher: Required value"),
    ("VolumeAttachment", "spec.source", {}, "spec.source: Required value: must specify exactly"),
    ("PersistentVolume", "spec.capacity", {"storage": "0"}, "spec.capacity[storage]: Invalid"),
    ("PersistentVolume", "spec.csi", None, "spec: Required value: must specify a volume type"),
    ("PersistentVolume", "spec.nfs", {}, "spec.csi: Forbidden: may not specify more than 1"),
    ("PersistentVolume", "spec.accessModes", [], "spec.accessModes: Required value"),
    ("Ingress", "spec.rules", [{"host": "1.2.3.4"}], "spec.rules[0].host: Invalid value: \"1.2"),
    ("Ingress", "spec.defaultBackend", {}, "spec.defaultBackend: Invalid value: \"\": resource or"),
    ("IngressClass", "spec.controller", "plain", "spec.controller: Invalid value: \"plain\""),
    ("IngressClass", "spec.parameters.scope", "Cluster", "spec.parameters.namespace: Forbidden"),
    ("NetworkPolicy", "spec.policyTypes", ["Both"], "spec.policyTypes[0]: Unsupported value"),
    ("NetworkPolicy", "spec.ingress", [{"from": [{}]}], "spec.ingress[0].from[0]: Required value"),
    ("FlowSchema", "spec.matchingPrecedence", 1, "spec.matchingPrecedence: Invalid value: 1: only"),
    ("FlowSchema", "spec.rules", [{}], "spec.rules[0].subjects: Required value"),
    ("PriorityLevelConfiguration", "spec.type", "Exempt", "spec.type: Invalid value: \"Exempt\""),
    ("APIService", "spec.versionPriority", 1001, "spec.versionPriority: Invalid value: 1001"),
    ("APIService", "metadata.name", "v2.other", "metadata.name: Invalid value: \"v2.other\""),
    ("RuntimeClass", "handler", "", "handler: Required value"),
    ("Role", "rules", [{"verbs": ["get"], "nonResourceURLs": ["/"]}], "rules[0].nonResourceURLs"),
    ("ClusterRole", "aggregationRule", {}, "aggregationRule.clusterRoleSelectors: Required value"),
    ("ClusterRoleBinding", "roleRef.kind", "Role", "roleRef.kind: Unsupported value: \"Role\""),
]  # fmt: skip


@pytest.mark.parametrize("kind", sorted({kind for kind, *_ in CASES}))
def test_the_example_is_valid(kind: str) -> None:
    resource, doc = _example(kind)
    assert validate_create(resource, doc) == ()
    assert validate_update(resource, doc, document(_plain(doc))) == ()


@pytest.mark.parametrize(("kind", "path", "value", "said"), CASES)
def test_one_change_is_refused(kind: str, path: str, value: object, said: str) -> None:
    resource, doc = _example(kind)
    found = [one.text for one in validate_create(resource, _changed(doc, path, value))]
    assert any(text.startswith(said) for text in found), found


KEPT = [
    ("StorageClass", "provisioner", "other.example.com", "provisioner"),
    ("VolumeAttributesClass", "driverName", "other.example.com", "driverName"),
    ("CSIDriver", "spec.attachRequired", False, "spec.attachedRequired"),
    ("CSIStorageCapacity", "storageClassName", "fast", "storageClassName"),
    ("VolumeAttachment", "spec.nodeName", "node-2", "spec"),
    ("PersistentVolume", "spec.csi.volumeHandle", "vol-2", "spec.persistentvolumesource"),
    ("PersistentVolume", "spec.volumeMode", "Block", "volumeMode"),
    ("PersistentVolume", "spec.nodeAffinity", None, "nodeAffinity"),
    ("IngressClass", "spec.controller", "example.com/other", "spec.controller"),
    ("RuntimeClass", "handler", "other", "handler"),
    ("RoleBinding", "roleRef.name", "other", "roleRef"),
]


@pytest.mark.parametrize(("kind", "path", "value", "field"), KEPT)
def test_one_field_stays(kind: str, path: str, value: object, field: str) -> None:
    resource, doc = _example(kind)
    found = validate_update(resource, doc, _changed(doc, path, value))
    assert [one.field for one in found] == [field]


def test_a_volume_may_be_reached_by_the_new_name_of_a_label() -> None:
    resource, doc = _example("PersistentVolume")
    path = ("spec", "nodeAffinity", "required", "nodeSelectorTerms")

    def reached(key: str) -> Document:
        wanted = {"key": key, "operator": "In", "values": ["a"]}
        return with_value(doc, path, freeze([{"matchExpressions": [wanted]}]))

    old = reached("failure-domain.beta.kubernetes.io/zone")
    assert validate_update(resource, old, reached("topology.kubernetes.io/zone")) == ()
    assert validate_update(resource, old, reached("topology.kubernetes.io/region")) != ()
