"""A pod runs as a service account, and sees its token.

The volume with the token has a name of its own, `kube-api-access-` and five letters. Upstream
draws them for each pod; here they come from the specification, so that all pods of a template
share one specification.

Source: kubernetes v1.36, plugin/pkg/admission/serviceaccount/admission.go.
"""

from __future__ import annotations

from typing import Final

from kelm.core.api.defaulting.volumes import FILE_MODE
from kelm.core.objects.names import fnv1a_32, random_suffix
from kelm.effects.document import Document, Json, children, elements, text

DEFAULT_ACCOUNT: Final = "default"
VOLUME_PREFIX: Final = "kube-api-access-"
MOUNT_PATH: Final = "/var/run/secrets/kubernetes.io/serviceaccount"
TOKEN_SECONDS: Final = 3607


def account_name(spec: Document) -> str:
    """The service account a pod asks for, or the one it gets without asking."""
    return text(spec, "serviceAccountName") or DEFAULT_ACCOUNT


def with_account(spec: Document, account: Document) -> Document:
    """A pod's specification with its account's token and pull secrets."""
    name = account_name(spec)
    new: dict[str, Json] = {**spec, "serviceAccountName": name, "serviceAccount": name}
    if not elements(spec, "imagePullSecrets") and elements(account, "imagePullSecrets"):
        new["imagePullSecrets"] = account["imagePullSecrets"]
    named = Document(new)
    return _with_token(named) if mounts_token(spec, account) else named


def mounts_token(spec: Document, account: Document) -> bool:
    """Whether the token is mounted: the pod's word goes before the account's.

    >>> mounts_token(Document(), Document(automountServiceAccountToken=False))
    False
    """
    for doc in (spec, account):
        wish = doc.get("automountServiceAccountToken")
        if isinstance(wish, bool):
            return wish
    return True


def _with_token(spec: Document) -> Document:
    own = [text(volume, "name") for volume in children(spec, "volumes")]
    volume = next((name for name in own if name.startswith(VOLUME_PREFIX)), "")
    name = volume or VOLUME_PREFIX + _letters(spec)
    mount = Document(name=name, readOnly=True, mountPath=MOUNT_PATH)
    new: dict[str, Json] = {
        key: tuple(_mounting(container, mount) for container in children(spec, key))
        for key in ("initContainers", "containers")
        if key in spec
    }
    if all(new[key] == spec[key] for key in new):
        return spec
    if not volume:
        new["volumes"] = (*elements(spec, "volumes"), token_volume(name))
    return Document({**spec, **new})


def _mounting(container: Document, mount: Document) -> Document:
    mounts = children(container, "volumeMounts")
    if any(text(one, "mountPath") == MOUNT_PATH for one in mounts):
        return container
    return Document({**container, "volumeMounts": (*mounts, mount)})


def _letters(spec: Document) -> str:
    images = [text(container, "image") for container in children(spec, "containers")]
    return random_suffix(0, fnv1a_32("/".join((account_name(spec), *images)).encode()))


def token_volume(name: str) -> Document:
    """The account's token, the cluster's certificate and the pod's namespace as files."""
    token = Document(expirationSeconds=TOKEN_SECONDS, path="token")
    certificate = Document(key="ca.crt", path="ca.crt")
    field = Document(apiVersion="v1", fieldPath="metadata.namespace")
    sources = (
        Document(serviceAccountToken=token),
        Document(configMap=Document(name="kube-root-ca.crt", items=(certificate,))),
        Document(downwardAPI=Document(items=(Document(path="namespace", fieldRef=field),))),
    )
    return Document(name=name, projected=Document(sources=sources, defaultMode=FILE_MODE))
