/**
 * Faults, each a command: the store or agents killed and kept away, wires unplugged, hosts cut off from the others.
 * `heal` undoes all of them and waits until the programs are ready again.
 */
import { CodedError } from "../base/errors.ts";
import type { Lab } from "./lab.ts";

export class FaultError extends CodedError<"badFault", { fault: string }> {}

export class Faults {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** What is broken now, in words. */
  list(): readonly string[] {
    const { store, hosts, nics } = this.#lab;
    const agents = [...hosts.values()].filter(({ agent }) => !agent.isWanted).map(({ name }) => `agent ${name}`);
    const links = nics
      .list()
      .filter(({ isUp }) => !isUp)
      .map(({ host }) => `link ${host}`);
    const partitions = nics.partitions.map((group) => `partition ${group.join(" ")}`);
    return [...(store.isWanted ? [] : ["store"]), ...agents, ...links, ...partitions];
  }

  /** Throws FaultError for what is no fault, LabError for unknown hosts. */
  async break(fault: string, names: readonly string[]): Promise<void> {
    const hosts = names.map((name) => this.#lab.host(name));
    if (fault !== "store" && hosts.length === 0) {
      throw new FaultError("badFault", `'${fault}' of which hosts? ${HELP}`, { fault });
    }
    switch (fault) {
      case "store":
        await this.#lab.store.putAway();
        break;
      case "agent":
        await Promise.all(hosts.map(({ agent }) => agent.putAway()));
        break;
      case "link":
        for (const { name } of hosts) await this.#lab.nics.set(name, { isUp: false });
        break;
      case "partition":
        await this.#lab.nics.setPartitions([...this.#lab.nics.partitions, names]);
        break;
      default:
        throw new FaultError("badFault", `'${fault}' is no fault; ${HELP}`, { fault });
    }
  }

  async heal(): Promise<void> {
    const { store, hosts, nics } = this.#lab;
    for (const { host, isUp } of nics.list()) if (!isUp) await nics.set(host, { isUp: true });
    if (nics.partitions.length > 0) await nics.setPartitions([]);
    store.start();
    await this.#lab.storeReady();
    const away = [...hosts.values()].filter(({ agent }) => !agent.isWanted);
    for (const { agent } of away) agent.start();
    await Promise.all(away.map((host) => this.#lab.agentReady(host)));
  }
}

const HELP = "faults are store, agent HOST…, link HOST…, partition HOST…";
