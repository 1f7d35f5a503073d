"""A container's and a pod's specification as the node reads them: decoded once a document.

Source: kubernetes v1.36, api/core/v1/types.go (Container, Probe, Lifecycle, PodSpec).
"""

from __future__ import annotations

import msgspec

from kelm.core.node.containers.behaviour import ProbeKind
from kelm.core.node.pods.handlers import NO_HANDLER, Handler, handler_of
from kelm.core.node.pods.sources import DISK_SOURCES, claims_of, sources_of, volume_sources
from kelm.core.objects.quantity import cpu_milli, whole_units
from kelm.effects.address import Resource
from kelm.effects.document import (
    EMPTY,
    Document,
    child,
    children,
    elements,
    number,
    text,
    value_at,
)

ANY_ADDRESS = ("", "0.0.0.0", "::")


class Probe(msgspec.Struct, frozen=True, gc=False):
    """One probe with its defaults."""

    kind: ProbeKind
    handler: Handler = NO_HANDLER
    initial_delay_ms: int = 0
    period_ms: int = 10_000
    timeout_ms: int = 1_000
    success_threshold: int = 1
    failure_threshold: int = 3
    grace_period_seconds: int | None = None


class ExitRule(msgspec.Struct, frozen=True, gc=False):
    """A restart rule: restart where the exit code is (`In`) or is not (`NotIn`) one of these."""

    operator: str = "In"
    values: tuple[int, ...] = ()
    action: str = "Restart"


class HostPort(msgspec.Struct, frozen=True, gc=False):
    """A port of a machine, on one of its addresses or ("") on all."""

    port: int
    protocol: str = "TCP"
    ip: str = ""

    def conflicts(self, other: HostPort) -> bool:
        """Whether two containers of one machine cannot both have these.

        >>> HostPort(80).conflicts(HostPort(80, ip="10.0.0.1"))
        True
        >>> HostPort(80, ip="10.0.0.2").conflicts(HostPort(80, ip="10.0.0.1"))
        False
        """
        if (self.port, self.protocol) != (other.port, other.protocol):
            return False
        return self.ip == other.ip or "" in (self.ip, other.ip)


class Recipe(msgspec.Struct, frozen=True, gc=False):
    """One container. `restart_policy` is "" where the pod's holds; probes: startup comes first.

    sources: what its environment is made from beside the pod; sub_paths: what parts of volumes it
    mounts, as expressions; host_ports: what it takes of its machine's ports; resources: what it
    asks for and is limited to, as its document has it.
    """

    name: str
    image: str
    pull_policy: str
    restart_policy: str = ""
    restart_rules: tuple[ExitRule, ...] = ()
    probes: tuple[Probe, ...] = ()
    post_start: Handler | None = None
    pre_stop: Handler | None = None
    command: tuple[str, ...] = ()
    args: tuple[str, ...] = ()
    has_env: bool = False
    sources: tuple[Resource, ...] = ()
    sub_paths: tuple[str, ...] = ()
    host_ports: tuple[HostPort, ...] = ()
    reads_input: bool = False
    cpu_milli: int = 0
    memory_bytes: int = 0
    resources: Document = EMPTY


class PodRecipe(msgspec.Struct, frozen=True, gc=False):
    """A pod: its init containers (sidecars among them) and then its own, in one list.

    claims: its volumes that stand for claims (see `sources.claims_of`).
    guests: its ephemeral containers. field: where its containers stand in the specification, where
        that is neither of the usual places (see `guests`). mounts_host: whether a volume of it is
        part of its machine's files.
    """

    spec: Document
    containers: tuple[Recipe, ...]
    init_count: int
    restart_policy: str
    grace_seconds: int
    host_network: bool
    active_deadline_ms: int | None
    readiness_gates: tuple[str, ...]
    cpu_milli: int
    memory_bytes: int
    volume_sources: tuple[Resource, ...] = ()
    claims: tuple[tuple[str, str], ...] = ()
    guests: tuple[Recipe, ...] = ()
    hidden_init_count: int = 0
    field: str = ""
    mounts_host: bool = False

    @property
    def sources(self) -> tuple[Resource, ...]:
        """What its containers' environments and its volumes are made from beside the pod."""
        own = [one for recipe in self.containers for one in recipe.sources]
        return (*own, *self.volume_sources, *(DISK_SOURCES if self.claims else ()))

    @property
    def host_ports(self) -> tuple[HostPort, ...]:
        """What its containers take of the machine's ports."""
        return tuple([one for recipe in self.containers for one in recipe.host_ports])

    @property
    def init(self) -> tuple[Recipe, ...]:
        return self.containers[: self.init_count]

    @property
    def apps(self) -> tuple[Recipe, ...]:
        return self.containers[self.init_count :]

    def is_sidecar(self, index: int) -> bool:
        return index < self.init_count and self.containers[index].restart_policy == "Always"


def recipe(doc: Document) -> Recipe:
    """The recipe of a container's document; worked out once, then kept with it."""
    try:
        seen = doc.derived
    except AttributeError:
        seen = None
    if type(seen) is Recipe:
        return seen
    decoded = _decode(doc)
    doc.derived = decoded
    return decoded


_PROBES: tuple[tuple[ProbeKind, str], ...] = (
    ("startup", "startupProbe"),
    ("liveness", "livenessProbe"),
    ("readiness", "readinessProbe"),
)
"""In this order: what the first says may let the others begin."""


