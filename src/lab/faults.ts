/**
 * Faults, each a command: the store, agents or routers' speakers killed and kept away, wires unplugged, hosts cut off from the others.
 * `heal` undoes all of them and waits until the programs are ready again.
 */
import { CodedError } from "../base/errors.ts";
import type { Lab } from "./lab.ts";
import type { LabRouter } from "./routers/lab-router.ts";

export class FaultError extends CodedError<"badFault" | "noSpeaker", { fault: string }> {}

export class Faults {
  readonly #lab: Lab;

  constructor(lab: Lab) {
    this.#lab = lab;
  }

  /** What is broken now, in words. */
  list(): readonly string[] {
    const { store, hosts, routers, nics } = this.#lab;
    const agents = [...hosts.values()].filter(({ agent }) => !agent.isWanted).map(({ name }) => `agent ${name}`);
    const speakers = [...routers.values()].filter(isAway).map(({ name }) => `router ${name}`);
    const links = nics
      .list()
      .filter(({ isUp }) => !isUp)
      .map(({ host }) => `link ${host}`);
    const partitions = nics.partitions.map((group) => `partition ${group.join(" ")}`);
    return [...(store.isWanted ? [] : ["store"]), ...agents, ...speakers, ...links, ...partitions];
  }

  /** Throws FaultError for what is no fault, LabError for unknown hosts and routers. */
  async break(fault: string, names: readonly string[]): Promise<void> {
    if (fault !== "store" && names.length === 0) {
      throw new FaultError("badFault", `'${fault}' of what? ${HELP}`, { fault });
    }
    if (fault === "router") return await this.#breakRouters(names);
    const hosts = names.map((name) => this.#lab.host(name));
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

  /** Their speakers are killed; the routes that they wrote stay, as when a daemon dies. */
  async #breakRouters(names: readonly string[]): Promise<void> {
    const speaking = names.map((name) => {
      const { bgp } = this.#lab.router(name);
      if (!bgp)
        throw new FaultError("noSpeaker", `router '${name}' speaks no BGP: nothing to kill`, { fault: "router" });
      return bgp;
    });
    await Promise.all(speaking.flatMap(({ daemons }) => daemons.map((daemon) => daemon.putAway())));
  }

  async heal(): Promise<void> {
    const { store, hosts, routers, nics } = this.#lab;
    for (const { host, isUp } of nics.list()) if (!isUp) await nics.set(host, { isUp: true });
    if (nics.partitions.length > 0) await nics.setPartitions([]);
    const silent = [...routers.values()].filter(isAway);
    for (const { bgp } of silent) for (const daemon of bgp?.daemons ?? []) daemon.start();
    await Promise.all(silent.map(({ name }) => this.#lab.routerReady(name)));
    store.start();
    await this.#lab.storeReady();
    const away = [...hosts.values()].filter(({ agent }) => !agent.isWanted);
    for (const { agent } of away) agent.start();
    await Promise.all(away.map((host) => this.#lab.agentReady(host)));
  }
}

const isAway = ({ bgp }: LabRouter): boolean => bgp?.daemons.some(({ isWanted }) => !isWanted) ?? false;

const HELP = "faults are store, agent HOST…, router ROUTER…, link HOST…, partition HOST…";
