"""How containers look up names: resolv.conf, hosts, records, and what commands print of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kelm import Cluster
from kelm.core.network.resolver import Resolver, candidates, read_hosts
from kelm.core.node.pods.dns import DnsConfig, dns_config, read_resolv_conf, resolv_conf
from kelm.effects.document import Document, document
from tests.core.programs.clusters import agnhost, ask, body, cluster_with, service, typed


def with_spec(name: str, **spec: Any) -> dict[str, Any]:
    pod = agnhost(name, "netexec")
    pod["spec"].update(spec)
    return pod


def headless(name: str, app: str) -> dict[str, Any]:
    one = service(name, app, 80, 8080, clusterIP="None")
    one["spec"]["ports"][0]["name"] = "http"
    return one


def address_of(cluster: Cluster, pod: str) -> str:
    doc = cluster.get("pods", pod)
    assert doc is not None
    return str(doc["status"]["podIP"])  # type: ignore[index,call-overload]


def test_a_pod_that_names_its_own_resolver_has_just_that() -> None:
    own = {
        "nameservers": ["1.1.1.1"],
        "searches": ["resolv.conf.local"],
        "options": [{"name": "ndots", "value": "2"}, {"name": "edns0"}],
    }
    cluster = cluster_with(
        with_spec("own", dnsPolicy="None", dnsConfig=own), service("web", "own", 80, 8080)
    )
    assert typed(cluster, "own", "/agnhost", "dns-suffix").out == "resolv.conf.local\n"
    assert typed(cluster, "own", "/agnhost", "dns-server-list").out == "1.1.1.1\n"
    assert typed(cluster, "own", "cat", "/etc/resolv.conf").out == (
        "search resolv.conf.local\nnameserver 1.1.1.1\noptions ndots:2 edns0\n"
    )
    # 1.1.1.1 knows nothing of the cluster.
    assert typed(cluster, "own", "/agnhost", "connect", "web.default.svc.cluster.local:80").err == (
        "DNS: lookup web.default.svc.cluster.local: no such host\n"
    )


def test_what_a_pod_adds_comes_after_what_its_policy_gives() -> None:
    added = document({"nameservers": ["9.9.9.9", "10.96.0.10"], "searches": ["corp.example"]})
    found = dns_config(Document(dnsConfig=added), "shop")
    assert found.nameservers == ("10.96.0.10", "9.9.9.9")
    assert found.searches[0] == "shop.svc.cluster.local" and found.searches[-1] == "corp.example"
    assert found.options == ("ndots:5",)


def test_a_machines_own_pod_has_its_machines_resolver_unless_it_says_otherwise() -> None:
    cluster = cluster_with(
        with_spec("plain", hostNetwork=True),
        with_spec("asking", hostNetwork=True, dnsPolicy="ClusterFirstWithHostNet"),
        agnhost("one", "netexec"),
        service("web", "one", 80, 8080),
    )
    assert typed(cluster, "plain", "curl", "-s", "http://web/hostname").code == 6
    assert typed(cluster, "asking", "curl", "-s", "http://web/hostname").out == "one"
    assert typed(cluster, "plain", "getent", "hosts", "node-1").out.startswith("172.18.")


def test_a_containers_hosts_file_is_asked_before_any_server() -> None:
    aliases = [{"ip": "10.1.2.3", "hostnames": ["db", "db.local"]}]
    cluster = cluster_with(
        with_spec("one", hostAliases=aliases, hostname="me", subdomain="sub"),
        service("db", "nobody", 80, 80),
    )
    assert typed(cluster, "one", "getent", "hosts", "db").out.split()[0] == "10.1.2.3"
    assert typed(cluster, "one", "getent", "hosts", "me").out.split()[0] == address_of(
        cluster, "one"
    )
    changed = "echo 10.9.9.9 later >> /etc/hosts; getent hosts later"
    assert typed(cluster, "one", "sh", "-c", changed).out.split()[0] == "10.9.9.9"
    assert "10.1.2.3\tdb\tdb.local\n" in typed(cluster, "one", "/agnhost", "etc-hosts").out


def test_a_machines_own_pod_has_its_machines_hosts_file() -> None:
    cluster = cluster_with(agnhost("own"), with_spec("host", hostNetwork=True))
    own, host = (typed(cluster, name, "cat", "/etc/hosts").out for name in ("own", "host"))
    assert own.startswith("# Kubernetes-managed hosts file.\n")
    assert f"{address_of(cluster, 'own')}\town\n" in own
    assert host == (
        "# Kubernetes-managed hosts file (host network).\n"
        "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
    )


def test_an_external_name_is_an_alias() -> None:
    cluster = cluster_with(
        agnhost("one", "netexec"),
        service("web", "one", 80, 8080),
        service("out", "one", 80, 8080, type="ExternalName", externalName="foo.example.com"),
        service(
            "in", "one", 80, 8080, type="ExternalName", externalName="web.default.svc.cluster.local"
        ),
    )
    full = "out.default.svc.cluster.local"
    assert typed(cluster, "one", "dig", "+short", full, "CNAME").out == "foo.example.com.\n"
    assert (
        typed(cluster, "one", "dig", "+short", "web.default.svc.cluster.local", "CNAME").out == ""
    )
    assert typed(cluster, "one", "dig", "+short", full).out == ""
    assert body(ask(cluster, "in", 80, "/hostname")) == "one"


def test_ports_and_addresses_have_names_too() -> None:
    pod = with_spec("db-0", hostname="db-0", subdomain="db")
    web = service("web", "db-0", 80, 8080)
    web["spec"]["ports"][0]["name"] = "http"
    cluster = cluster_with(pod, headless("db", "db-0"), web)
    named = "_http._tcp.web.default.svc.cluster.local"
    assert typed(cluster, "db-0", "dig", "+short", named, "SRV").out == (
        "0 100 80 web.default.svc.cluster.local.\n"
    )
    named = named.replace("web", "db")
    assert typed(cluster, "db-0", "dig", "+short", named, "SRV").out == (
        "0 100 8080 db-0.db.default.svc.cluster.local.\n"
    )
    backwards = ".".join(reversed(address_of(cluster, "db-0").split("."))) + ".in-addr.arpa"
    assert typed(cluster, "db-0", "dig", "+short", backwards, "PTR").out == (
        "db-0.db.default.svc.cluster.local.\n"
    )
    assert (
        typed(cluster, "db-0", "dig", "+short", "_x._tcp.web.default.svc.cluster.local").out == ""
    )


def test_a_script_that_changes_how_names_are_found_finds_others_from_then_on() -> None:
    script = (
        "for i in 1 2; do getent hosts web >> /tmp/seen; echo 10.1.2.3 web > /etc/hosts; done;"
        "sleep 1000"
    )
    cluster = cluster_with(service("web", "one", 80, 8080, clusterIP="10.96.0.77"))
    cluster.apply(agnhost("looks", command=["sh", "-c", script]))
    cluster.run_until_converged()
    first, second = typed(cluster, "looks", "cat", "/tmp/seen").out.splitlines()
    assert first.split() == ["10.96.0.77", "web.default.svc.cluster.local"]
    assert second.split() == ["10.1.2.3", "web"]


def test_a_container_that_looks_up_a_name_as_it_starts_finds_what_is_there() -> None:
    script = "dig +short out.default.svc.cluster.local CNAME > /tmp/seen; sleep 1000"
    cluster = cluster_with(
        service("out", "one", 80, 8080, type="ExternalName", externalName="foo.example.com")
    )
    cluster.apply(agnhost("looks", command=["sh", "-c", script]))
    cluster.run_until_converged()
    assert typed(cluster, "looks", "cat", "/tmp/seen").out == "foo.example.com.\n"


WORDS = st.text("abcdefgh.-", min_size=1, max_size=12)
ADDRESSES = st.sampled_from(["10.0.0.1", "10.0.0.2", "fd00::1"])


@given(
    st.lists(ADDRESSES, max_size=3),
    st.lists(WORDS, max_size=4),
    st.lists(WORDS.map(lambda word: word.replace(".", "")).filter(bool), max_size=3),
)
def test_a_resolver_reads_what_the_kubelet_wrote(
    nameservers: list[str], searches: list[str], options: list[str]
) -> None:
    config = DnsConfig(tuple(nameservers), tuple(searches), tuple(options))
    assert read_resolv_conf(resolv_conf(config)) == config


@given(st.text("abc.", min_size=1, max_size=12), st.lists(WORDS, max_size=4), st.integers(0, 5))
def test_every_name_is_tried_as_it_is_and_under_each_domain_once(
    name: str, searches: list[str], ndots: int
) -> None:
    tried = candidates(name, Resolver(tuple(searches), ndots))
    if name.endswith("."):
        assert tried == (name[:-1],)
    else:
        assert sorted(tried) == sorted([name, *(f"{name}.{one}" for one in searches)])
        assert tried[-1 if name.count(".") < ndots else 0] == name


@given(st.lists(st.tuples(ADDRESSES, WORDS), max_size=6))
def test_a_hosts_file_gives_every_name_an_address_that_it_has(pairs: list[tuple[str, str]]) -> None:
    found = read_hosts("\n".join(f"{address}\t{name}" for address, name in pairs))
    assert set(found) == {name for _, name in pairs}
    for name, address in found.items():
        own = [one for one, other in pairs if other == name]
        assert address == next((one for one in own if ":" not in one), own[0])
