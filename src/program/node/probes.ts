/**
 * calico-node's probe flags, for the manifests that have them: `-felix-live`, `-felix-ready`, `-bird-live`, `-bird-ready`
 * and their IPv6 twins. As there, only the environment is asked where the health server is, all probes of one call must
 * succeed, and the first that does not is told in one line. They are read before any option parser, which would take
 * `-felix-live` for something else.
 */
import http from "node:http";
import { CodedError, messageOf } from "../../base/errors.ts";
import { parseDuration } from "../../compile/config/parsers.ts";
import type { ProcessHost } from "../process-host.ts";

type Check = (host: Pick<ProcessHost, "env">, timeoutMs: number) => Promise<void>;

class ProbeError extends CodedError<"notGood", object> {
  constructor(message: string) {
    super("notGood", `calico/node is not ready: ${message}`, {});
  }
}

const checks: Readonly<Record<string, Check>> = {
  "felix-live": (host, timeoutMs) => felix("liveness", "Felix is not live", host, timeoutMs),
  "felix-ready": (host, timeoutMs) => felix("readiness", "felix is not ready", host, timeoutMs),
  "bird-live": (host) => bird("-bird-live", "bird/confd is not live", host),
  "bird6-live": (host) => bird("-bird6-live", "bird6/confd is not live", host),
  "bird-ready": (host) => bird("-bird-ready", "BIRD is not ready", host),
  "bird6-ready": (host) => bird("-bird6-ready", "BIRD6 is not ready", host),
};
const THRESHOLD = "threshold-time";
const DEFAULT_THRESHOLD_MS = 30_000;

/** `-felix-live`, `--felix-live`, `-felix-live=true`. */
const FLAG = /^--?([a-z0-9-]+)(?:=(.*))?$/;

/** Whether the arguments are a probe. */
export const isProbe = (args: readonly string[]): boolean =>
  args.some((arg) => {
    const name = FLAG.exec(arg)?.[1];
    return name !== undefined && Object.hasOwn(checks, name);
  });

/** 0: all good; 1: not, with the reason on stdout; 2: arguments that are none. Never rejects. */
export async function probe(
  args: readonly string[],
  host: Pick<ProcessHost, "env" | "stdout" | "stderr">,
): Promise<number> {
  const parsed = parse(args);
  if ("error" in parsed) {
    host.stderr.write(`ocicat node: ${parsed.error}\n`);
    return 2;
  }
  try {
    await Promise.all(parsed.wanted.map((name) => checks[name]?.(host, parsed.thresholdMs)));
    return 0;
  } catch (failure) {
    host.stdout.write(`${messageOf(failure)}\n`);
    return 1;
  }
}

function parse(
  args: readonly string[],
): { readonly wanted: readonly string[]; readonly thresholdMs: number } | { readonly error: string } {
  const wanted: string[] = [];
  let thresholdMs = DEFAULT_THRESHOLD_MS;
  for (let at = 0; at < args.length; at++) {
    const arg = args[at] ?? "";
    const [, name = "", value] = FLAG.exec(arg) ?? [];
    if (name === THRESHOLD) {
      const text = value ?? args[++at] ?? "";
      const millis = parseDuration(text);
      if (millis === undefined) return { error: `-${THRESHOLD} must be a duration such as 30s, not '${text}'` };
      thresholdMs = millis;
    } else if (!Object.hasOwn(checks, name) || (value !== undefined && value !== "true" && value !== "false")) {
      return {
        error: `'${arg}' cannot stand beside a probe: use -${Object.keys(checks).join(", -")}, -${THRESHOLD}=30s`,
      };
    } else if (value !== "false") {
      wanted.push(name);
    }
  }
  return { wanted, thresholdMs };
}

async function felix(
  path: "liveness" | "readiness",
  what: string,
  { env }: Pick<ProcessHost, "env">,
  timeoutMs: number,
): Promise<void> {
  const text = env["FELIX_HEALTHPORT"] || "9099";
  const hostname = env["FELIX_HEALTHHOST"] || "localhost";
  const port = /^\d{1,5}$/.test(text) ? Number(text) : Number.NaN;
  if (!(port <= 65_535)) throw new ProbeError(`${what}: FELIX_HEALTHPORT=${text} is not a port`);
  const { status, body } = await get({ hostname, port, path: `/${path}`, timeoutMs }).catch((failure: unknown) => {
    const remedy = "is the agent running, with FELIX_HEALTHENABLED=true?";
    throw new ProbeError(`${what}: http://${hostname}:${port}/${path}: ${messageOf(failure)}; ${remedy}`);
  });
  if (status >= 200 && status < 400) return;
  const reasons = body
    .split("\n")
    .filter((row) => /\| (reporting non-|timed out)/.test(row))
    .map((row) => row.replaceAll(/[|\s]+/g, " ").trim());
  throw new ProbeError(
    `${what}: ${path} probe reporting ${status}${reasons.length > 0 ? ` (${reasons.join("; ")})` : ""}`,
  );
}

interface Target {
  readonly hostname: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

function get({ timeoutMs, ...target }: Target): Promise<{ readonly status: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(Math.max(timeoutMs, 1));
    const request = http.get({ ...target, signal, agent: false }, (response) => {
      let body = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        body += chunk;
      });
      response.on("error", reject);
      response.on("end", () => resolve({ status: response.statusCode ?? 0, body }));
    });
    request.on("error", (failure) =>
      reject(signal.aborted ? new Error(`no answer within ${timeoutMs} ms`, { cause: failure }) : failure),
    );
  });
}

/** This version speaks no BGP; a probe that asks for it says which flag to leave out. */
async function bird(flag: string, what: string, { env }: Pick<ProcessHost, "env">): Promise<void> {
  const backend = env["CALICO_NETWORKING_BACKEND"];
  const why =
    backend === "vxlan" || backend === "none"
      ? `the backend is ${backend}, which runs no BGP: leave ${flag} out`
      : `this version speaks no BGP: set CALICO_NETWORKING_BACKEND=vxlan and leave ${flag} out`;
  throw new ProbeError(`${what}: ${why}`);
}
