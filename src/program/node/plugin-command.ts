/** The command of a call of the plugin, as a label of metrics. */
import type { PluginCall } from "../../wire/plugin-call.ts";

/** Of CNI 1.1; whatever else is asked for counts as one, so that labels stay few. */
const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];
export const commandOf = ({ env }: PluginCall): string =>
  COMMANDS.find((name) => name === env["CNI_COMMAND"]) ?? "other";
