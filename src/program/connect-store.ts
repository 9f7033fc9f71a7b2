/**
 * The store that a command works on, as calicoctl finds it: a configuration file, which alone counts where it exists,
 * else the environment; and beyond calicoctl, the lab that runs.
 */
import fs from "node:fs";
import path from "node:path";
import { EtcdStore } from "../adapter/store/etcd-store.ts";
import { CodedError } from "../base/errors.ts";
import type { Json, JsonObject } from "../base/json.ts";
import { nearest } from "../base/nearest.ts";
import type { Clock } from "../port/clock.ts";
import type { LabRecord } from "../port/lab-record.ts";
import type { Store } from "../port/store.ts";
import { isPlainObject } from "../resources/check.ts";
import { etcdKeys } from "../resources/etcd-keys.ts";
import { InputError, parseYaml } from "../resources/input/yaml.ts";
import { chooseLab } from "./choose-lab.ts";
import { noLabRuns } from "./no-lab.ts";
import type { ProcessHost } from "./process-host.ts";

export const DEFAULT_CONFIG_PATH = "/etc/calico/calicoctl.cfg";

export interface StoreChoice {
  /** `-c FILE`; it must exist. */
  readonly config?: string | undefined;
  /** `--lab NAME`. */
  readonly lab?: string | undefined;
}

export type OpenStore = (host: ProcessHost, choice: StoreChoice, clock: Clock) => Promise<Store>;

export class ConnectError extends CodedError<"config" | "noStore" | "unsupportedStore", { source: string }> {}

/** Connects with the first call. Throws ConnectError, LabChoiceError, and StoreError for endpoints that cannot be read. */
export const connectStore: OpenStore = async (host, choice, clock) => {
  const labName = choice.lab ?? host.env["OCICAT_LAB"];
  if (choice.config !== undefined && choice.lab !== undefined) {
    throw new ConnectError("config", "--config and --lab name two stores; give one of them", { source: choice.config });
  }
  if (labName !== undefined && choice.config === undefined) return labStore(await chooseLab(host, labName), clock);
  const settings = readConfigFile(host, choice.config) ?? readEnvironment(host.env);
  if (settings) return etcdStore(settings, clock);
  const lab = await chooseLab(host);
  if (lab) return labStore(lab, clock);
  throw new ConnectError(
    "noStore",
    `no store is named and ${noLabRuns(host)}: start one with 'ocicat lab up aws-two-subnets', set ETCD_ENDPOINTS=http://HOST:2379, or write ${DEFAULT_CONFIG_PATH}`,
    { source: "" },
  );
};

const etcdStore = ({ endpoints, source }: Settings, clock: Clock): Store => {
  if (endpoints.length === 0) {
    throw new ConnectError("noStore", `${source}: no etcd endpoints; set etcdEndpoints or ETCD_ENDPOINTS`, { source });
  }
  return new EtcdStore({ endpoints, keys: etcdKeys, clock });
};

function labStore(lab: LabRecord | undefined, clock: Clock): Store {
  const endpoints = lab ? [`unix://${lab.storeSocket}`] : [];
  return etcdStore({ endpoints, source: `lab '${lab?.name ?? ""}'` }, clock);
}

interface Settings {
  readonly endpoints: readonly string[];
  /** Where they come from, for messages. */
  readonly source: string;
}

/** Keys of the file's spec by the environment's names; `CALICO_` may stand before each of those. */
const environmentByKey = {
  datastoreType: "DATASTORE_TYPE",
  etcdEndpoints: "ETCD_ENDPOINTS",
  etcdDiscoverySrv: "ETCD_DISCOVERY_SRV",
  etcdUsername: "ETCD_USERNAME",
  etcdPassword: "ETCD_PASSWORD",
  etcdKeyFile: "ETCD_KEY_FILE",
  etcdCertFile: "ETCD_CERT_FILE",
  etcdCACertFile: "ETCD_CA_CERT_FILE",
} as const;

type SettingKey = keyof typeof environmentByKey;
const settingKeys = Object.keys(environmentByKey) as SettingKey[];

