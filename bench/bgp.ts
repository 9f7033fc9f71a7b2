/**
 * The BGP speaker (`ocicat bgp run`) beside Debian's bird2, frr, openbgpd and gobgpd, one after the other in the same run, with
 * the same peers and the same octets. Needs root and those packages; one that is missing is left out.
 *
 *   node bench/bgp.ts [--cases ingest,reflect,…] [--daemons ocicat,bird,…] [--rounds N]
 *                     [--routes 10000,100000,1000000] [--clients 10,50] [--nodes 100,500,1000] [--gateways 500,5000]
 *
 * A figure is the least of the rounds: other work only ever adds. GoBGP is left out of what takes it minutes.
 */
import fs from "node:fs";
import os from "node:os";
import { parseArgs } from "node:util";
import { barsOf, judge } from "./bgp/bars.ts";
import { type Case, churn, cluster, type Figures, ingest, kernel, late, reflect, runCase } from "./bgp/cases.ts";
import { type DaemonKind, daemonKinds } from "./bgp/daemons.ts";

const { values } = parseArgs({
  options: {
    cases: { type: "string", default: "ingest,ingest6,reflect,late,cluster,churn,kernel" },
    daemons: { type: "string", default: "ocicat,bird,frr,openbgpd,gobgp" },
    rounds: { type: "string", default: "3" },
    routes: { type: "string", default: "10000,100000,1000000" },
    clients: { type: "string", default: "10,50" },
    nodes: { type: "string", default: "100,500,1000" },
    gateways: { type: "string", default: "500,5000" },
  },
});
const words = (text: string): string[] => text.split(",");
const numbers = (text: string): number[] => words(text).map(Number);

const sorts: Readonly<Record<string, () => readonly Case[]>> = {
  ingest: () => numbers(values.routes).map((routes) => ingest(routes)),
  ingest6: () => numbers(values.routes).map((routes) => ingest(routes, 6)),
  reflect: () => numbers(values.clients).map(reflect),
  late: () => [late(50)],
  cluster: () => numbers(values.nodes).map(cluster),
  churn: () => [churn],
  kernel: () => numbers(values.gateways).map(kernel),
};

const load = (): string => (os.loadavg()[0] ?? 0).toFixed(1);

/** One UPDATE for each prefix and client. */
const isTooLong = ({ name }: DaemonKind, { name: one }: Case): boolean =>
  name === "gobgp" && /^(reflect-50|late|cluster-1000|churn)/.test(one);

const kinds = words(values.daemons).flatMap((name) => {
  const kind = daemonKinds.find((one) => one.name === name);
  if (!kind) throw new Error(`${name}: expected one of ${daemonKinds.map((one) => one.name).join(", ")}`);
  if (fs.existsSync(kind.program)) return [kind];
  console.log(`${name} is not installed`);
  return [];
});

async function rounds(one: Case): Promise<Map<string, Figures>> {
  const all = new Map<string, Figures>();
  for (let round = 0; round < Number(values.rounds); round++) {
    for (const kind of kinds) {
      if ((one.kernel && !kind.writesKernel) || isTooLong(kind, one)) continue;
      try {
        all.set(kind.name, least(all.get(kind.name), await runCase(one, kind)));
      } catch (failure) {
        console.log(`  ${kind.name}: ${failure instanceof Error ? failure.message : failure}`);
      }
    }
  }
  return all;
}

const least = (before: Figures | undefined, now: Figures): Figures =>
  Object.fromEntries(
    Object.entries(now).map(([name, value]) => {
      const best = name.startsWith("longest") ? Math.max : Math.min;
      return [name, best(value, before?.[name] ?? value)];
    }),
  );

const figure = (value: number): string => value.toFixed(value < 10 ? 2 : 0);

let isMet = true;
for (const sort of words(values.cases)) {
  const cases = sorts[sort];
  if (!cases) throw new Error(`${sort}: expected one of ${Object.keys(sorts).join(", ")}`);
  for (const one of cases()) {
    const before = load();
    const all = await rounds(one);
    console.log(`${one.name} (load ${before} to ${load()})`);
    for (const [name, figures] of all) {
      const told = Object.entries(figures).map(([what, value]) => `${what} ${figure(value)}`);
      console.log(`  ${name.padEnd(9)} ${told.join(", ")}`);
    }
    for (const bar of barsOf(one.name)) {
      const verdict = judge(bar, all);
      if (!verdict) continue;
      isMet &&= verdict.isMet;
      console.log(`  ${verdict.isMet ? "met   " : "MISSED"} ${verdict.text}`);
    }
  }
}
process.exitCode = isMet ? 0 : 1;
