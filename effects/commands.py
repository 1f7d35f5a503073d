"""What a Program may ask for. Commands are data: compare them, print them, store them.

A tuple of requests promises no order: where B must follow A, ask for B when A's answer arrives.
"""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from kelm.effects.address import ObjectRef, RequestId, Resource, Uid
from kelm.effects.document import Document, Json

Propagation: TypeAlias = Literal["", "Orphan", "Background", "Foreground"]
PatchType: TypeAlias = Literal["json", "merge", "strategic", "apply"]


class Create(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Store a new object; `metadata.generateName` asks for a fresh name.

    `field_manager`, where given, owns what the object sets.
    """

    resource: Resource
    namespace: str
    object: Document
    subresource: str = ""
    name: str = ""
    dry_run: bool = False
    field_manager: str = ""


class Update(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Replace an object, or one subresource of it (`status`, `scale`).

    `object.metadata.resourceVersion`, where given, must still be the stored one.
    """

    resource: Resource
    namespace: str
    name: str
    object: Document
    subresource: str = ""
    dry_run: bool = False
    field_manager: str = ""


class Patch(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Change parts of an object. `patch` is a list for JSON patches, else a document."""

    resource: Resource
    namespace: str
    name: str
    patch: Json
    patch_type: PatchType = "merge"
    subresource: str = ""
    field_manager: str = ""
    force: bool = False
    dry_run: bool = False


class Delete(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Delete an object; with `uid` exactly that one, not a namesake born later."""

    resource: Resource
    namespace: str
    name: str
    uid: Uid = ""
    resource_version: str = ""
    grace_period_seconds: int | None = None
    propagation_policy: Propagation = ""
    dry_run: bool = False


class DeleteCollection(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Delete every object of a namespace that the selectors choose."""

    resource: Resource
    namespace: str
    label_selector: str = ""
    field_selector: str = ""
    grace_period_seconds: int | None = None
    propagation_policy: Propagation = ""
    dry_run: bool = False


class Get(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Read one object, or one subresource of it (`scale`), as it is now, past every cache."""

    resource: Resource
    namespace: str
    name: str
    subresource: str = ""


class List(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Read objects, sorted by key; `continue_token` goes on where a limited list stopped.

    `resource_version_match` "Exact" asks for the state at `resource_version`.
    """

    resource: Resource
    namespace: str = ""
    label_selector: str = ""
    field_selector: str = ""
    limit: int = 0
    continue_token: str = ""
    resource_version: str = ""
    resource_version_match: Literal["", "NotOlderThan", "Exact"] = ""


class Bind(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Give the pod with this uid to a node, once."""

    namespace: str
    name: str
    uid: Uid
    node: str


class Evict(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Delete a pod if its disruption budgets allow."""

    namespace: str
    name: str
    uid: Uid = ""
    grace_period_seconds: int | None = None


MetricsApi: TypeAlias = Literal["resource", "custom", "external"]


class ReadMetrics(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Read what was measured last, as one of the metrics APIs serves it.

    api: "resource" (metrics.k8s.io: processor time and memory), "custom" (custom.metrics.k8s.io:
        a metric of an object, or of each pod) or "external" (external.metrics.k8s.io).
    resource, name: whose metrics: `pods` and `nodes` have resource metrics, every resource may have
        custom ones; name "" is all that the selectors choose.
    metric, metric_selector: which custom or external metric.
    """

    api: MetricsApi
    resource: Resource = "pods"
    namespace: str = ""
    name: str = ""
    metric: str = ""
    label_selector: str = ""
    field_selector: str = ""
    metric_selector: str = ""


class RecordEvent(msgspec.Struct, frozen=True, tag=True, tag_field="command", gc=False):
    """Tell people what happened. Never answered; repeated events are counted, not repeated."""

    regarding: ObjectRef
    regarding_kind: str
    regarding_api_version: str
    type: Literal["Normal", "Warning"]
    reason: str
    message: str
    component: str
    host: str = ""
    action: str = ""
    field_path: str = ""


class LaunchInstance(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Boot one machine of a node pool's template in a zone."""

    pool: str
    zone: str
    name: str


class TerminateInstance(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Switch a machine off for good."""

    pool: str
    name: str


class SignToken(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Have a token of these claims signed with the cluster's key: answered `{"token": text}`.

    The same claims make the same token.
    """

    claims: Document


class SignCertificate(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Have a certificate signed by the cluster's authority: answered `{"certificate": PEM}`.

    `request` is the PEM of a PKCS#10 request, whose subject, names and key the certificate gets;
    `usages` are Kubernetes' names of key usages. It holds from `from_ms` until `until_ms`, at most
    as long as its authority.
    """

    request: str
    usages: tuple[str, ...]
    from_ms: int
    until_ms: int


class Send(msgspec.Struct, frozen=True, tag=True, tag_field="command"):
    """Send a request over the network of the pods: answered by what came back.

    It comes from a container of a pod, or (`container` "") from the machine that the pod is on.
    `fetch` is what is sent, as JSON, and the answer is `{"response": JSON}` or, where nothing came
    back, `{"unreachable": JSON}`.
    """

    pod: ObjectRef
    container: str
    fetch: str


Command: TypeAlias = (
    Create
    | Update
    | Patch
    | Delete
    | DeleteCollection
    | Get
    | List
    | Bind
    | Evict
    | ReadMetrics
    | RecordEvent
    | LaunchInstance
    | TerminateInstance
    | SignToken
    | SignCertificate
    | Send
)


def by(command: Command, manager: str) -> Command:
    """The command of somebody with a name, unless it says itself who writes.

    >>> by(Update("pods", "default", "a", Document()), "kubelet").field_manager
    'kubelet'
    """
    if isinstance(command, Create | Update | Patch) and not command.field_manager:
        return msgspec.structs.replace(command, field_manager=manager)
    return command


class Request(msgspec.Struct, frozen=True):
    """A command with the number under which its answer comes back.

    Numbers are the asking Program's own: it counts them in its state. 0 means that no answer
    is wanted.
    """

    id: RequestId
    command: Command


Requests: TypeAlias = "tuple[Request, ...]"
