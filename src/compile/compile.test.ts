import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseAddress } from "../ip/address.ts";
import type { Stored } from "../port/store.ts";
import { local } from "../testing/agent-host.ts";
import { compileAll } from "../testing/compile-all.ts";
import { blockObject, endpointObject, nodeObject, poolObject } from "../testing/objects.ts";
import { runs } from "../testing/runs.ts";
import { compileKey } from "./compile.ts";
import { describeRoute } from "./describe.ts";
import type { Fragment, RoutePiece } from "./fragment.ts";
import { Compiler } from "./incremental.ts";
import { keys, type Touch } from "./keys.ts";
import { projectBlock, projectEndpoint, projectNode, projectPool } from "./project.ts";
import { explain } from "./provenance.ts";
import { vtepMac } from "./tunnels/vxlan.ts";
import { View } from "./view.ts";

const ignore: Touch = () => undefined;

function put(view: View, object: Stored, touch: Touch = ignore): void {
  switch (object.key.kind) {
    case "IPPool":
      view.setPool(object.key.name, projectPool(object), touch);
      break;
    case "Node":
      view.setNode(object.key.name, projectNode(object), touch);
      break;
    case "IPAMBlock":
      view.setBlock(object.key.name, projectBlock(object), touch);
      break;
    default:
      view.setEndpoint(object.key.name, projectEndpoint(object), touch);
  }
}

test("an endpoint moves nothing but a pod's device, and no address but single ones", () => {
  const endpoint = (device: string, network: string): Stored => ({
    key: { kind: "WorkloadEndpoint", namespace: "default", name: "w" },
    value: { spec: { node: "worker-1", interfaceName: device, ipNetworks: [network] } },
    revision: "1",
  });
  assert.equal(projectEndpoint(endpoint("cali12345678901", "10.0.0.1/32")).device, "cali12345678901");
  assert.equal(projectEndpoint(endpoint("cali1", "fd00::1/128")).addresses.length, 1);
  for (const device of ["all", "lo", "eth0", "tunl0", "cali/../all", "../../kernel", "cali123456789012", "cali 1"]) {
    assert.throws(() => projectEndpoint(endpoint(device, "10.0.0.1/32")), {
      code: "unreadable",
      message: `WorkloadEndpoint(default/w): field spec.interfaceName is "${device}", which is no pod's device: those begin with cali`,
    });
  }
  for (const network of ["0.0.0.0/0", "10.0.0.0/24", "fd00::/64"]) {
    assert.throws(() => projectEndpoint(endpoint("cali1", network)), {
      message: /field spec\.ipNetworks .* cannot be read/,
    });
  }
});

/** Founding scenario A, with the given mode. */
function awsTwoSubnets(vxlanMode: string): View {
  const view = new View(local);
  for (const object of [
    poolObject("default-ipv4-ippool", "192.168.0.0/16", { vxlanMode }),
    nodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
    nodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"),
    nodeObject("worker-3", "10.30.1.66/24", "192.168.97.192"),
    blockObject("192.168.226.64/26", "worker-1"),
    blockObject("192.168.133.192/26", "worker-2"),
    blockObject("192.168.97.192/26", "worker-3"),
    endpointObject("worker-1", "pod-1", "192.168.226.65", "cali123"),
  ]) {
    put(view, object);
  }
  return view;
}

const PROTOCOLS: Record<number, string> = { 3: "", 80: " proto 80" };

/** As `ip route` prints it. */
function print({ route }: RoutePiece): string {
  const [hop] = route.nextHops;
  const via =
    hop?.gateway === undefined
      ? ""
      : ` via ${[24, 16, 8, 0].map((bits) => (Number(hop.gateway) >>> bits) & 255).join(".")}`;
  const dev = hop?.device === undefined ? "" : ` dev ${hop.device}`;
  const type = route.type === "unicast" ? "" : `${route.type} `;
  const scope = route.scope === 253 ? " scope link" : "";
  return `${type}${route.destination.replace("/32", "")}${via}${dev}${PROTOCOLS[route.protocol]}${scope}${hop?.onlink ? " onlink" : ""}`;
}

/** Of the main table. */
const routesOf = (view: View): string[] =>
  [...compileAll(view).values()]
    .flatMap(({ routes = [] }) => routes.filter(({ route }) => route.table === 254).map(print))
    .sort();

test("a node answers its pods for their gateway, whether it has a default route or not", () => {
  const view = awsTwoSubnets("Always");
  assert.deepEqual(
    compileKey(keys.host, view).routes?.map(({ route }) => describeRoute(route)),
    ["169.254.1.1 dev lo table 255 proto 80 scope link"],
  );
});

