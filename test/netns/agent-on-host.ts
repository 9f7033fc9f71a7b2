/** A whole agent on the real kernel of a namespace, without a process of its own. */
import type { TestContext } from "node:test";
import type { SystemClock } from "../../src/adapter/clock.ts";
import { LinuxBpf } from "../../src/adapter/linux/bpf.ts";
import type { Local } from "../../src/compile/view.ts";
import { Agent } from "../../src/dataplane/agent.ts";
import type { Drivers } from "../../src/dataplane/item-tables.ts";
import type { Log } from "../../src/port/log.ts";
import { type Kernel, openKernel } from "../../src/program/node/kernel.ts";
import { local } from "../../src/testing/agent-host.ts";
import { MemoryStateFile } from "../../src/testing/memory-state-file.ts";
import type { MemoryStore } from "../../src/testing/memory-store.ts";
import type { TestNamespace } from "../../src/testing/netns.ts";
import { noFragments } from "../../src/testing/no-fragments.ts";
import { tunnelProcessAt } from "../../src/testing/tunnel-process-at.ts";

export interface AgentOptions {
  readonly store: MemoryStore;
  readonly clock: SystemClock;
  readonly log: Log;
  /** Left out: worker-1 of `agent-host.ts`. */
  readonly facts?: Local;
  /** What the agent has in place of the kernel's drivers. */
  readonly driversOf?: (drivers: Drivers) => Drivers;
}

/** Started; it ends with the test. */
export async function agentOnHost(
  t: TestContext,
  host: TestNamespace,
  { store, clock, log, facts = local, driversOf = (drivers) => drivers }: AgentOptions,
): Promise<{ readonly agent: Agent; readonly kernel: Kernel }> {
  const kernel = await openKernel({
    namespace: host.net,
    bpf: new LinuxBpf(),
    fragments: noFragments,
    tunnelServer: tunnelProcessAt(host.net, "/nonexistent"),
    clock,
    log,
    metrics: { count: () => undefined, set: () => undefined },
    removesExternal: () => true,
    prefixes: () => agent.ownPrefixes(),
  });
  t.after(() => kernel.close());
  const agent: Agent = new Agent(facts, {
    store,
    clock,
    log,
    ...kernel,
    drivers: driversOf(kernel.drivers),
    stateFile: new MemoryStateFile(),
    acceptStore: false,
    turn: (_name, work) => work(),
    metrics: { count: () => undefined, observe: () => undefined, set: () => undefined },
    settingsChanged: () => undefined,
  });
  t.after(() => agent.close());
  agent.start();
  return { agent, kernel };
}
