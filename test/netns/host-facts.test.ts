import assert from "node:assert/strict";
import { test } from "node:test";
import { SystemClock } from "../../src/adapter/clock.ts";
import { formatAddress } from "../../src/ip/address.ts";
import { formatPrefix } from "../../src/ip/prefix.ts";
import { Rtnetlink } from "../../src/kernel/rtnetlink.ts";
import { describeCandidate, detect } from "../../src/node/autodetection.ts";
import { FIRST_FOUND } from "../../src/node/autodetection-method.ts";
import { readHostInterfaces } from "../../src/node/host-interfaces.ts";
import { RouteReachability } from "../../src/node/reachability.ts";
import { namespaceFor, whyNoNamespaces } from "../../src/testing/netns.ts";

const skip = whyNoNamespaces() ?? false;

function host(t: Parameters<typeof namespaceFor>[0]) {
  const namespace = namespaceFor(t);
  for (const line of [
    "link add ens5 type veth peer name far5",
    "link add ens6 type veth peer name far6",
    "link set ens5 mtu 1400 up",
    "link set far5 up",
    "link set ens6 up",
    "address add 10.30.0.206/24 dev ens5",
    "address add 10.30.0.207/24 dev ens5",
    "address add 2001:db8::5/64 dev ens5 nodad",
    "address add 10.40.0.7/16 dev ens6",
    "route add default via 10.30.0.1",
    "route add 198.51.100.0/24 via 10.30.0.1 src 10.30.0.207",
  ]) {
    namespace.ip(line);
  }
  const rtnetlink = new Rtnetlink(namespace.net, new SystemClock());
  t.after(() => rtnetlink.close());
  return { namespace, rtnetlink };
}

interface Row {
  readonly ifname: string;
  readonly ifindex: number;
  readonly mtu: number;
  readonly address: string;
  readonly operstate: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly tentative?: boolean }[];
}

test("interfaces are those that ip shows", { skip }, async (t) => {
  const { namespace, rtnetlink } = host(t);
  const shown = namespace.json<Row>("ip -j address show").map((row) => ({
    index: row.ifindex,
    name: row.ifname,
    mtu: row.mtu,
    addresses: row.addr_info
      .filter(({ tentative }) => !tentative)
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`),
  }));
  const found = await readHostInterfaces(rtnetlink);
  const settled = found.map(({ index, name, mtu, addresses }) => ({
    index,
    name,
    mtu,
    addresses: addresses.map(formatPrefix),
  }));
  // Link-local addresses are probed for a second after a device comes up: only what both saw settled is compared.
  const withoutLinkLocal = (rows: typeof settled) =>
    rows.map((row) => ({ ...row, addresses: row.addresses.filter((address) => !address.startsWith("fe80:")).sort() }));
  assert.deepEqual(withoutLinkLocal(settled), withoutLinkLocal(shown));
  const stateOf = (name: string) => {
    const { isUp, isOperUp } = found.find((some) => some.name === name)!;
    return [isUp, isOperUp];
  };
  assert.deepEqual(stateOf("ens5"), [true, true]);
  assert.deepEqual(stateOf("ens6"), [true, false]);
  assert.deepEqual(stateOf("far6"), [false, false]);
  assert.deepEqual(stateOf("lo"), [true, true]);
});

test("first-found walks real interfaces backwards", { skip }, async (t) => {
  const { rtnetlink } = host(t);
  const { chosen, candidates } = detect(FIRST_FOUND, 4, await readHostInterfaces(rtnetlink));
  assert.equal(chosen && `${chosen.device} ${formatPrefix(chosen)}`, "ens6 10.40.0.7/16");
  assert.ok(candidates.map(describeCandidate).includes("far5: not taken, it has no IPv4 address"));
});

test("the source towards a destination is what ip route get says", { skip }, async (t) => {
  const { namespace, rtnetlink } = host(t);
  const names = { resolve: async () => assert.fail("no name was given") };
  const reachability = new RouteReachability(rtnetlink, names);
  for (const destination of ["8.8.8.8", "198.51.100.9", "10.40.3.3", "2001:db8::77", "127.0.0.1"]) {
    const [route] = namespace.json<{ prefsrc: string }>(`ip -j route get ${destination}`);
    const source = await reachability.sourceTowards(destination, destination.includes(":") ? 6 : 4);
    assert.equal(formatAddress(source), route?.prefsrc, destination);
  }
  await assert.rejects(reachability.sourceTowards("2001:db9::1", 6), /ENETUNREACH/);
  await assert.rejects(reachability.sourceTowards("8.8.8.8", 6), /no IPv6 address/);
});
