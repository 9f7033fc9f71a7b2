/** The agent's effective configuration, from the environment, the file, and what the store says so far. */

import type { JsonObject } from "../../base/json.ts";
import {
  type ConfigProblem,
  describeSource,
  type EffectiveConfig,
  effectiveConfig,
} from "../../compile/config/effective.ts";
import type { AgentConfig } from "../../compile/config/parameters.ts";
import type { Settings } from "../../dataplane/settings.ts";
import type { HostFiles } from "../../port/host-facts.ts";
import type { Log } from "../../port/log.ts";
import { selectorMatcher } from "../../selector/matcher.ts";

export interface ConfigurationDeps {
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly hostFiles: HostFiles;
  readonly log: Log;
  readonly node: string;
}

export class Configuration {
  readonly #deps: ConfigurationDeps;
  readonly #matches = selectorMatcher();
  readonly #told = new Set<string>();
  #effective: EffectiveConfig;

  constructor(deps: ConfigurationDeps) {
    this.#deps = deps;
    this.#effective = this.#compute([], {});
  }

  get config(): AgentConfig {
    return this.#effective.config;
  }

  get problems(): readonly ConfigProblem[] {
    return this.#effective.problems;
  }

  /** Takes in what the store says now; each problem is logged once. */
  update(settings: Settings): void {
    const objects = settings.all("FelixConfiguration").map(({ key, value }) => ({ name: key.name, value }));
    const metadata = settings.get("Node", this.#deps.node)?.value["metadata"] as JsonObject | undefined;
    this.#effective = this.#compute(objects, (metadata?.["labels"] ?? {}) as Readonly<Record<string, string>>);
    for (const { message, kind } of this.#effective.problems) {
      if (this.#told.has(message)) continue;
      this.#told.add(message);
      this.#deps.log[kind === "notActedOn" ? "info" : "warn"](message);
    }
  }

  /** Parameters that are not at their default: value and source in words. */
  describe(): Readonly<Record<string, { readonly value: unknown; readonly from: string }>> {
    const { config, sources } = this.#effective;
    return Object.fromEntries(
      Object.entries(sources)
        .filter(([, source]) => source.kind !== "default")
        .map(([key, source]) => [key, { value: config[key as keyof AgentConfig], from: describeSource(source) }]),
    );
  }

  #compute(
    objects: readonly { readonly name: string; readonly value: JsonObject }[],
    labels: Readonly<Record<string, string>>,
  ): EffectiveConfig {
    const { environment, hostFiles, node } = this.#deps;
    const file = hostFiles.readFelixFile();
    return effectiveConfig({ node: { name: node, labels }, objects, file, environment, matches: this.#matches });
  }
}
