import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_VARIABLES, defaultTemplate, renderConflist } from "./conflist.ts";

const variables = { ...DEFAULT_VARIABLES, KUBERNETES_NODE_NAME: "controlplane" };

test("the default configuration is the founding document's", () => {
  const rendered = renderConflist(defaultTemplate(["portmap", "bandwidth"], true), {
    ...variables,
    CNI_MTU: "1440",
    DATASTORE_TYPE: "kubernetes",
  });
  assert.deepEqual(JSON.parse(rendered), {
    name: "k8s-pod-network",
    cniVersion: "0.3.1",
    plugins: [
      {
        type: "calico",
        log_level: "info",
        log_file_path: "/var/log/calico/cni/cni.log",
        datastore_type: "kubernetes",
        nodename: "controlplane",
        mtu: 1440,
        ipam: { type: "calico-ipam" },
        policy: { type: "k8s" },
        kubernetes: { kubeconfig: "/etc/cni/net.d/calico-kubeconfig" },
      },
      { type: "portmap", snat: true, capabilities: { portMappings: true } },
      { type: "bandwidth", capabilities: { bandwidth: true } },
    ],
  });
});

test("without Kubernetes there is no kubeconfig, and chained plugins are those named", () => {
  const { plugins } = JSON.parse(renderConflist(defaultTemplate([], false), variables));
  assert.equal(plugins.length, 1);
  assert.equal(plugins[0].kubernetes, undefined);
  assert.equal(plugins[0].datastore_type, "etcdv3");
  assert.equal(plugins[0].mtu, 0);
});

test("a template of the user's is filled in, and what is wrong with it is named", () => {
  assert.equal(renderConflist('{"a":"__LOG_LEVEL__","m":__CNI_MTU__}', variables), '{\n  "a": "info",\n  "m": 0\n}\n');
  assert.equal(JSON.parse(renderConflist('{"a":"__X__"}', { X: 'q"uote' })).a, 'q"uote');
  assert.throws(() => renderConflist('{"a":"__NOPE__"}', variables), { message: /nothing fills: __NOPE__/ });
  assert.throws(() => renderConflist("{", variables), { message: /is no JSON once its placeholders are filled in/ });
});
