"""Secrets of type `kubernetes.io/service-account-token`: filled in, and gone with their account.

Such a Secret names its account in an annotation. It gets a token of that account that does not end,
the cluster's root certificate and the name of its namespace; what is there already stays. It is
deleted when its account is gone or is another one by now, and an account forgets a Secret of its
own that is deleted. The token is signed by the platform, which has the key.

Source: kubernetes v1.36, pkg/controller/serviceaccount/tokens_controller.go,
pkg/serviceaccount/legacy.go (LegacyClaims).
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterable
from typing import Final

import msgspec

from kelm.core.objects.meta import annotations_of, metadata
from kelm.core.runtime.controller import Caches, Plan, Sync
from kelm.effects.address import Key, Resource, key_of
from kelm.effects.commands import Command, Delete, Get, SignToken, Update
from kelm.effects.document import Document, child, children, text, with_values
from kelm.effects.messages import Change
from kelm.effects.program import Watch
from kelm.effects.refusals import Reason, Refusal

TOKEN_TYPE: Final = "kubernetes.io/service-account-token"
NAME: Final = "kubernetes.io/service-account.name"
UID: Final = "kubernetes.io/service-account.uid"
ISSUER: Final = "kubernetes/serviceaccount"
_OTHERS_WERE_FASTER: Final = frozenset({Reason.NOT_FOUND, Reason.CONFLICT})


class Learned(msgspec.Struct, frozen=True):
    """What was asked for: the account as it really is, and a signed token with whose it is."""

    looked: bool = False
    account: Document | None = None
    token: str = ""
    account_uid: str = ""


class ServiceAccountTokens(msgspec.Struct, frozen=True):
    """The controller. Its keys are Secrets, and `namespace/secret/account` for a deleted one.

    certificate: the root certificate in PEM; "" for none.
    """

    certificate: str = ""
    name: str = "serviceaccount-token-controller"
    watches: tuple[Watch, ...] = (Watch("serviceaccounts"), Watch("secrets"))
    workers: int = 5

    def dirty(self, caches: Caches, resource: Resource, change: Change) -> Iterable[Key]:
        if resource == "secrets":
            return _of_secret(change)
        return _of_account(caches, change)

    def every_key(self, caches: Caches) -> Iterable[Key]:
        return [metadata(doc).key for doc in caches["secrets"].objects() if _is_token(doc)]

    def reconcile(self, sync: Sync) -> Plan:
        if sync.key.count("/") == 2:
            return _forget(sync)
        secret = sync.caches["secrets"].get(sync.key)
        if secret is None or not _is_token(secret):
            return Plan()
        learned = sync.memory if isinstance(sync.memory, Learned) else Learned()
        account = _believed(sync, secret) or learned.account
        if account is None and not learned.looked:
            meta = metadata(secret)
            question = Get("serviceaccounts", meta.namespace, annotations_of(secret)[NAME])
            return Plan(((question,),), learned, again_at_ms=sync.now_ms)
        if account is None or not _is_for(account, secret):
            return _delete(secret)
        return self._filled(sync, secret, account, learned)

    def _filled(self, sync: Sync, secret: Document, account: Document, learned: Learned) -> Plan:
        """Write what the Secret lacks, once there is a token for it."""
        meta, data = metadata(secret), child(secret, "data")
        wanted: dict[str, str] = {}
        if self.certificate and data.get("ca.crt") != _base64(self.certificate):
            wanted["ca.crt"] = _base64(self.certificate)
        if not data.get("namespace"):
            wanted["namespace"] = _base64(meta.namespace)
        if not data.get("token"):
            uid = metadata(account).uid
            if learned.account_uid != uid:
                sign = SignToken(legacy_claims(account, meta.name))
                again = msgspec.structs.replace(learned, token="")
                return Plan(((sign,),), again, again_at_ms=sync.now_ms)
            wanted["token"] = _base64(learned.token)
        if not wanted:
            return Plan()
        whose = {NAME: metadata(account).name, UID: metadata(account).uid}
        annotations = Document({**annotations_of(secret), **whose})
        described = with_values(child(secret, "metadata"), [("annotations", annotations)])
        filled = Document({**data, **wanted})
        new = with_values(secret, [("metadata", described), ("data", filled)])
        update = Update("secrets", meta.namespace, meta.name, new)
        return Plan(((update,),), tolerated=_OTHERS_WERE_FASTER)

    def answered(self, sync: Sync, command: Command, answer: Document) -> object:
        learned = sync.memory
        if not isinstance(learned, Learned):
            return learned
        if isinstance(command, Get):
            return msgspec.structs.replace(learned, looked=True, account=answer)
        if isinstance(command, SignToken):
            uid = text(command.claims, f"{_PRIVATE}service-account.uid")
            signed = text(answer, "token")
            return msgspec.structs.replace(learned, token=signed, account_uid=uid)
        return learned

    def refused(self, sync: Sync, command: Command, refusal: Refusal) -> object:
        """An account that is not found is known to be gone; after anything else look anew."""
        if isinstance(command, Get) and refusal.reason is Reason.NOT_FOUND:
            return Learned(looked=True)
        return None


_PRIVATE: Final = "kubernetes.io/serviceaccount/"


def legacy_claims(account: Document, secret: str) -> Document:
    """What a token says that lives in a Secret: whose it is and where, and not until when.

    >>> account = Document(metadata=Document(name="robot", namespace="shop", uid="u-1"))
    >>> legacy_claims(account, "robot-token")["sub"]
    'system:serviceaccount:shop:robot'
    """
    meta = metadata(account)
    return Document(
        {
            "iss": ISSUER,
            f"{_PRIVATE}namespace": meta.namespace,
            f"{_PRIVATE}secret.name": secret,
            f"{_PRIVATE}service-account.name": meta.name,
            f"{_PRIVATE}service-account.uid": meta.uid,
            "sub": f"system:serviceaccount:{meta.namespace}:{meta.name}",
        }
    )


def _base64(plain: str) -> str:
    return b64encode(plain.encode()).decode()


def _is_token(secret: Document) -> bool:
    return secret.get("type") == TOKEN_TYPE and bool(annotations_of(secret).get(NAME))


def _is_for(account: Document, secret: Document) -> bool:
    """Whether a Secret is of this very account; one without a uid is of any of the name."""
    uid = annotations_of(secret).get(UID)
    return not uid or uid == metadata(account).uid


def _believed(sync: Sync, secret: Document) -> Document | None:
    key = key_of(metadata(secret).namespace, annotations_of(secret)[NAME])
    account = sync.caches["serviceaccounts"].get(key)
    return account if account is not None and _is_for(account, secret) else None


def _of_secret(change: Change) -> list[Key]:
    if change.new is not None:
        return [change.key] if _is_token(change.new) else []
    if change.old is None or not _is_token(change.old):
        return []
    return [f"{change.key}/{annotations_of(change.old)[NAME]}"]


def _of_account(caches: Caches, change: Change) -> list[Key]:
    """The Secrets of an account that is gone, or was replaced by a namesake."""
    old, new = change.old, change.new
    if old is None or (new is not None and metadata(new).uid == metadata(old).uid):
        return []
    meta = metadata(old)
    return [
        metadata(secret).key
        for secret in caches["secrets"].select("namespace", meta.namespace)
        if _is_token(secret) and annotations_of(secret)[NAME] == meta.name
    ]


def _delete(secret: Document) -> Plan:
    meta = metadata(secret)
    delete = Delete("secrets", meta.namespace, meta.name, meta.uid)
    return Plan(((delete,),), tolerated=_OTHERS_WERE_FASTER)


def _forget(sync: Sync) -> Plan:
    """Take a deleted Secret out of its account's list."""
    namespace, name, owner = sync.key.split("/")
    account = sync.caches["serviceaccounts"].get(key_of(namespace, owner))
    if account is None or sync.caches["secrets"].get(key_of(namespace, name)) is not None:
        return Plan()
    listed = children(account, "secrets")
    kept = tuple(one for one in listed if one.get("name") != name)
    if len(kept) == len(listed):
        return Plan()
    new = with_values(account, [("secrets", kept or None)])
    return Plan(((Update("serviceaccounts", namespace, owner, new),),))