test("routes of IPv6 have the metric that the kernel shows, or they would be taken for others' once they are read", () => {
  const view = awsTwoSubnets("Always");
  put(view, poolObject("ipv6", "fd00:9::/64", { vxlanMode: "Never" }));
  put(view, blockObject("fd00:9::40/122", "worker-1"));
  put(view, endpointObject("worker-1", "six", "fd00:9::41", "cali666"));
  const routes = [...compileAll(view).values()].flatMap((fragment) => fragment.routes ?? []);
  assert.deepEqual(
    routes.flatMap(({ route }) => (route.destination.includes(":") ? [describeRoute(route)] : [])).sort(),
    ["blackhole fd00:9::40/122 proto 80 metric 1024", "fd00:9::41/128 dev cali666 scope link metric 1024"],
  );
});

test("with vxlanEnabled false no route names a device that is not made, and the report says so", () => {
  const view = awsTwoSubnets("CrossSubnet");
  view.setLocal({ ...local, vxlan: { ...local.vxlan, enabled: false } }, ignore);
  const { routes, reports } = compileKey(keys.block("192.168.97.192/26"), view);
  assert.deepEqual(routes, []);
  assert.match(reports?.join() ?? "", /pool .* has vxlanMode CrossSubnet, and vxlanEnabled is false/);
  assert.equal(compileKey(keys.block("192.168.133.192/26"), view).routes?.length, 1, "the own subnet needs no tunnel");
});

test("a block of IPv6 gets no route by an IPv4 tunnel, and the report says what would carry it", () => {
  for (const vxlanMode of ["Always", "CrossSubnet"]) {
    const view = awsTwoSubnets("Always");
    put(view, poolObject("ipv6", "fd00:9::/64", { vxlanMode }));
    put(view, blockObject("fd00:9::80/122", "worker-2"));
    const { routes, reports } = compileKey(keys.block("fd00:9::80/122"), view);
    assert.deepEqual(routes, []);
    assert.match(
      reports?.join() ?? "",
      new RegExp(`pool ipv6 has vxlanMode ${vxlanMode}, and VXLAN carries IPv4 alone`),
    );
  }
});

test("a node forwards IPv6 while a pod of it has an IPv6 address, and not before", () => {
  const view = awsTwoSubnets("Always");
  const settings = () =>
    [...compileAll(view).values()]
      .flatMap(({ sysctls = [] }) => sysctls)
      .flatMap(({ path, value }) => (path.includes("ipv6") ? [`${path} ${value}`] : []));
  assert.deepEqual(settings(), []);
  put(view, endpointObject("worker-1", "six", "fd00:9::41", "cali666"));
  assert.deepEqual(settings(), [
    "net/ipv6/conf/all/forwarding 1",
    "net/ipv6/conf/cali666/forwarding 1",
    "net/ipv6/conf/cali666/proxy_ndp 1",
    "net/ipv6/conf/cali666/accept_ra 0",
  ]);
});

test("vxlanMode Always routes every block through the device by its node's tunnel address", () => {
  assert.deepEqual(routesOf(awsTwoSubnets("Always")), [
    "192.168.133.192/26 via 192.168.133.192 dev vxlan.calico onlink",
    "192.168.226.65 dev cali123 scope link",
    "192.168.97.192/26 via 192.168.97.192 dev vxlan.calico onlink",
    "blackhole 192.168.226.64/26 proto 80",
  ]);
});

test("vxlanMode CrossSubnet goes to the node itself in the same subnet, and by VXLAN beyond", () => {
  assert.deepEqual(routesOf(awsTwoSubnets("CrossSubnet")), [
    "192.168.133.192/26 via 10.30.0.56 dev ens5 proto 80",
    "192.168.226.65 dev cali123 scope link",
    "192.168.97.192/26 via 192.168.97.192 dev vxlan.calico onlink",
    "blackhole 192.168.226.64/26 proto 80",
  ]);
});

test("both modes Never with backend vxlan carry nothing between nodes, and the report says so", () => {
  const fragments = compileAll(awsTwoSubnets("Never"));
  assert.deepEqual(fragments.get("block 192.168.133.192/26")?.routes, []);
  assert.match(fragments.get("block 192.168.133.192/26")?.reports?.[0] ?? "", /vxlanMode Never.*carries nothing else/);
  assert.equal(fragments.get("vxlan device")?.links, undefined);
});

test("the device and the entries for other nodes are the same in Always and CrossSubnet: receivers stay open", () => {
  const only = (view: View) =>
    [...compileAll(view)].map(([key, { links, addresses, neighbours, fdb }]) => ({
      key,
      links,
      addresses,
      neighbours,
      fdb,
    }));
  assert.deepEqual(only(awsTwoSubnets("Always")), only(awsTwoSubnets("CrossSubnet")));
});

