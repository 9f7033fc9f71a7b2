/** `ocicat lab pod add | list | rm`. */
import { askLab } from "../../adapter/lab/control-client.ts";
import { CodedError } from "../../base/errors.ts";
import { formatJson } from "../../base/json.ts";
import { textTable } from "../../lab/text-table.ts";
import type { LabPodRecord } from "../../port/lab-record.ts";
import type { ProcessHost } from "../process-host.ts";
import { whichLab } from "./which-lab.ts";
import type { WordOptions } from "./words.ts";

export class PodOptionError extends CodedError<"badOption", { option: string }> {}

export async function add(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const {
    on,
    namespace,
    ip,
    label = [],
    serve = [],
  } = options as {
    readonly on: string;
    readonly namespace: string;
    readonly ip?: string;
    readonly label?: readonly string[];
    readonly serve?: readonly string[];
  };
  const pod = {
    name: String(args[0]),
    namespace,
    host: on,
    labels: Object.fromEntries(label.map(readLabel)),
    serve: serve.map(readPort),
    ...(ip === undefined ? {} : { address: ip }),
  };
  const lab = await whichLab(host, options.lab);
  const made = await askLab<LabPodRecord>(lab.controlSocket, "pod-add", pod);
  host.stdout.write(`pod ${podText(made)} on ${made.host} has ${made.addresses.join(", ")}\n`);
  return 0;
}

function readLabel(text: string): [string, string] {
  const equals = text.indexOf("=");
  if (equals > 0) return [text.slice(0, equals), text.slice(equals + 1)];
  throw new PodOptionError("badOption", `--label ${text}: a label is KEY=VALUE`, { option: "label" });
}

function readPort(text: string): number {
  if (/^[1-9]\d{0,4}$/.test(text) && Number(text) < 65_536) return Number(text);
  throw new PodOptionError("badOption", `--serve ${text}: a port is a number from 1 to 65535`, { option: "serve" });
}

export async function list(host: ProcessHost, _args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  const pods = await askLab<readonly LabPodRecord[]>(lab.controlSocket, "pod-list");
  if (options["output"] === "json") {
    host.stdout.write(`${formatJson(pods, 2)}\n`);
    return 0;
  }
  const rows = pods.map(({ namespace, name, host: on, addresses }) => [namespace, name, on, addresses.join(",")]);
  host.stdout.write(textTable([["NAMESPACE", "POD", "HOST", "ADDRESS"], ...rows]));
  return 0;
}

export async function remove(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  for (const pod of args[0] as readonly string[]) {
    await askLab(lab.controlSocket, "pod-remove", { pod });
    host.stdout.write(`pod ${pod} removed\n`);
  }
  return 0;
}

const podText = ({ namespace, name }: LabPodRecord): string =>
  namespace === "default" ? name : `${namespace}/${name}`;
