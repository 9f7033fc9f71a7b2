/** The environment of a call: CNI_* variables and what CNI_ARGS say of the pod. Everything wrong is named at once. */
import { CniError, ErrorCode } from "./errors.ts";

type Command = "ADD" | "DEL" | "CHECK" | "GC" | "STATUS" | "VERSION";

export interface Invocation {
  readonly command: Command;
  readonly containerId: string;
  /** Path of the pod's network namespace; empty where the runtime knows none (DEL only). */
  readonly netns: string;
  /** Name of the interface in the pod: `eth0`. */
  readonly ifName: string;
  readonly args: ReadonlyMap<string, string>;
  readonly path: readonly string[];
}

const COMMANDS: readonly string[] = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"];
const isCommand = (text: string): text is Command => COMMANDS.includes(text);

/** CNI specification, "Parameters". */
const CONTAINER_ID = /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/;
/** The kernel's rules for names of devices, and no colon. */
const INTERFACE_NAME = /^(?!\.{1,2}$)[^\s/:\0]{1,15}$/;

/** Throws CniError 4 with every bad variable named. */
export function readInvocation(env: Readonly<Record<string, string>>): Invocation {
  const command = env["CNI_COMMAND"] ?? "";
  const problems: string[] = [];
  if (!isCommand(command)) problems.push(`CNI_COMMAND is '${command}', not one of ${COMMANDS.join(", ")}`);
  const concernsPod = command === "ADD" || command === "DEL" || command === "CHECK";
  const containerId = env["CNI_CONTAINERID"] ?? "";
  const ifName = env["CNI_IFNAME"] ?? "";
  const netns = env["CNI_NETNS"] ?? "";
  if (concernsPod) {
    if (!CONTAINER_ID.test(containerId)) problems.push(variable("CNI_CONTAINERID", containerId));
    if (!INTERFACE_NAME.test(ifName)) problems.push(variable("CNI_IFNAME", ifName));
    if (netns === "" && command !== "DEL") problems.push(variable("CNI_NETNS", netns));
  }
  const args = readArguments(env["CNI_ARGS"] ?? "", problems);
  if (problems.length > 0 || !isCommand(command)) {
    throw new CniError(
      ErrorCode.invalidEnvironment,
      `the environment of the call is wrong: ${problems.join("; ")}`,
      "a container runtime sets these variables; by hand, see the CNI specification",
    );
  }
  return { command, containerId, ifName, netns, args, path: (env["CNI_PATH"] ?? "").split(":").filter(Boolean) };
}

const variable = (name: string, value: string): string =>
  value === "" ? `${name} is missing` : `${name} is '${value}', which is not allowed`;

/** `K=V;K=V`. */
function readArguments(text: string, problems: string[]): ReadonlyMap<string, string> {
  const args = new Map<string, string>();
  for (const pair of text.split(";").filter(Boolean)) {
    const equals = pair.indexOf("=");
    if (equals <= 0) problems.push(`CNI_ARGS has '${pair}', which is no KEY=VALUE`);
    else args.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return args;
}