test("the VTEP's MAC is 0x66 and SHA-1 of the node's name", () => {
  assert.equal(vtepMac("node01"), "66:aa:99:2f:dc:24");
  assert.equal(vtepMac("controlplane"), "66:a5:cc:c1:86:97");
  assert.equal(vtepMac("w-1-31hn8"), "66:09:ac:35:3b:2d");
  assert.equal(vtepMac("c-1-qnhco"), "66:f6:10:93:e0:06");
});

test("a borrowed address is a host route to its borrower, a borrowed tunnel address is on the device", () => {
  const view = awsTwoSubnets("Always");
  put(
    view,
    blockObject("192.168.133.192/26", "worker-2", {
      2: { node: "worker-3" },
      3: { node: "worker-1" },
      4: { node: "worker-2" },
    }),
  );
  assert.ok(routesOf(view).includes("192.168.133.194 via 192.168.97.192 dev vxlan.calico onlink"));
  assert.ok(
    !routesOf(view).some((route) => route.startsWith("192.168.133.195 ") || route.startsWith("192.168.133.196 ")),
  );
  put(view, nodeObject("worker-3", "10.30.1.66/24", "192.168.226.70"));
  put(view, blockObject("192.168.226.64/26", "worker-1", { 6: { node: "worker-3", type: "vxlanTunnelAddress" } }));
  assert.ok(routesOf(view).includes("192.168.226.70 dev vxlan.calico scope link"));
});

test("a block whose node is unknown has no route and says why", () => {
  const view = awsTwoSubnets("Always");
  put(view, blockObject("192.168.1.0/26", "worker-9"));
  assert.deepEqual(compileAll(view).get("block 192.168.1.0/26")?.reports, [
    "block 192.168.1.0/26 of node worker-9 has no route: there is no such Node",
  ]);
});

test("provenance names the objects at their revisions and the fact that decided", () => {
  const story = explain("block 192.168.133.192/26", awsTwoSubnets("CrossSubnet"));
  assert.match(
    story.objects.join(" "),
    /IPAMBlock\(192\.168\.133\.192\/26\)@\d+ IPPool\(default-ipv4-ippool\)@\d+ Node\(worker-2\)@\d+/,
  );
  assert.match(story.facts.join(" "), /worker-2 at 10\.30\.0\.56\/24 is in this node's subnet 10\.30\.0\.206\/24/);
});

const nodeNames = ["worker-1", "worker-2", "worker-3", "worker-4"];
const change = fc.oneof(
  fc.record({ kind: fc.constant("pool"), mode: fc.constantFrom("Always", "CrossSubnet", "Never"), gone: fc.boolean() }),
  fc.record({
    kind: fc.constant("node"),
    name: fc.constantFrom(...nodeNames),
    subnet: fc.integer({ min: 0, max: 1 }),
    tunnel: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    gone: fc.boolean(),
  }),
  fc.record({
    kind: fc.constant("block"),
    at: fc.integer({ min: 0, max: 3 }),
    owner: fc.constantFrom(...nodeNames),
    borrower: fc.constantFrom(...nodeNames),
    gone: fc.boolean(),
  }),
  fc.record({ kind: fc.constant("endpoint"), at: fc.integer({ min: 0, max: 3 }), gone: fc.boolean() }),
  fc.record({ kind: fc.constant("local"), device: fc.constantFrom("ens5", "eth0") }),
  fc.record({ kind: fc.constant("ipip"), isUp: fc.boolean() }),
);

function carryOut(compiler: Compiler, step: Partial<Record<string, unknown>> & { kind: string }): void {
  const { view, touch } = compiler;
  const at = `192.168.${step["at"]}.0/26`;
  switch (step.kind) {
    case "pool":
      if (step["gone"]) view.setPool("p", undefined, touch);
      else put(view, poolObject("p", "192.168.0.0/16", { vxlanMode: String(step["mode"]) }), touch);
      break;
    case "node": {
      const name = String(step["name"]);
      const tunnel = step["tunnel"] === undefined ? undefined : `192.168.${step["tunnel"]}.0`;
      if (step["gone"]) view.setNode(name, undefined, touch);
      else put(view, nodeObject(name, `10.30.${step["subnet"]}.${name.at(-1)}/24`, tunnel), touch);
      break;
    }
    case "block":
      if (step["gone"]) view.setBlock(at, undefined, touch);
      else put(view, blockObject(at, String(step["owner"]), { 5: { node: String(step["borrower"]) } }), touch);
      break;
    case "endpoint": {
      const object = endpointObject(
        "worker-1",
        `pod-${step["at"]}`,
        `192.168.0.${Number(step["at"]) + 9}`,
        `cali${step["at"]}`,
      );
      if (step["gone"]) view.setEndpoint(object.key.name, undefined, touch);
      else put(view, object, touch);
      break;
    }
    case "ipip":
      view.setIpipUp(step["isUp"] === true, touch);
      break;
    default:
      view.setLocal(
        { ...local, address: { address: parseAddress("10.30.0.206"), length: 24, device: String(step["device"]) } },
        touch,
      );
  }
}

test("a chain of others that drops what is forwarded is reported, and nothing is compiled against it", () => {
  const { view } = new Compiler({
    ...local,
    forwardDrops: [
      {
        family: "ip",
        table: "filter",
        name: "FORWARD",
        base: { type: "filter", hook: "forward", priority: 0, policy: "drop" },
        owners: ["Docker"],
      },
    ],
  });
  const { reports, ...rest } = compileKey(keys.host, view);
  assert.deepEqual(rest, compileKey(keys.host, new Compiler(local).view));
  assert.deepEqual(reports, [
    "chain ip filter FORWARD (policy drop, priority 0; Docker) is not ours and drops every IPv4 packet that this host forwards and no rule there accepts, those of pods too: let them pass with nft 'chain ip filter FORWARD { policy accept; }', and keep Docker from setting it again: \"ip-forward-no-drop\": true in /etc/docker/daemon.json",
  ]);
});

test("the incremental compile of a history is the plain compile of where it ends", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 40 }), fc.integer({ min: 1, max: 5 }), (history, every) => {
      const compiler = new Compiler(local);
      const incremental = new Map<string, Fragment>();
      const flush = () => compiler.flush(1_000, (key, fragment) => incremental.set(key, fragment));
      for (const [index, step] of history.entries()) {
        carryOut(compiler, step);
        if (index % every === 0) flush();
      }
      flush();
      const whole = compileAll(compiler.view);
      for (const [key, fragment] of incremental) assert.deepEqual(fragment, whole.get(key) ?? {}, key);
      for (const key of whole.keys()) assert.ok(incremental.has(key), key);
    }),
    { numRuns: runs(300) },
  );
});

