// Create, watch, patch, delete with @kubernetes/client-node; KUBECONFIG says where.
import assert from "node:assert/strict";
import * as k8s from "@kubernetes/client-node";

const config = new k8s.KubeConfig();
config.loadFromDefault();
const apps = config.makeApiClient(k8s.AppsV1Api);
const core = config.makeApiClient(k8s.CoreV1Api);
const namespace = "default";
const name = "web";
const labels = { app: name };

assert.equal((await core.listNode()).items.length, 2);
await apps.createNamespacedDeployment({
  namespace,
  body: {
    metadata: { name },
    spec: {
      replicas: 2,
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec: { containers: [{ name: "c", image: "nginx" }] } },
    },
  },
});

const watch = new k8s.Watch(config);
await new Promise((resolve, reject) => {
  let request;
  watch
    .watch(
      `/apis/apps/v1/namespaces/${namespace}/deployments`,
      {},
      (_type, seen) => {
        if (seen.status?.readyReplicas === 2) {
          resolve();
          request.abort();
        }
      },
      (error) => (error?.name === "AbortError" ? resolve() : reject(error ?? new Error("the watch ended"))),
    )
    .then((started) => (request = started), reject);
});

const patched = await apps.patchNamespacedDeployment(
  { namespace, name, body: [{ op: "replace", path: "/spec/replicas", value: 1 }] },
  k8s.setHeaderOptions("Content-Type", k8s.PatchStrategy.JsonPatch),
);
assert.equal(patched.spec.replicas, 1);
const applied = await k8s.KubernetesObjectApi.makeApiClient(config).patch(
  { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "settings", namespace }, data: { a: "b" } },
  undefined, undefined, "round", undefined, k8s.PatchStrategy.ServerSideApply,
);
assert.equal(applied.data.a, "b");
await apps.deleteNamespacedDeployment({ namespace, name });
await assert.rejects(apps.readNamespacedDeployment({ namespace, name }), (error) => error.code === 404);
console.log("done");
