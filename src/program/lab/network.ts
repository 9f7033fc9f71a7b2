/** `ocicat lab check | underlay | break | heal | capture`. */
import fs from "node:fs";
import { pipeline } from "node:stream/promises";
import { askLab, streamFromLab } from "../../adapter/lab/control-client.ts";
import { formatJson } from "../../base/json.ts";
import { printFailures, printMatrix, printProofs, printVerdict } from "../../lab/check/matrix.ts";
import type { CheckReport } from "../../lab/check/report.ts";
import type { UnderlayAnswer } from "../../lab/control-network.ts";
import { textTable } from "../../lab/text-table.ts";
import type { OutputStream, ProcessHost } from "../process-host.ts";
import { painter } from "./paint.ts";
import { whichLab } from "./which-lab.ts";
import type { WordOptions } from "./words.ts";

/** Exit code 0: everybody reaches everybody; 1: somebody does not. */
export async function check(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  const pods = args[0] as readonly string[];
  const timeoutMs = Number(options["timeout"] ?? 1_000);
  const report = await askLab<CheckReport>(lab.controlSocket, "check", {
    timeoutMs,
    ...(pods.length === 0 ? {} : { pods }),
  });
  if (options["output"] === "json") host.stdout.write(`${formatJson(report, 2)}\n`);
  else host.stdout.write(`${printCheck(report, host.stdout)}\n`);
  return report.ok ? 0 : 1;
}

export function printCheck(report: CheckReport, stream: OutputStream): string {
  const paint = painter(stream);
  const failures = printFailures(report, paint);
  const proofs = printProofs(report, paint);
  const parts = [printMatrix(report, paint), failures, proofs, [printVerdict(report, paint)]];
  return parts
    .filter((lines) => lines.length > 0)
    .map((lines) => lines.join("\n"))
    .join("\n\n");
}

export async function showUnderlay(
  host: ProcessHost,
  _args: readonly unknown[],
  options: WordOptions,
): Promise<number> {
  const lab = await whichLab(host, options.lab);
  const answer = await askLab<UnderlayAnswer>(lab.controlSocket, "underlay");
  if (options["output"] === "json") host.stdout.write(`${formatJson(answer, 2)}\n`);
  else host.stdout.write(printUnderlay(answer));
  return 0;
}

export async function setUnderlay(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const [names, settings] = hostsAndSettings(args[0] as readonly string[]);
  const lab = await whichLab(host, options.lab);
  const wanted = names.includes("all") ? lab.hosts.map(({ name }) => name) : names;
  let answer = await askLab<UnderlayAnswer>(lab.controlSocket, "underlay");
  for (const name of wanted) {
    answer = await askLab<UnderlayAnswer>(lab.controlSocket, "underlay-set", { host: name, settings });
  }
  host.stdout.write(printUnderlay(answer));
  return 0;
}

/** Hosts come first; a setting has an equals sign. */
function hostsAndSettings(words: readonly string[]): [hosts: string[], settings: string[]] {
  return [words.filter((word) => !word.includes("=")), words.filter((word) => word.includes("="))];
}

function printUnderlay({ nics, faults }: UnderlayAnswer): string {
  const rows = nics.map((nic) => [
    nic.host,
    nic.nic,
    nic.address,
    `${nic.router}/${nic.subnet}`,
    String(nic.mtu),
    nic.srcdst,
    nic.drop.join(",") || "-",
    nic.wire,
  ]);
  const table = textTable([["HOST", "NIC", "ADDRESS", "SUBNET", "MTU", "SRCDST", "DROP", "WIRE"], ...rows]);
  return faults.length === 0 ? table : `${table}\nbroken: ${faults.join("; ")}\n`;
}

export async function breakIt(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const [fault, hosts] = args as [string, readonly string[]];
  const lab = await whichLab(host, options.lab);
  const { faults } = await askLab<UnderlayAnswer>(lab.controlSocket, "break", { fault, hosts });
  host.stdout.write(`broken: ${faults.join("; ")}\n`);
  return 0;
}

export async function heal(host: ProcessHost, _args: readonly unknown[], options: WordOptions): Promise<number> {
  const lab = await whichLab(host, options.lab);
  await askLab<UnderlayAnswer>(lab.controlSocket, "heal");
  host.stdout.write("nothing is broken now; agents may need some seconds to hear of each other again\n");
  return 0;
}

/** Runs until Ctrl-C, or until so many packets were captured. */
export async function capture(host: ProcessHost, args: readonly unknown[], options: WordOptions): Promise<number> {
  const [place, filter] = args as [string, readonly string[]];
  const lab = await whichLab(host, options.lab);
  const file = options["write"] as string | undefined;
  const format = file === undefined ? "lines" : "pcapng";
  const count = options["count"] === undefined ? {} : { count: Number(options["count"]) };
  const request = { place, filter: filter.join(" "), format, ...count };
  const stream = await streamFromLab(lab.controlSocket, "capture", request);
  host.onSignal("SIGINT", () => stream.destroy());
  host.onSignal("SIGTERM", () => stream.destroy());
  host.stderr.write(`capturing at ${place}; Ctrl-C ends it\n`);
  try {
    const out = file === undefined || file === "-" ? host.stdout : fs.createWriteStream(file);
    await pipeline(stream, out, { end: out !== host.stdout });
  } catch (failure) {
    // Ending it from here is how it ends.
    if ((failure as NodeJS.ErrnoException).code !== "ERR_STREAM_PREMATURE_CLOSE") throw failure;
  }
  return 0;
}
