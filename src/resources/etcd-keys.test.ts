import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { ListQuery, ObjectKey } from "../port/store.ts";
import { EtcdKeyError, etcdKeys } from "./etcd-keys.ts";
import { calicoKinds } from "./kind-names.ts";

const vectors: readonly (readonly [ObjectKey, string])[] = [
  [
    { kind: "IPPool", name: "default-ipv4-ippool" },
    "/calico/resources/v3/projectcalico.org/ippools/default-ipv4-ippool",
  ],
  [{ kind: "IPAMConfiguration", name: "default" }, "/calico/resources/v3/projectcalico.org/ipamconfigs/default"],
  [
    { kind: "WorkloadEndpoint", namespace: "default", name: "n--1-k8s-web--0-eth0" },
    "/calico/resources/v3/projectcalico.org/workloadendpoints/default/n--1-k8s-web--0-eth0",
  ],
  [{ kind: "IPAMBlock", name: "10.0.0.0/26" }, "/calico/ipam/v2/assignment/ipv4/block/10.0.0.0-26"],
  [{ kind: "IPAMBlock", name: "fd00::/122" }, "/calico/ipam/v2/assignment/ipv6/block/fd00::-122"],
  [
    { kind: "BlockAffinity", name: "host/worker-1/192.168.226.64/26" },
    "/calico/ipam/v2/host/worker-1/ipv4/block/192.168.226.64-26",
  ],
  [
    { kind: "BlockAffinity", name: "virtual/load-balancer/fd00::/122" },
    "/calico/ipam/v2/virtual/load-balancer/ipv6/block/fd00::-122",
  ],
  [{ kind: "IPAMHandle", name: "vxlan-tunnel-addr-worker-1" }, "/calico/ipam/v2/handle/vxlan-tunnel-addr-worker-1"],
  [{ kind: "IPAMConfig", name: "default" }, "/calico/ipam/v2/config"],
  [{ kind: "NodeFacts", name: "worker-1" }, "/ocicat/v1/nodefacts/worker-1"],
];

test("objects lie where Calico puts them, and are found back", () => {
  for (const [key, text] of vectors) {
    assert.equal(etcdKeys.etcdKey(key), text);
    assert.deepEqual(etcdKeys.objectKey(text), key);
  }
});

test("a query reads no more than it asks for", () => {
  const narrow: readonly (readonly [ListQuery, string])[] = [
    [{ kind: "IPPool", namePrefix: "default-" }, "/calico/resources/v3/projectcalico.org/ippools/default-"],
    [
      { kind: "WorkloadEndpoint", namespace: "web", namePrefix: "n1-" },
      "/calico/resources/v3/projectcalico.org/workloadendpoints/web/n1-",
    ],
    [{ kind: "BlockAffinity", namePrefix: "host/worker-1/" }, "/calico/ipam/v2/host/worker-1/"],
    [{ kind: "BlockAffinity", namePrefix: "virtual/load-" }, "/calico/ipam/v2/virtual/load-"],
    [{ kind: "IPAMHandle", namePrefix: "k8s-pod-network." }, "/calico/ipam/v2/handle/k8s-pod-network."],
    [{ kind: "NodeFacts", namePrefix: "worker" }, "/ocicat/v1/nodefacts/worker"],
  ];
  for (const [query, prefix] of narrow) assert.equal(etcdKeys.etcdPrefix(query), prefix);
});

const segment = fc.stringMatching(/^[a-z0-9]([-a-z0-9.]{0,20}[a-z0-9])?$/);
const v4Block = fc.tuple(fc.ipV4(), fc.integer({ min: 20, max: 32 })).map(([ip, length]) => `${ip}/${length}`);
const v6Block = fc.integer({ min: 116, max: 128 }).map((length) => `fd00:1234::40/${length}`);
const block = fc.oneof(v4Block, v6Block);
const anyKey: fc.Arbitrary<ObjectKey> = fc.oneof(
  fc
    .constantFrom(...Object.entries(calicoKinds))
    .chain(([kind, { namespaced }]) =>
      fc
        .tuple(segment, segment)
        .map(([namespace, name]): ObjectKey => (namespaced ? { kind, namespace, name } : { kind, name })),
    ),
  block.map((name) => ({ kind: "IPAMBlock", name })),
  fc.tuple(segment, block).map(([node, cidr]) => ({ kind: "BlockAffinity", name: `host/${node}/${cidr}` })),
  segment.map((name) => ({ kind: "IPAMHandle", name })),
);

