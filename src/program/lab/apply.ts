/** `ocicat lab apply -f FILE`. */
import fs from "node:fs";
import path from "node:path";
import { text as textOf } from "node:stream/consumers";
import { askLab } from "../../adapter/lab/control-client.ts";
import { CodedError } from "../../base/errors.ts";
import { formatAddress } from "../../ip/address.ts";
import { readPodFile } from "../../lab/pods/pod-file.ts";
import { type PodSpec, podKey } from "../../lab/topology.ts";
import type { LabPodRecord } from "../../port/lab-record.ts";
import type { ProcessHost } from "../process-host.ts";
import { whichLab } from "./which-lab.ts";
import type { WordOptions } from "./words.ts";

export class ApplyError extends CodedError<"noFile" | "otherHost", { name: string }> {}

export async function apply(host: ProcessHost, _args: readonly unknown[], options: WordOptions): Promise<number> {
  const name = String(options["filename"]);
  const { pods, namespaces } = readPodFile(await readInput(host, name), name);
  const lab = await whichLab(host, options.lab);
  for (const namespace of namespaces) host.stdout.write(`namespace/${namespace} unchanged (a lab has them all)\n`);
  const known = await askLab<readonly LabPodRecord[]>(lab.controlSocket, "pod-list");
  for (const pod of pods) {
    const there = known.find((one) => podKey(one) === podKey(pod));
    if (there) unchanged(host, pod, there);
    else {
      const made = await askLab<LabPodRecord>(lab.controlSocket, "pod-add", requestOf(pod));
      host.stdout.write(`pod/${podKey(made)} created on ${made.host} with ${made.addresses.join(", ")}\n`);
    }
  }
  return 0;
}

function unchanged(host: ProcessHost, pod: PodSpec, there: LabPodRecord): void {
  if (there.host !== pod.host) {
    const message = `pod '${podKey(pod)}' runs on ${there.host}; 'ocicat lab pod rm ${podKey(pod)}' first, to have it on ${pod.host}`;
    throw new ApplyError("otherHost", message, { name: podKey(pod) });
  }
  host.stdout.write(`pod/${podKey(pod)} unchanged\n`);
}

const requestOf = ({ namespace, name, host, labels, serve, address }: PodSpec): object => ({
  namespace,
  name,
  host,
  labels,
  serve,
  ...(address === undefined ? {} : { address: formatAddress(address) }),
});

async function readInput(host: ProcessHost, name: string): Promise<string> {
  if (name === "-") return await textOf(host.stdin);
  const file = path.resolve(host.cwd, name);
  try {
    return fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw new ApplyError("noFile", `cannot read ${file}`, { name }, { cause });
  }
}
