/**
 * calico-node's probe flags, for the manifests that have them: `-felix-live`, `-felix-ready`, `-bird-live`, `-bird-ready`
 * and their IPv6 twins. As there, only the environment is asked where the health server is, all probes of one call must
 * succeed, and the first that does not is told in one line. They are read before any option parser, which would take
 * `-felix-live` for something else.
 */
import http from "node:http";
import { agentAwayText } from "../../adapter/agent-away.ts";
import { CodedError, messageOf } from "../../base/errors.ts";
import { parseDuration } from "../../compile/config/parsers.ts";
import { OWN_SOCKET } from "../own-socket.ts";
import type { ProcessHost } from "../process-host.ts";
import type { BgpReport } from "./bgp-report.ts";

type Check = (host: Pick<ProcessHost, "env">, timeoutMs: number) => Promise<unknown>;

class ProbeError extends CodedError<"notGood", object> {
  constructor(message: string) {
    super("notGood", `calico/node is not ready: ${message}`, {});
  }
}

const checks: Readonly<Record<string, Check>> = {
  "felix-live": (host, timeoutMs) => felix("liveness", "Felix is not live", host, timeoutMs),
  "felix-ready": (host, timeoutMs) => felix("readiness", "felix is not ready", host, timeoutMs),
  "bird-live": (host, timeoutMs) => birdLive("-bird-live", "bird/confd is not live", host, timeoutMs),
  "bird6-live": (host, timeoutMs) => birdLive("-bird6-live", "bird6/confd is not live", host, timeoutMs),
  "bird-ready": (host, timeoutMs) => birdReady(4, "-bird-ready", "BIRD is not ready", host, timeoutMs),
  "bird6-ready": (host, timeoutMs) => birdReady(6, "-bird6-ready", "BIRD6 is not ready", host, timeoutMs),
};
export const probeFlags: readonly string[] = Object.keys(checks).map((name) => `-${name}`);
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
        error: `'${arg}' cannot stand beside a probe: use ${probeFlags.join(", ")}, -${THRESHOLD}=30s`,
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

type Place = { readonly hostname: string; readonly port: number } | { readonly socketPath: string };
type Target = Place & {
  readonly path: string;
  readonly timeoutMs: number;
};

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

/** Live is an agent that answers and speaks BGP: what it runs is its own affair. */
async function birdLive(
  flag: string,
  what: string,
  host: Pick<ProcessHost, "env">,
  timeoutMs: number,
): Promise<BgpReport> {
  const { env } = host;
  const backend = env["CALICO_NETWORKING_BACKEND"];
  if (backend === "vxlan" || backend === "none")
    throw new ProbeError(`${what}: the backend is ${backend}, which runs no BGP: leave ${flag} out`);
  const socket = env["OCICAT_SOCKET"] || OWN_SOCKET;
  const { status, body } = await get({ socketPath: socket, path: "/v1/bgp", timeoutMs }).catch((failure: Error) => {
    throw new ProbeError(`${what}: ${agentAwayText({ socket }, failure)}`);
  });
  if (status !== 200) throw new ProbeError(`${what}: the agent answers ${status}: ${body}`);
  const { bgp } = JSON.parse(body) as { readonly bgp?: BgpReport };
  if (bgp) return bgp;
  throw new ProbeError(
    `${what}: this agent runs no BGP, or not yet; where CALICO_NETWORKING_BACKEND is not bird, leave ${flag} out`,
  );
}

/** All sessions of the family must be up while the node is young, later one of them: a peer that is away is not this node's fault. */
async function birdReady(
  family: 4 | 6,
  flag: string,
  what: string,
  host: Pick<ProcessHost, "env">,
  timeoutMs: number,
): Promise<void> {
  const { sessions, waitsFor, since, now } = await birdLive(flag, what, host, timeoutMs);
  const peers = sessions.filter((session) => session.family === family);
  const down = peers.filter(({ state }) => state !== "Established").map(({ address }) => address);
  const isYoung = new Date(now).getTime() - new Date(since).getTime() < timeoutMs;
  if (isYoung && waitsFor.length > 0)
    throw new ProbeError(`${what}: graceful restart in progress, waiting for ${waitsFor.join(", ")}`);
  if (down.length > 0 && (isYoung || down.length === peers.length))
    throw new ProbeError(`${what}: BGP not established with ${down.join(",")}`);
}
