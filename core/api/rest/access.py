"""Who asks, what that asks of authorization, and how a no is said.

Source: kubernetes v1.36, apiserver/pkg/endpoints/filters/impersonation,
apiserver/pkg/endpoints/handlers/responsewriters/errors.go (ForbiddenStatusError).
"""

from __future__ import annotations

from typing import Final

import msgspec

from kelm.core.api.authorization.decide import ANONYMOUS_NAME
from kelm.core.api.authorization.rbac import Request as Question
from kelm.core.api.rest.address import Address, Target
from kelm.effects.document import EMPTY, Document, elements
from kelm.effects.refusals import Reason, Refusal


class User(msgspec.Struct, frozen=True):
    """Somebody that a request comes from."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Document = EMPTY
    """What else is known of who asks, by the name of what it is: each several texts."""

    @property
    def info(self) -> Document:
        """Somebody as reviews and webhooks are shown him.

        >>> User("ann", extra=Document(scopes=("view",))).info
        {'username': 'ann', 'extra': {'scopes': ('view',)}}
        """
        fields = (
            ("username", self.name),
            ("uid", self.uid),
            ("groups", self.groups),
            ("extra", self.extra),
        )
        return Document({key: value for key, value in fields if value})


_AUTHENTICATION: Final = "authentication.k8s.io"
ANONYMOUS: Final = User(ANONYMOUS_NAME, ("system:unauthenticated",))
UNAUTHORIZED: Final = Refusal(Reason.UNAUTHORIZED, "Unauthorized")


def question(user: User, verb: str, target: Target | Address | None, path: str) -> Question:
    """What a request asks of authorization; of what is not there as of what is."""
    if target is None:
        return Question(verb, path=path, user=user.name, groups=user.groups)
    named = target.info if isinstance(target, Target) else target
    return Question(
        verb,
        named.group,
        named.plural,
        target.subresource,
        target.namespace,
        target.name,
        user=user.name,
        groups=user.groups,
    )


def forbidden(asked: Question) -> Refusal:
    """The refusal of what somebody may not do.

    >>> forbidden(Question("list", "", "pods", "", "shop", user="ann")).message
    'pods is forbidden: User "ann" cannot list resource "pods" in API group "" in the namespace \
"shop"'
    """
    if asked.path:
        said = f'forbidden: User "{asked.user}" cannot {asked.verb} path "{asked.path}"'
        return Refusal(Reason.FORBIDDEN, said, detailed=True)
    whole = f"{asked.resource}/{asked.subresource}" if asked.subresource else asked.resource
    where = f'in the namespace "{asked.namespace}"' if asked.namespace else "at the cluster scope"
    qualified = f"{asked.resource}.{asked.api_group}" if asked.api_group else asked.resource
    named = f'{qualified} "{asked.name}"' if asked.name else qualified
    said = (
        f'{named} is forbidden: User "{asked.user}" cannot {asked.verb} resource "{whole}" in API '
        f'group "{asked.api_group}" {where}'
    )
    return Refusal(
        Reason.FORBIDDEN, said, name=asked.name, group=asked.api_group, kind=asked.resource
    )


class Impersonation(msgspec.Struct, frozen=True):
    """Somebody whom a request wants to be taken for."""

    user: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Document = EMPTY

    def questions(self, by: User) -> tuple[Question, ...]:
        """What has to be allowed for it.

        >>> [one.resource for one in Impersonation("ann", ("dev",)).questions(User("admin"))]
        ['users', 'groups']
        """
        asked = [("", "users", "", "", self.user)]
        account = self.user.split(":")
        if len(account) == 4 and account[:2] == ["system", "serviceaccount"]:
            asked = [("", "serviceaccounts", "", account[2], account[3])]
        asked += [("", "groups", "", "", group) for group in self.groups]
        for key in self.extra:
            texts = map(str, elements(self.extra, key))
            asked += [(_AUTHENTICATION, "userextras", key, "", one) for one in texts]
        if self.uid:
            asked.append((_AUTHENTICATION, "uids", "", "", self.uid))
        return tuple(Question("impersonate", *one, user=by.name, groups=by.groups) for one in asked)

    def become(self) -> User:
        """The user that the request then comes from.

        >>> Impersonation("ann").become().groups
        ('system:authenticated',)
        """
        account = self.user.split(":")
        groups = self.groups
        if len(account) == 4 and account[:2] == ["system", "serviceaccount"] and not groups:
            groups = ("system:serviceaccounts", f"system:serviceaccounts:{account[2]}")
        if self.user != ANONYMOUS_NAME and "system:authenticated" not in groups:
            groups = (*groups, "system:authenticated")
        return User(self.user, groups, self.uid, self.extra)