test("every key goes there and back, and lies below the prefix of each query that asks for it", () => {
  fc.assert(
    fc.property(anyKey, fc.nat(40), (key, cut) => {
      const text = etcdKeys.etcdKey(key);
      assert.deepEqual(etcdKeys.objectKey(text), key);
      const queries: ListQuery[] = [
        { kind: key.kind },
        { kind: key.kind, namePrefix: key.name.slice(0, cut) },
        ...(key.namespace === undefined ? [] : [{ kind: key.kind, namespace: key.namespace }]),
      ];
      for (const query of queries) assert.ok(text.startsWith(etcdKeys.etcdPrefix(query)), JSON.stringify(query));
    }),
  );
});

test("no key text makes the reader throw, and what it reads it writes", () => {
  const root = fc.constantFrom("/calico/resources/v3/projectcalico.org/", "/calico/ipam/v2/", "/ocicat/v1/", "");
  const path = fc.array(fc.oneof(segment, fc.constantFrom("host", "ipv4", "block", "ippools", "assignment", "")), {
    maxLength: 6,
  });
  fc.assert(
    fc.property(root, path, (prefix, segments) => {
      const text = prefix + segments.join("/");
      const key = etcdKeys.objectKey(text);
      if (key) assert.equal(etcdKeys.etcdKey(key), text);
    }),
  );
});

test("host markers, Felix status and foreign keys are no objects", () => {
  for (const text of [
    "/calico/ipam/v2/host/worker-1",
    "/calico/felix/v2/no-region/host/worker-1/status",
    "/calico/resources/v3/projectcalico.org/ippools/a/b",
    "/calico/resources/v3/projectcalico.org/workloadendpoints/only-a-name",
    "/calico/ipam/v2/assignment/ipv6/block/10.0.0.0-26",
    "/registry/pods/default/web",
  ]) {
    assert.equal(etcdKeys.objectKey(text), undefined, text);
  }
});

test("names that would leave their place are refused", () => {
  for (const key of [
    { kind: "IPPool", name: "a/b" },
    { kind: "IPPool", name: "" },
    { kind: "IPPool", namespace: "default", name: "a" },
    { kind: "WorkloadEndpoint", name: "a" },
    { kind: "IPAMBlock", name: "10.0.0.0" },
    { kind: "BlockAffinity", name: "worker-1/10.0.0.0/26" },
    { kind: "IPAMConfig", name: "other" },
    { kind: "Pod", name: "a" },
  ]) {
    assert.throws(() => etcdKeys.etcdKey(key), EtcdKeyError);
  }
});

test("a watch of several kinds takes few prefixes, and every object of the kinds lies below one", () => {
  const below = (...kinds: string[]) => etcdKeys.etcdPrefixes(kinds);
  assert.deepEqual(below("IPPool"), ["/calico/resources/v3/projectcalico.org/ippools/"]);
  assert.deepEqual(below("IPPool", "Node", "IPAMBlock"), [
    "/calico/resources/v3/projectcalico.org/",
    "/calico/ipam/v2/assignment/",
  ]);
  assert.deepEqual(below("NodeFacts", "IPAMBlock", "BlockAffinity"), ["/ocicat/v1/nodefacts/", "/calico/ipam/v2/"]);
  assert.throws(() => below("Nonsense"), EtcdKeyError);
  const kinds = vectors.map(([key]) => key.kind);
  for (const [key, text] of vectors) {
    for (const some of [[key.kind], kinds]) {
      assert.ok(
        etcdKeys.etcdPrefixes(some).some((prefix) => text.startsWith(prefix)),
        text,
      );
    }
  }
});