/** Keys that calicoctl knows and that say nothing about an etcd store. */
const otherKeys = [
  "etcdKey",
  "etcdCert",
  "etcdCACert",
  "kubeconfig",
  "kubeconfigInline",
  "k8sAPIEndpoint",
  "k8sAPIToken",
  "k8sKeyFile",
  "k8sCertFile",
  "k8sCAFile",
  "k8sInsecureSkipTLSVerify",
  "k8sDisableNodePoll",
  "usePodCIDR",
  "k8sClientQPS",
  "k8sClientBurst",
  "k8sCurrentContext",
  "calicoAPIGroup",
];

function readEnvironment(env: ProcessHost["env"]): Settings | undefined {
  const value = (key: SettingKey): string => env[`CALICO_${environmentByKey[key]}`] || env[environmentByKey[key]] || "";
  const given = Object.fromEntries(settingKeys.map((key) => [key, value(key)])) as Record<SettingKey, string>;
  if (given.datastoreType === "" && given.etcdEndpoints === "" && given.etcdDiscoverySrv === "") return undefined;
  return settingsOf(given, "the environment");
}

/** The file's settings; undefined when the default one does not exist. */
function readConfigFile(host: ProcessHost, given: string | undefined): Settings | undefined {
  const file = path.resolve(host.cwd, given ?? DEFAULT_CONFIG_PATH);
  let text: string;
  try {
    text = fs.readFileSync(file, "utf8");
  } catch (cause) {
    if (given === undefined && (cause as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw new ConnectError("config", `Error reading config file: ${given ?? file}`, { source: file }, { cause });
  }
  const spec = specOf(text, given ?? file);
  for (const key of Object.keys(spec)) {
    if (key in environmentByKey || otherKeys.includes(key)) continue;
    const meant = nearest(key, [...settingKeys, ...otherKeys]);
    const hint = meant === undefined ? "" : `; did you mean '${meant}'?`;
    throw new ConnectError(
      "config",
      `${file}: field in document is not recognized or is in the wrong location: ${key}${hint}`,
      {
        source: file,
      },
    );
  }
  const values = Object.fromEntries(settingKeys.map((key) => [key, textOf(spec[key])])) as Record<SettingKey, string>;
  const inline = ["etcdKey", "etcdCert", "etcdCACert"].find((key) => textOf(spec[key]) !== "");
  if (inline !== undefined) throw noTls(inline, file);
  return settingsOf(values, file);
}

const textOf = (value: Json | undefined): string => (value === undefined || value === null ? "" : String(value));

function specOf(text: string, file: string): JsonObject {
  const fail = (what: string, cause?: unknown) =>
    new ConnectError("config", `Error reading config file: ${file}: ${what}`, { source: file }, { cause });
  let value: Json | undefined;
  try {
    value = parseYaml(text, file)[0]?.value;
  } catch (error) {
    if (error instanceof InputError) throw fail(error.message);
    throw error;
  }
  if (!isPlainObject(value) || value["kind"] !== "CalicoAPIConfig")
    throw fail("expected apiVersion: projectcalico.org/v3, kind: CalicoAPIConfig, spec: …");
  const spec = value["spec"] ?? {};
  if (!isPlainObject(spec)) throw fail("spec: expected fields");
  return spec;
}

function settingsOf(given: Readonly<Record<SettingKey, string>>, source: string): Settings {
  const type = given.datastoreType || "etcdv3";
  if (type !== "etcdv3") {
    const known = type === "kubernetes" ? "is not supported by this version" : "is no datastore type";
    throw new ConnectError("unsupportedStore", `${source}: datastoreType ${type} ${known}; use etcdv3`, { source });
  }
  if (given.etcdDiscoverySrv !== "") {
    throw new ConnectError(
      "unsupportedStore",
      `${source}: etcdDiscoverySrv is not supported; list the endpoints in etcdEndpoints`,
      {
        source,
      },
    );
  }
  const refused = (["etcdUsername", "etcdKeyFile", "etcdCertFile", "etcdCACertFile"] as const).find(
    (key) => given[key] !== "",
  );
  if (refused !== undefined) throw noTls(refused, source);
  return { endpoints: given.etcdEndpoints.split(",").flatMap((text) => text.trim() || []), source };
}

const noTls = (key: string, source: string): ConnectError =>
  new ConnectError(
    "unsupportedStore",
    `${source}: ${key} is given, but this version speaks to etcd without TLS and users only`,
    {
      source,
    },
  );
