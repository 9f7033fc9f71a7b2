/** What the underlay does at a NIC, as people write and read it: `srcdst=off mtu=1400 drop=ipip,udp/4789`. */
import { CodedError } from "../../base/errors.ts";
import type { NicPolicy, ProtocolFilter } from "../topology.ts";
import type { NicChange, NicState } from "./nics.ts";

export class NicTextError extends CodedError<"badSetting", { setting: string }> {}

const HELP = "settings are srcdst=on|off, mtu=OCTETS, drop=ipip|udp/PORT|tcp/PORT (several with commas) or drop=none";

export const formatFilter = (filter: ProtocolFilter): string =>
  filter.protocol === "ipip" ? "ipip" : `${filter.protocol}/${filter.port}`;

export const formatNicPolicy = (policy: NicPolicy): { srcdst: "on" | "off"; drop: string[] } => ({
  srcdst: policy.sourceDestinationCheck ? "on" : "off",
  drop: policy.drop.map(formatFilter),
});

/** Throws NicTextError. */
export function readFilter(text: string): ProtocolFilter {
  if (text === "ipip") return { protocol: "ipip" };
  const [, protocol, port] = /^(udp|tcp)\/([1-9]\d{0,4})$/.exec(text) ?? [];
  if ((protocol === "udp" || protocol === "tcp") && Number(port) < 65_536) return { protocol, port: Number(port) };
  throw new NicTextError("badSetting", `'${text}' is no protocol to drop; ${HELP}`, { setting: text });
}

/** Throws NicTextError for the first setting that is none. */
export function readNicChange(settings: readonly string[], state: NicState): NicChange {
  let change: NicChange = {};
  let policy = state.policy;
  for (const setting of settings) {
    const [name = "", value = ""] = setting.split("=");
    if (name === "srcdst" && (value === "on" || value === "off")) {
      policy = { ...policy, sourceDestinationCheck: value === "on" };
    } else if (name === "mtu" && /^\d{1,5}$/.test(value)) {
      change = { ...change, mtu: Number(value) };
    } else if (name === "drop" && value !== "") {
      policy = { ...policy, drop: value === "none" ? [] : value.split(",").map(readFilter) };
    } else {
      throw new NicTextError("badSetting", `'${setting}' is no setting of a NIC; ${HELP}`, { setting });
    }
  }
  return policy === state.policy ? change : { ...change, policy };
}