test("what changes no projection compiles nothing again, and provenance still names the newest revision", () => {
  const compiler = new Compiler(local);
  const { view, touch } = compiler;
  const write = (): readonly Stored[] => {
    const objects = [
      poolObject("default-ipv4-ippool", "192.168.0.0/16"),
      nodeObject("worker-1", "10.30.0.206/24", "192.168.226.64"),
      nodeObject("worker-2", "10.30.0.56/24", "192.168.133.192"),
      blockObject("192.168.133.192/26", "worker-2", { 3: { node: "worker-3" } }),
      endpointObject("worker-1", "pod-1", "192.168.226.65", "cali123"),
    ];
    for (const object of objects) put(view, object, touch);
    return objects;
  };
  write();
  compiler.flush(1_000, () => undefined);
  const [pool, , worker2, block] = write();
  view.setLocal({ ...local, vxlan: { ...local.vxlan } }, touch);
  view.setNode("worker-9", undefined, touch);
  view.setBlock("192.168.1.0/26", undefined, touch);
  assert.equal(compiler.pending, 0);
  assert.deepEqual(explain("block 192.168.133.192/26", view).objects, [
    `IPAMBlock(192.168.133.192/26)@${block?.revision}`,
    `IPPool(default-ipv4-ippool)@${pool?.revision}`,
    `Node(worker-2)@${worker2?.revision}`,
  ]);
  put(view, blockObject("192.168.133.192/26", "worker-2", { 3: { node: "worker-3" }, 4: { node: "worker-2" } }), touch);
  assert.equal(compiler.pending, 0, "an address that its own node takes is nobody else's business");
  view.setLocal({ ...local, rpFilter: "1" }, touch);
  assert.equal(compiler.pending, [...view.allKeys()].length);
});

test("every single change of a projection reaches what the plain compile makes of it", () => {
  fc.assert(
    fc.property(fc.array(change, { maxLength: 30 }), (history) => {
      const compiler = new Compiler(local);
      const incremental = new Map<string, Fragment>();
      for (const step of history.flatMap((one) => [one, one])) {
        carryOut(compiler, step);
        compiler.flush(1_000, (key, fragment) => incremental.set(key, fragment));
        for (const [key, fragment] of compileAll(compiler.view)) assert.deepEqual(incremental.get(key), fragment, key);
      }
    }),
    { numRuns: runs(60) },
  );
});
