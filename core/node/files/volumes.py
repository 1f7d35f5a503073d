"""What is in a volume: ConfigMaps, Secrets, the pod's own fields, tokens, images as files.

The content follows its source: whoever looks sees what the node has heard of last; tokens and the
certificate that every pod has are made for who reads them (see `promises`). Volumes that
programs write to (`emptyDir`, `hostPath`, claims) begin empty here; what was written is kept with
the pod.

Source: kubernetes v1.36, pkg/volume/{configmap,secret,projected,downwardapi,emptydir}/*.go
(makePayload, collectData), pkg/volume/volume_linux.go (SetVolumeOwnership, changeFilePermission).
"""

from __future__ import annotations

from base64 import b64decode
from binascii import Error as NoBase64
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from returns.result import Failure

from kelm.core.node.containers.env import Kind, Lookup, Surroundings, resource_value
from kelm.core.node.containers.field_path import pod_field
from kelm.core.node.files.entries import EMPTY_TREE, Directory, Entry, File, Tree
from kelm.core.node.files.promises import key_promise, token_promise
from kelm.core.node.pods.sources import ROOT_CERTIFICATE
from kelm.core.store.small_map import SmallMap
from kelm.effects.document import Document, child, children, flag, number, strings, text

DEFAULT_MODE: Final = 0o644
READ_BY_GROUP: Final = 0o440
WRITTEN_BY_GROUP: Final = 0o660
SET_GROUP: Final = 0o2000
WRITABLE: Final = ("emptyDir", "hostPath", "persistentVolumeClaim", "ephemeral", "csi", "nfs")
TOKEN_MODE: Final = 0o600
USUAL_MODE: Final = -1

Content: TypeAlias = "dict[str, File]"
"""Files by path; a mode of `USUAL_MODE` is the volume's own."""


class Facts(msgspec.Struct, frozen=True):
    """What volumes are made from.

    files_of: what an image has in its root.
    user: the one user of all its containers, None where they have several. group: its `fsGroup`.
    """

    pod: Document
    lookup: Lookup
    offered: Document = Document()
    user: int | None = None
    group: int | None = None
    files_of: Callable[[str], Tree] = lambda image: EMPTY_TREE


def volume_tree(volume: Document, facts: Facts) -> Tree | str:
    """The files of a volume, or why it cannot be mounted.

    >>> none = Facts(Document(), lambda kind, name: None)
    >>> volume_tree(Document(name="v", configMap=Document(name="web")), none)
    'configmap "web" not found'
    >>> sorted(volume_tree(Document(name="v", emptyDir=Document()), none))
    ['/']
    """
    if any(field in volume for field in WRITABLE):
        mode = 0o777 if facts.group is None else 0o777 | SET_GROUP
        return SmallMap({"/": Directory(mode, 0, facts.group or 0)})
    if "image" in volume:
        return facts.files_of(text(volume, "image", "reference")).put("/", Directory())
    for field in ("configMap", "secret", "downwardAPI", "projected"):
        if field in volume:
            source = child(volume, field)
            found = (
                _projected(source, facts)
                if field == "projected"
                else _content(field, source, facts)
            )
            if isinstance(found, str):
                return found
            mode = number(source, "defaultMode", default=DEFAULT_MODE)
            return _tree(found, mode, facts)
    return SmallMap({"/": Directory(0o755)})


def _tree(content: Content, mode: int, facts: Facts) -> Tree:
    group = facts.group
    found: dict[str, Entry | None] = {
        "/": Directory(0o777 | (SET_GROUP if group is not None else 0), 0, group or 0)
    }
    for path, file in content.items():
        steps = path.strip("/").split("/")
        for depth in range(1, len(steps)):
            found.setdefault("/" + "/".join(steps[:depth]), Directory(0o755, 0, group or 0))
        bits = mode if file.mode == USUAL_MODE else file.mode
        if group is not None:
            bits |= READ_BY_GROUP
        found["/" + "/".join(steps)] = msgspec.structs.replace(file, mode=bits, gid=group or 0)
    return SmallMap(found)


def _content(field: str, source: Document, facts: Facts) -> Content | str:
    if field == "downwardAPI":
        return _downward(source, facts)
    kind: Kind = "configmaps" if field == "configMap" else "secrets"
    name = text(source, "name") or text(source, "secretName")
    doc = facts.lookup(kind, name)
    if doc is None:
        if flag(source, "optional"):
            return {}
        if kind == "configmaps" and name == ROOT_CERTIFICATE and "items" in source:
            return {
                text(item, "path"): _file(item, promise=key_promise(name, text(item, "key")))
                for item in children(source, "items")
            }
        return f'{"configmap" if kind == "configmaps" else "secret"} "{name}" not found'
    return _chosen(_data(kind, doc), source, f"references non-existent {_what(kind)} key")


def _what(kind: Kind) -> str:
    return "config" if kind == "configmaps" else "secret"


def _data(kind: Kind, doc: Document) -> dict[str, bytes]:
    """All entries of a ConfigMap or Secret as bytes."""
    plain, encoded = strings(doc, "data"), strings(doc, "binaryData")
    if kind == "secrets":
        plain, encoded = {}, plain
    found = {key: value.encode() for key, value in plain.items()}
    for key, value in encoded.items():
        try:
            found[key] = b64decode(value)
        except NoBase64:
            found[key] = b""
    return found


def _chosen(data: Mapping[str, bytes], source: Document, complaint: str) -> Content | str:
    """The entries that `items` picks, under the paths it gives them; all without `items`."""
    items = children(source, "items")
    if not items:
        return {key: File(data[key], USUAL_MODE) for key in sorted(data)}
    found: Content = {}
    for item in items:
        key = text(item, "key")
        if key not in data:
            if flag(source, "optional"):
                continue
            return f"{complaint}: {key}"
        found[text(item, "path")] = _file(item, data[key])
    return found


def _file(item: Document, data: bytes = b"", promise: str = "") -> File:
    """A file of an item, with a mode of its own if it has one."""
    return File(data, number(item, "mode", default=USUAL_MODE), promise=promise)


def _downward(source: Document, facts: Facts) -> Content | str:
    """The pod's own fields and its containers' resources as files."""
    found: Content = {}
    for item in children(source, "items"):
        if "fieldRef" in item:
            value = pod_field(facts.pod, text(item, "fieldRef", "fieldPath"))
            if isinstance(value, Failure):
                return str(value.failure())
            said = value.unwrap()
        else:
            reference = child(item, "resourceFieldRef")
            container = _named(facts.pod, text(reference, "containerName"))
            said = resource_value(container, reference, Surroundings(allocatable=facts.offered))
        found[text(item, "path")] = _file(item, said.encode())
    return found


def _named(pod: Document, name: str) -> Document:
    for field in ("containers", "initContainers"):
        for one in children(pod, "spec", field):
            if text(one, "name") == name:
                return one
    return Document()


def _projected(volume: Document, facts: Facts) -> Content | str:
    """Several sources in one volume; a later one's file replaces an earlier one's."""
    found: Content = {}
    for source in children(volume, "sources"):
        if "serviceAccountToken" in source:
            wanted = child(source, "serviceAccountToken")
            private = facts.user is not None or facts.group is not None
            mode = TOKEN_MODE if private else USUAL_MODE
            promise = token_promise(wanted)
            found[text(wanted, "path")] = File(b"", mode, facts.user or 0, promise=promise)
            continue
        for field in ("configMap", "secret", "downwardAPI"):
            if field in source:
                part = _content(field, child(source, field), facts)
                if isinstance(part, str):
                    return part
                found.update(part)
    return found