def _decode(doc: Document) -> Recipe:
    image = text(doc, "image")
    requests = child(doc, "resources", "requests")
    command, args = _words(doc, "command"), _words(doc, "args")
    sources = sources_of(doc, command + args)
    return Recipe(
        name=text(doc, "name"),
        image=image,
        pull_policy=text(doc, "imagePullPolicy") or default_pull_policy(image),
        restart_policy=text(doc, "restartPolicy"),
        restart_rules=_rules(doc) if "restartPolicyRules" in doc else (),
        probes=tuple([_probe(doc, kind) for kind, field in _PROBES if doc.get(field) is not None]),
        post_start=_hook(doc, "postStart") if "lifecycle" in doc else None,
        pre_stop=_hook(doc, "preStop") if "lifecycle" in doc else None,
        command=command,
        args=args,
        has_env="env" in doc or "envFrom" in doc or bool(sources),
        sources=sources,
        sub_paths=tuple([text(one, "subPathExpr") for one in _expressed(doc)]),
        host_ports=_host_ports(doc) if "ports" in doc else (),
        reads_input=doc.get("stdin") is True,
        cpu_milli=cpu_milli(requests["cpu"]) if "cpu" in requests else 0,  # type: ignore[arg-type]
        memory_bytes=whole_units(requests["memory"]) if "memory" in requests else 0,  # type: ignore[arg-type]
        resources=child(doc, "resources"),
    )


def default_pull_policy(image: str) -> str:
    """Always for `latest` and for no tag, else IfNotPresent.

    >>> default_pull_policy("nginx"), default_pull_policy("nginx:1.25")
    ('Always', 'IfNotPresent')
    """
    if "@" in image:
        return "IfNotPresent"
    tag = image.rpartition("/")[2].partition(":")[2]
    return "Always" if tag in ("", "latest") else "IfNotPresent"


def _host_ports(doc: Document) -> tuple[HostPort, ...]:
    return tuple(
        [
            HostPort(
                number(one, "hostPort"),
                text(one, "protocol", default="TCP"),
                ip if (ip := text(one, "hostIP")) not in ANY_ADDRESS else "",
            )
            for one in children(doc, "ports")
            if one.get("hostPort")
        ]
    )


def _expressed(doc: Document) -> list[Document]:
    """The mounts whose paths are made from variables."""
    return [one for one in children(doc, "volumeMounts") if "subPathExpr" in one]


def _words(doc: Document, field: str) -> tuple[str, ...]:
    return tuple([word for word in elements(doc, field) if isinstance(word, str)])


def _rules(doc: Document) -> tuple[ExitRule, ...]:
    return tuple(
        ExitRule(
            text(rule, "exitCodes", "operator", default="In"),
            tuple(v for v in elements(rule, "exitCodes", "values") if isinstance(v, int)),
            text(rule, "action", default="Restart"),
        )
        for rule in children(doc, "restartPolicyRules")
    )


def _probe(doc: Document, kind: ProbeKind) -> Probe:
    probe = child(doc, f"{kind}Probe")
    grace = value_at(probe, "terminationGracePeriodSeconds")
    return Probe(
        kind=kind,
        handler=handler_of(doc, probe),
        initial_delay_ms=number(probe, "initialDelaySeconds") * 1_000,
        period_ms=(number(probe, "periodSeconds") or 10) * 1_000,
        timeout_ms=(number(probe, "timeoutSeconds") or 1) * 1_000,
        success_threshold=number(probe, "successThreshold") or 1,
        failure_threshold=number(probe, "failureThreshold") or 3,
        grace_period_seconds=grace if isinstance(grace, int) else None,
    )


def _hook(doc: Document, name: str) -> Handler | None:
    hook = value_at(doc, "lifecycle", name)
    return handler_of(doc, hook) if isinstance(hook, Document) else None


def pod_recipe(spec: Document) -> PodRecipe:
    """A pod's specification as the node reads it."""
    get = spec.get
    init = _recipes(spec, "initContainers") if "initContainers" in spec else ()
    apps = _recipes(spec, "containers")
    deadline, grace = get("activeDeadlineSeconds"), get("terminationGracePeriodSeconds")
    gates = children(spec, "readinessGates") if "readinessGates" in spec else ()
    policy = get("restartPolicy")
    guests = _recipes(spec, "ephemeralContainers") if "ephemeralContainers" in spec else ()
    return PodRecipe(
        spec=spec,
        volume_sources=volume_sources(spec) if "volumes" in spec else (),
        mounts_host=any("hostPath" in one for one in children(spec, "volumes")),
        claims=claims_of(spec) if "volumes" in spec else (),
        guests=guests,
        containers=init + apps,
        init_count=len(init),
        restart_policy=policy if isinstance(policy, str) else "Always",
        grace_seconds=grace if isinstance(grace, int) else 30,
        host_network=get("hostNetwork") is True,
        active_deadline_ms=deadline * 1_000 if isinstance(deadline, int) else None,
        readiness_gates=tuple([text(gate, "conditionType") for gate in gates]),
        cpu_milli=_needed(init, [r.cpu_milli for r in init], sum([r.cpu_milli for r in apps])),
        memory_bytes=_needed(
            init, [r.memory_bytes for r in init], sum([r.memory_bytes for r in apps])
        ),
    )


def _recipes(spec: Document, field: str) -> tuple[Recipe, ...]:
    return tuple([recipe(doc) for doc in children(spec, field)])


def _needed(recipes: tuple[Recipe, ...], init: list[int], apps: int) -> int:
    """What a pod asks of its node: its containers and sidecars together, or an init container
    beside the sidecars started before it, whichever is more.

    Source: component-helpers/resource/helpers.go, PodRequests (without overhead).
    """
    if not recipes:
        return apps
    sidecars = peak = 0
    for amount, one in zip(init, recipes, strict=True):
        if one.restart_policy == "Always":
            sidecars += amount
            peak = max(peak, sidecars)
        else:
            peak = max(peak, sidecars + amount)
    return max(peak, sidecars + apps)
