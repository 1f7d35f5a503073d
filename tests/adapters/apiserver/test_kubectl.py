"""Sessions of the real kubectl against `kelm serve`."""

from __future__ import annotations

import json
import os
import subprocess
import urllib.error
from base64 import b64decode
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.apiserver.test_serve import Server
from tests.adapters.apiserver.tools import tool
from tests.core.controllers.test_certificates import key_of_requests, request

WEB = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: web}
spec:
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      containers:
      - {name: nginx, image: "nginx:1", ports: [{containerPort: 80}]}
---
apiVersion: v1
kind: Service
metadata: {name: web}
spec: {selector: {app: web}, ports: [{port: 80}]}
"""


class Kubectl:
    """kubectl with a kubeconfig and a namespace of its own."""

    def __init__(self, path: Path, kubeconfig: Path, folder: Path) -> None:
        self.path = path
        self.environment = {
            **os.environ,
            "KUBECONFIG": str(kubeconfig),
            "HOME": str(folder),
            "TZ": "UTC",
            "KUBE_EDITOR": "sed -i s/nginx:1/nginx:9/",
        }
        self.namespace = ""

    def run(self, *words: str, stdin: str = "") -> tuple[int, str, str]:
        """Exit code, output, errors."""
        scope = ["-n", self.namespace] if self.namespace else []
        done = subprocess.run(
            [str(self.path), *scope, *words],
            env=self.environment,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout, done.stderr

    def __call__(self, words: str, *more: str, stdin: str = "") -> str:
        """The output of a command that must do well; `words` are split at spaces."""
        code, output, errors = self.run(*words.split(), *more, stdin=stdin)
        assert code == 0, f"kubectl {words}: {errors}{output}"
        return output

    def fails(self, words: str, *more: str, stdin: str = "") -> str:
        """What a command says that must fail."""
        code, output, errors = self.run(*words.split(), *more, stdin=stdin)
        assert code != 0, f"kubectl {words}: {output}"
        return errors + output


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    tool("kubectl")
    server = Server(tmp_path_factory.mktemp("kelm"), "--nodes", "3", "--speed", "max")
    yield server
    _, output = server.stop()
    assert "Traceback" not in output


@pytest.fixture
def kubectl(
    cluster: Server, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Kubectl:
    found = Kubectl(tool("kubectl"), cluster.kubeconfig, tmp_path_factory.mktemp("home"))
    name = request.node.name.removeprefix("test_").replace("_", "-")[:50].strip("-")
    found(f"create namespace {name}")
    found(f"wait --for=jsonpath={{.metadata.name}}=default serviceaccount/default -n {name}")
    found.namespace = name
    return found


def applied(kubectl: Kubectl) -> None:
    kubectl("apply -f -", stdin=WEB)
    kubectl("rollout status deployment/web --timeout=30s")


def test_applying_twice_changes_nothing_and_a_diff_says_what_would(kubectl: Kubectl) -> None:
    first = kubectl("apply -f -", stdin=WEB)
    assert first == "deployment.apps/web created\nservice/web created\n"
    again = kubectl("apply -f -", stdin=WEB)
    assert again == "deployment.apps/web unchanged\nservice/web unchanged\n"
    newer = WEB.replace("nginx:1", "nginx:2")
    assert "+      - image: nginx:2" in kubectl.fails("diff -f -", stdin=newer)
    assert "configured" in kubectl("apply -f -", stdin=newer)
    assert kubectl("apply --dry-run=server -f -", stdin=WEB).startswith(
        "deployment.apps/web configured (server dry run)"
    )


def test_applying_on_the_servers_side_asks_the_other_owners(kubectl: Kubectl) -> None:
    kubectl("apply --server-side -f -", stdin=WEB)
    kubectl("scale deployment/web --replicas=5")
    said = kubectl.fails("apply --server-side --field-manager=other -f -", stdin=WEB)
    assert ".spec.replicas" in said
    forced = kubectl("apply --server-side --force-conflicts -f -", stdin=WEB)
    assert forced.startswith("deployment.apps/web serverside-applied")
    assert kubectl("get deployment web -o jsonpath={.spec.replicas}") == "2"


def test_fields_belong_to_who_set_them(kubectl: Kubectl) -> None:
    kubectl("create configmap owned --from-literal=a=1")
    path = "jsonpath={.metadata.managedFields[*].manager}"
    assert kubectl("get configmap owned --show-managed-fields -o", path) == "kubectl-create"
    other = "{apiVersion: v1, kind: ConfigMap, metadata: {name: owned}, data: {a: '2'}}"
    refused = kubectl.fails("apply --server-side --field-manager=me -f -", stdin=other)
    assert 'conflict with "kubectl-create" using v1: .data.a' in refused
    kubectl("apply --server-side --field-manager=me --force-conflicts -f -", stdin=other)
    assert kubectl("get configmap owned --show-managed-fields -o", path) == "me kubectl-create"


def test_a_rollout_is_watched_undone_paused_and_restarted(kubectl: Kubectl) -> None:
    applied(kubectl)
    kubectl("set image deployment/web nginx=nginx:2")
    assert "successfully rolled out" in kubectl("rollout status deployment/web --timeout=30s")
    assert "2         <none>" in kubectl("rollout history deployment/web")
    kubectl("rollout undo deployment/web")
    kubectl("rollout status deployment/web --timeout=30s")
    image = "get deployment web -o jsonpath={.spec.template.spec.containers[0].image}"
    assert kubectl(image) == "nginx:1"
    kubectl("rollout pause deployment/web")
    assert "paused" in kubectl.fails("rollout restart deployment/web")
    kubectl("rollout resume deployment/web")
    kubectl("rollout restart deployment/web")
    kubectl("rollout status deployment/web --timeout=30s")


def test_get_prints_every_form(kubectl: Kubectl) -> None:
    applied(kubectl)
    head, row = kubectl("get deployment web").splitlines()
    assert head.split() == ["NAME", "READY", "UP-TO-DATE", "AVAILABLE", "AGE"]
    assert row.split()[:4] == ["web", "2/2", "2", "2"]
    assert "IMAGES" in kubectl("get deployment web -o wide")
    assert kubectl("get deployment web -o name") == "deployment.apps/web\n"
    assert json.loads(kubectl("get deployment web -o json"))["kind"] == "Deployment"
    assert "apiVersion: apps/v1" in kubectl("get deployment web -o yaml")
    columns = "get deployment web -o custom-columns=N:.metadata.name,R:.spec.replicas"
    assert kubectl(columns).split() == ["N", "R", "web", "2"]
    assert kubectl("get deployment web -o go-template={{.metadata.name}}") == "web"
    assert len(kubectl("get pods -l app=web --no-headers").splitlines()) == 2
    assert "app=web" in kubectl("get pods --show-labels")
    phases = kubectl("get pods --field-selector=status.phase=Running -o name")
    assert len(phases.splitlines()) == 2
    everything = kubectl("get all")
    assert "service/web" in everything and "replicaset.apps/web-" in everything
    assert "No resources found" in kubectl.run("get", "jobs")[2]
    assert 'pods "none" not found' in kubectl.fails("get pod none")
    assert "the server doesn't have a resource type" in kubectl.fails("get nothings")


def test_describe_knows_what_happened(kubectl: Kubectl) -> None:
    applied(kubectl)
    assert "2 desired | 2 updated | 2 total | 2 available" in kubectl("describe deployment web")
    pod = kubectl("get pods -o jsonpath={.items[0].metadata.name}")
    described = kubectl(f"describe pod {pod}")
    assert "Successfully assigned" in described and "Started" in described
    assert "Endpoints:" in kubectl("describe service web")
    assert "Allocated resources" in kubectl("describe node node-1")


def test_a_pod_is_run_labelled_patched_edited_and_deleted(kubectl: Kubectl) -> None:
    kubectl("run one --image=nginx:1 --port=80 --expose")
    kubectl("wait --for=condition=Ready pod/one --timeout=30s")
    kubectl("label pod one tier=front")
    assert "not labeled" in kubectl("label pod one tier=front")
    kubectl("annotate pod one note=x")
    kubectl("patch pod one -p", '{"metadata":{"labels":{"a":"b"}}}')
    kubectl(
        "patch pod one --type=json -p", '[{"op":"add","path":"/metadata/labels/c","value":"d"}]'
    )
    kubectl("edit pod one")
    found = json.loads(kubectl("get pod one -o json"))
    labels = {"run": "one", "tier": "front", "a": "b", "c": "d"}
    assert labels.items() <= found["metadata"]["labels"].items()
    assert found["spec"]["containers"][0]["image"] == "nginx:9"
    kubectl("delete pod one --now")
    assert "NotFound" in kubectl.fails("get pod one")


def test_logs_are_shown_followed_and_cut(kubectl: Kubectl) -> None:
    kubectl("run talker --image=busybox --restart=Never -- sh -c", "echo one; echo two; echo three")
    kubectl("wait --for=jsonpath={.status.phase}=Succeeded pod/talker --timeout=30s")
    assert kubectl("logs talker") == "one\ntwo\nthree\n"
    assert kubectl("logs talker --tail=1") == "three\n"
    assert kubectl("logs -f talker").endswith("three\n")
    assert kubectl("logs talker --timestamps").split()[1] == "one"
    assert "container nope is not valid" in kubectl.fails("logs talker -c nope")
    assert "previous terminated container" in kubectl.fails("logs talker --previous")


def test_a_node_is_cordoned_drained_and_tainted(kubectl: Kubectl) -> None:
    applied(kubectl)
    kubectl("cordon node-1")
    assert "SchedulingDisabled" in kubectl("get node node-1")
    drained = kubectl("drain node-1 --ignore-daemonsets --delete-emptydir-data --timeout=60s")
    assert "node/node-1 drained" in drained
    kubectl("uncordon node-1")
    kubectl("taint nodes node-1 key=value:NoSchedule")
    assert "key=value:NoSchedule" in kubectl("describe node node-1")
    kubectl("taint nodes node-1 key-")


def test_every_kind_that_kubectl_creates(kubectl: Kubectl) -> None:
    kubectl("create deployment d --image=nginx")
    kubectl("create configmap c --from-literal=a=b")
    kubectl("create secret generic s --from-literal=a=b")
    kubectl("create serviceaccount sa")
    kubectl("create role r --verb=get --resource=pods")
    kubectl("create rolebinding rb --role=r --serviceaccount=default:sa")
    kubectl("create job j --image=busybox -- true")
    kubectl("create cronjob cj --image=busybox --schedule", "*/5 * * * *", "--", "true")
    kubectl("create ingress i --rule", "a.example/*=web:80")
    kubectl("create quota q --hard=pods=30")
    kubectl("create poddisruptionbudget p --selector=app=d --min-available=1")
    kubectl("create service clusterip svc --tcp=80:80")
    kubectl("create priorityclass high --value=1000")
    kubectl("expose deployment d --port=80 --name=exposed")
    kubectl("autoscale deployment d --min=1 --max=3 --cpu=50%")
    kinds = "configmap,secret,sa,role,rolebinding,job,cronjob,ingress,quota,pdb,svc,hpa"
    assert "horizontalpodautoscaler.autoscaling/d" in kubectl(f"get {kinds} -o name")
    token = kubectl("create token sa")
    assert token.count(".") == 2


def test_the_api_explains_itself(kubectl: Kubectl) -> None:
    assert "FIELD: replicas <integer>" in kubectl("explain deployment.spec.replicas")
    assert "containers" in kubectl("explain pods.spec")
    resources = kubectl("api-resources --verbs=list -o name").split()
    assert {"pods", "deployments.apps", "events.events.k8s.io"} <= set(resources)
    assert "apps/v1" in kubectl("api-versions").split()
    assert "Server Version: v1.36" in kubectl("version")
    assert "is running at https://127.0.0.1" in kubectl("cluster-info")
    assert kubectl("get --raw /healthz") == "ok"
    assert kubectl("config current-context") == "kelm\n"


def test_permissions_are_told(kubectl: Kubectl) -> None:
    assert kubectl("auth can-i create deployments") == "yes\n"
    assert "*.*" in kubectl("auth can-i --list")
    assert "kubernetes-admin" in kubectl("auth whoami")


def test_top_shows_what_pods_and_nodes_use(kubectl: Kubectl, cluster: Server) -> None:
    applied(kubectl)
    load = {"resource": "deployments.apps", "namespace": kubectl.namespace, "name": "web"}
    amounts = {"cpu": "500m", "hits": "30"}
    cluster.ask("POST", "/kelm/v1/faults", {"input": "LoadOffered", **load, "amounts": amounts})
    cluster.ask("POST", "/kelm/v1/clock", {"advanceMs": 60_000})
    rows = [line.split() for line in kubectl("top pods --sort-by=cpu -l app=web").splitlines()]
    assert rows[0] == ["NAME", "CPU(cores)", "MEMORY(bytes)"]
    assert [row[1:] for row in rows[1:]] == [["250m", "16Mi"], ["250m", "16Mi"]]
    assert "nginx" in kubectl("top pods --containers --no-headers")
    assert kubectl("top pods --sum --no-headers").split()[-2:] == ["500m", "32Mi"]
    assert "node-1" in kubectl("top nodes")
    name = rows[1][0]
    assert kubectl(f"top pod {name} --no-headers").split() == [name, "250m", "16Mi"]
    assert 'pods "gone" not found' in kubectl.fails("top pod gone")
    hits = f"/apis/custom.metrics.k8s.io/v1beta2/namespaces/{kubectl.namespace}/pods/*/hits"
    values = [one["value"] for one in json.loads(kubectl(f"get --raw {hits}"))["items"]]
    assert values == ["15", "15"]
    with pytest.raises(urllib.error.HTTPError, match="400"):
        cluster.ask("POST", "/kelm/v1/faults", {"input": "LoadOffered", **load, "amounts": {}})


def test_an_autoscaler_is_made_shown_and_described(kubectl: Kubectl, cluster: Server) -> None:
    asking = "resources: {requests: {cpu: 100m}}, ports"
    kubectl(
        "apply -f -", stdin=WEB.replace("ports", asking, 1).replace("replicas: 2", "replicas: 1")
    )
    kubectl("autoscale deployment web --min=1 --max=10 --cpu=50%")
    assert "cpu: <unknown>/50%" in kubectl("get hpa")
    load = {"resource": "deployments.apps", "namespace": kubectl.namespace, "name": "web"}
    offered = {"input": "LoadOffered", **load, "amounts": {"cpu": "400m"}}
    cluster.ask("POST", "/kelm/v1/faults", offered)
    cluster.ask("POST", "/kelm/v1/clock", {"advanceMs": 120_000})
    row = kubectl("get hpa web --no-headers").split()[:7]
    assert row == ["web", "Deployment/web", "cpu:", "50%/50%", "1", "10", "8"]
    told = kubectl("describe hpa web")
    assert "resource cpu on pods  (as a percentage of request):  50% (50m) / 50%" in told
    assert "Deployment pods:" in told and "8 current / 8 desired" in told
    assert "ScalingLimited  False   DesiredWithinRange" in told
    assert "SuccessfulRescale" in told and "New size: " in told
    older = json.loads(kubectl("get horizontalpodautoscalers.v1.autoscaling web -o json"))
    assert older["spec"]["targetCPUUtilizationPercentage"] == 50
    assert older["status"]["currentCPUUtilizationPercentage"] == 50


def test_events_are_told_in_both_ways(kubectl: Kubectl) -> None:
    applied(kubectl)
    assert "ScalingReplicaSet" in kubectl("get events")
    assert "SuccessfulCreate" in kubectl("events")


TOKEN = """
apiVersion: v1
kind: Secret
metadata: {name: robot, annotations: {kubernetes.io/service-account.name: robot}}
type: kubernetes.io/service-account-token
"""


def test_certificates_are_approved_denied_and_signed(kubectl: Kubectl) -> None:
    for name in ("ann", "eve"):
        spec = {
            "request": request(name),
            "signerName": "kubernetes.io/kube-apiserver-client",
            "usages": ["client auth"],
        }
        body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
        csr = {**body, "metadata": {"name": f"csr-{name}"}, "spec": spec}
        kubectl("create -f -", stdin=json.dumps(csr))
    assert "Pending" in kubectl("get csr csr-ann")
    assert "approved" in kubectl("certificate approve csr-ann")
    assert "denied" in kubectl("certificate deny csr-eve")
    kubectl("wait --for=jsonpath={.status.certificate} csr/csr-ann --timeout=30s")
    assert "Approved,Issued" in kubectl("get csr csr-ann")
    assert "Denied" in kubectl("get csr csr-eve")
    assert "kubernetes-admin" in kubectl("describe csr csr-eve")
    kubectl("delete csr csr-ann csr-eve")


def test_who_has_a_signed_certificate_is_the_one_that_it_names(kubectl: Kubectl) -> None:
    spec = {
        "request": request("ann", "dev"),
        "signerName": "kubernetes.io/kube-apiserver-client",
        "usages": ["client auth"],
        "expirationSeconds": 86_400,
    }
    body = {"apiVersion": "certificates.k8s.io/v1", "kind": "CertificateSigningRequest"}
    csr = {**body, "metadata": {"name": "of-ann"}, "spec": spec}
    kubectl("create -f -", stdin=json.dumps(csr))
    kubectl("certificate approve of-ann")
    kubectl("wait --for=jsonpath={.status.certificate} csr/of-ann --timeout=30s")
    signed = b64decode(kubectl("get csr of-ann -o jsonpath={.status.certificate}"))
    kubectl("delete csr of-ann")
    folder = Path(kubectl.environment["HOME"])
    server = kubectl("config view --minify -o jsonpath={.clusters[0].cluster.server}")
    authority = kubectl("get configmap kube-root-ca.crt -o jsonpath={.data.ca\\.crt}")
    (folder / "ann.crt").write_bytes(signed)
    (folder / "ann.key").write_bytes(key_of_requests())
    (folder / "root.crt").write_text(authority)
    stranger = ["--kubeconfig=/dev/null", f"--server={server}"]
    stranger += [f"--certificate-authority={folder / 'root.crt'}"]
    own = [f"--client-certificate={folder / 'ann.crt'}", f"--client-key={folder / 'ann.key'}"]
    said = kubectl("auth whoami", *stranger, *own)
    assert "ann" in said and "dev" in said and "system:authenticated" in said


def test_a_token_out_of_a_secret_lets_its_account_in(kubectl: Kubectl) -> None:
    kubectl("create serviceaccount robot")
    kubectl("create -f -", stdin=TOKEN)
    kubectl("wait --for=jsonpath={.data.token} secret/robot --timeout=30s")
    token = b64decode(kubectl("get secret robot -o jsonpath={.data.token}")).decode()
    server = kubectl("config view --minify -o jsonpath={.clusters[0].cluster.server}")
    trusted = b64decode(kubectl("get secret robot -o jsonpath={.data.ca\\.crt}"))
    authority = Path(kubectl.environment["HOME"]) / "secret-ca.crt"
    authority.write_bytes(trusted)
    stranger = ["--kubeconfig=/dev/null", f"--server={server}", f"--token={token}"]
    said = kubectl("auth whoami", f"--certificate-authority={authority}", *stranger)
    assert f"system:serviceaccount:{kubectl.namespace}:robot" in said


def test_what_is_wrong_is_said_as_the_api_says_it(kubectl: Kubectl) -> None:
    bad = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndat: {a: b}\n"
    assert 'unknown field "dat"' in kubectl.fails("apply -f -", stdin=bad)
    upper = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: C}\n"
    assert "metadata.name: Invalid value" in kubectl.fails("create -f -", stdin=upper)
    kubectl("create configmap c")
    assert "already exists" in kubectl.fails("create configmap c")


def test_a_namespace_goes_with_all_that_is_in_it(kubectl: Kubectl) -> None:
    applied(kubectl)
    name, kubectl.namespace = kubectl.namespace, ""
    kubectl(f"delete namespace {name} --timeout=60s")
    assert "NotFound" in kubectl.fails(f"get namespace {name}")


def test_waiting_ends_when_the_condition_holds_or_the_time_is_over(kubectl: Kubectl) -> None:
    kubectl("create deployment d --image=nginx")
    kubectl("wait --for=condition=Available deployment/d --timeout=30s")
    kubectl("wait --for=create deployment/d --timeout=5s")
    kubectl("delete deployment d --wait=false")
    kubectl("wait --for=delete deployment/d --timeout=30s")
    assert "timed out" in kubectl.fails("wait --for=create pod/never --timeout=1s")


def test_garbage_follows_its_owner_or_is_orphaned(kubectl: Kubectl) -> None:
    applied(kubectl)
    kubectl("delete deployment web --cascade=orphan")
    assert kubectl("get replicasets -o name").startswith("replicaset.apps/web-")
    kubectl("delete replicasets --all --cascade=foreground --timeout=60s")
    assert kubectl("get pods -o name") == ""
