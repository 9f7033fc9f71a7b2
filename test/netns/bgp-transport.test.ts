import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { TcpBgpTransport } from "../../src/adapter/bgp/tcp-transport.ts";
import { parseAddress } from "../../src/ip/address.ts";
import type { BgpStream } from "../../src/port/bgp-transport.ts";
import { bgpTransportContract, type TransportGround } from "../../src/testing/bgp-transport-contract.ts";
import { namespaceFor, type TestNamespace, whyNoNamespaces } from "../../src/testing/netns.ts";
import { eventually } from "../scenario/eventually.ts";

const skip = whyNoNamespaces();

/** A veth pair between two namespaces, or, for two hops, a router between them. */
function groundFor(t: TestContext, hops: number): TransportGround & { readonly namespaces: readonly TestNamespace[] } {
  const left = namespaceFor(t);
  const right = namespaceFor(t);
  if (hops === 1) {
    join(left, right, "10.0.1", "fd00:1::");
  } else {
    const router = namespaceFor(t);
    router.run("sysctl", "-qw", "net.ipv4.ip_forward=1");
    join(left, router, "10.0.1", "fd00:1::");
    join(router, right, "10.0.2", "fd00:2::");
    left.ip("route add 10.0.2.0/24 via 10.0.1.2");
    right.ip("route add 10.0.1.0/24 via 10.0.2.1");
  }
  const net = hops === 1 ? 1 : 2;
  return {
    namespaces: [left, right],
    left: sideOf(t, left, "10.0.1.1", "fd00:1::1"),
    right: sideOf(t, right, `10.0.${net}.2`, `fd00:${net}::2`),
    silence: (isSilent) => {
      right.run("nft", isSilent ? DROP : "delete table ip silence");
    },
    until: (what, holds) => eventually(() => assert.ok(holds(), `waited in vain for ${what}`)),
  };
}

const DROP = "add table ip silence; add chain ip silence in { type filter hook input priority -300; policy drop; }";

let devices = 0;

function join(one: TestNamespace, other: TestNamespace, net4: string, net6: string): void {
  const name = `v${devices++}`;
  one.ip(`link add ${name} type veth peer name ${name}p netns ${other.path}`);
  for (const [namespace, device, host] of [
    [one, name, 1],
    [other, `${name}p`, 2],
  ] as const) {
    namespace.ip(`address add ${net4}.${host}/24 dev ${device}`);
    namespace.ip(`address add ${net6}${host}/64 dev ${device} nodad`);
    namespace.ip(`link set ${device} up`);
  }
}

function sideOf(t: TestContext, namespace: TestNamespace, ipv4: string, ipv6: string) {
  const transport = new TcpBgpTransport(namespace.net);
  t.after(() => transport.close());
  return { transport, ipv4: parseAddress(ipv4), ipv6: parseAddress(ipv6) };
}

if (skip === undefined) bgpTransportContract("tcp", groundFor);
else test("tcp", { skip }, () => undefined);

const segments = (namespace: TestNamespace, counter: string): number =>
  Number(new RegExp(`${counter}\\s+(\\d+)`).exec(namespace.run("nstat", "-asz", counter))?.[1]);

test("a password on one end only is named by what the kernel dropped", { skip }, async (t) => {
  const { left, right, namespaces } = groundFor(t, 1);
  const listener = right.transport.listen({ family: 4, port: 0 }, () => undefined);
  t.after(() => listener.close());
  listener.setKey(left.ipv4, "theirs");
  // The other side's signed dial arrives while ours waits for its answer: a peer with a password, and we without one.
  const own = left.transport.listen({ family: 4, port: 0 }, () => undefined);
  t.after(() => own.close());
  const message = await new Promise<string>((resolve) => {
    left.transport.dial(
      { address: right.ipv4, port: listener.port, timeoutSeconds: 1 },
      () => resolve("connected"),
      (failure) => resolve(failure.message),
    );
    right.transport.dial(
      { address: left.ipv4, port: own.port, key: "theirs", timeoutSeconds: 1 },
      () => undefined,
      () => undefined,
    );
  });
  assert.match(message, /segments with TCP MD5 arrived; the peer has a password, this session none/);
  assert.ok(segments(namespaces[0]!, "TcpExtTCPMD5Unexpected") > 0);
});

test("RFC 5082: what is protected leaves with 255 hops, and so do a listener's answers", { skip }, async (t) => {
  const { left, right, namespaces } = groundFor(t, 1);
  for (const namespace of namespaces) {
    namespace.run("nft", "add table ip t; add chain ip t c { type filter hook input priority 0; }");
    namespace.run("nft", "add rule ip t c meta l4proto tcp ip ttl 255 counter");
    namespace.run("nft", "add rule ip t c meta l4proto tcp ip ttl < 255 counter");
  }
  const taken: BgpStream[] = [];
  const listener = right.transport.listen({ family: 4, port: 0 }, (stream) => taken.push(stream));
  t.after(() => listener.close());
  const stream = await new Promise<BgpStream>((resolve, reject) => {
    const options = { address: right.ipv4, port: listener.port, timeoutSeconds: 5, ttlSecurityHops: 1 };
    left.transport.dial(options, resolve, ({ message }) => reject(new Error(message)));
  });
  t.after(() => stream.end());
  await eventually(() => assert.equal(taken.length, 1));
  t.after(() => taken[0]!.end());
  for (const namespace of namespaces) {
    const counts = [...namespace.run("nft", "list", "ruleset").matchAll(/counter packets (\d+)/g)].map(([, count]) =>
      Number(count),
    );
    assert.ok(counts[0]! > 0 && counts[1] === 0, `with 255 hops and with fewer: ${counts}`);
  }
});
