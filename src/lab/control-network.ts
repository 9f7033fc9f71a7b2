/** The words about the network of a running lab: underlay, faults, checks. */
import type { JsonObject } from "../base/json.ts";
import { formatAddress } from "../ip/address.ts";
import { type CheckDeps, runCheck } from "./check/run-check.ts";
import { badRequest, textAt, type Verbs } from "./control.ts";
import type { Faults } from "./faults.ts";
import type { Lab } from "./lab.ts";
import { formatNicPolicy, readNicChange } from "./underlay/nic-text.ts";

export interface UnderlayRow {
  readonly host: string;
  readonly router: string;
  readonly subnet: string;
  readonly nic: string;
  readonly address: string;
  readonly mtu: number;
  readonly wire: "up" | "unplugged";
  readonly srcdst: "on" | "off";
  readonly drop: readonly string[];
}

export interface UnderlayAnswer {
  readonly nics: readonly UnderlayRow[];
  readonly faults: readonly string[];
}

const DEFAULT_TIMEOUT_MS = 1_000;
const LONGEST_TIMEOUT_MS = 60_000;

export function networkVerbs(lab: Lab, faults: Faults, deps: CheckDeps): Verbs {
  return {
    check: (body) => runCheck(lab, { timeoutMs: timeoutOf(body), ...podsOf(body) }, deps),
    underlay: async () => underlay(lab, faults),
    "underlay-set": async (body) => {
      const host = textAt(body, "host");
      const state = lab.nics.list().find((one) => one.host === lab.host(host).name);
      if (state) await lab.nics.set(host, readNicChange(settingsOf(body), state));
      return underlay(lab, faults);
    },
    break: async (body) => {
      await faults.break(textAt(body, "fault"), hostsOf(body));
      return underlay(lab, faults);
    },
    heal: async () => {
      await faults.heal();
      return underlay(lab, faults);
    },
  };
}

function underlay(lab: Lab, faults: Faults): UnderlayAnswer {
  const nics = lab.nics.list().map(({ host, mtu, isUp, policy }): UnderlayRow => {
    const { nic } = lab.host(host).spec;
    return {
      host,
      router: lab.underlay.ports.get(host)?.router ?? "",
      subnet: nic.subnet,
      nic: nic.name,
      address: formatAddress(nic.address),
      mtu,
      wire: isUp ? "up" : "unplugged",
      ...formatNicPolicy(policy),
    };
  });
  return { nics, faults: faults.list() };
}

function timeoutOf(body: JsonObject): number {
  const value = body["timeoutMs"] ?? DEFAULT_TIMEOUT_MS;
  if (typeof value === "number" && value > 0 && value <= LONGEST_TIMEOUT_MS) return value;
  throw badRequest("timeoutMs", `a timeout is a number of milliseconds up to ${LONGEST_TIMEOUT_MS}`);
}

function podsOf(body: JsonObject): { pods?: readonly string[] } {
  const { pods } = body;
  return pods === undefined ? {} : { pods: textsOf("pods", pods) };
}

const hostsOf = (body: JsonObject): readonly string[] => textsOf("hosts", body["hosts"] ?? []);
const settingsOf = (body: JsonObject): readonly string[] => textsOf("settings", body["settings"] ?? []);

function textsOf(field: string, value: unknown): readonly string[] {
  if (Array.isArray(value) && value.every((one) => typeof one === "string")) return value;
  throw badRequest(field, `'${field}' is a list of texts`);
}
