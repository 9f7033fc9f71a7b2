/** Whether this machine lets this user build a lab, and if not, what to do: told before anything is built. */
import fs from "node:fs";
import { CodedError } from "../../base/errors.ts";
import { tryNamespaces } from "./supervisor-process.ts";

export class HostCheckError extends CodedError<"notLinux" | "noNamespaces" | "noMemory", { remedy: string }> {}

interface Setting {
  readonly file: string;
  readonly forbids: string;
  readonly remedy: string;
}

/** What distributions forbid user namespaces with. */
const SETTINGS: readonly Setting[] = [
  {
    file: "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
    forbids: "1",
    remedy: "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0",
  },
  {
    file: "/proc/sys/kernel/unprivileged_userns_clone",
    forbids: "0",
    remedy: "sudo sysctl -w kernel.unprivileged_userns_clone=1",
  },
  {
    file: "/proc/sys/user/max_user_namespaces",
    forbids: "0",
    remedy: "sudo sysctl -w user.max_user_namespaces=10000",
  },
];

/** What an agent has for itself beside what all share, measured with some dozens of neighbours. */
const HOST_OCTETS = 70 * 2 ** 20;
/** Smaller labs are tried: a few hundred megabytes are found somehow. */
const FEW_HOSTS = 10;

/** Throws HostCheckError with the reason, the setting that makes it so, and the command that works. `hosts`: of the lab. */
export function checkHost(isRoot: boolean, hosts: number): void {
  if (process.platform !== "linux") {
    const remedy = "take a Linux machine, a virtual machine, or a container with --privileged";
    throw new HostCheckError(
      "notLinux",
      `the lab is made of Linux namespaces, and this is ${process.platform}; ${remedy}`,
      {
        remedy,
      },
    );
  }
  const tried = tryNamespaces(isRoot);
  if (!tried.ok) throw namespaceRefusal(isRoot, tried.said, settingValue);
  const refusal = memoryRefusal(hosts, process.availableMemory());
  if (refusal) throw refusal;
}

/** Why so many hosts are not begun: rather than that the kernel kills whom it likes. `available` in octets. */
export function memoryRefusal(hosts: number, available: number): HostCheckError | undefined {
  if (hosts <= FEW_HOSTS || hosts * HOST_OCTETS <= available) return undefined;
  const fits = Math.max(FEW_HOSTS, Math.floor(available / HOST_OCTETS));
  const remedy = `'many-${fits}' fits`;
  const gibibytes = (octets: number) => (octets / 2 ** 30).toFixed(1);
  return new HostCheckError(
    "noMemory",
    `${hosts} hosts take some ${gibibytes(hosts * HOST_OCTETS)} GiB of memory, and ${gibibytes(available)} GiB are free; ${remedy}`,
    { remedy },
  );
}

/** Why there are no namespaces, by what unshare said and by the values of the settings that forbid them. */
export function namespaceRefusal(
  isRoot: boolean,
  said: string,
  valueAt: (file: string) => string | undefined,
): HostCheckError {
  if (isRoot) {
    const remedy = "in a container, run it with --privileged";
    return new HostCheckError("noNamespaces", `this machine makes no namespaces, even for root (${said}); ${remedy}`, {
      remedy,
    });
  }
  const forbidding = SETTINGS.filter(({ file, forbids }) => valueAt(file) === forbids);
  const settings = forbidding.map(
    ({ file, forbids }) => `${file.slice("/proc/sys/".length).replaceAll("/", ".")} = ${forbids}`,
  );
  const why = settings.length === 0 ? said : `${settings.join(", ")} forbids it; unshare says: ${said}`;
  const remedy = [...forbidding.map((setting) => setting.remedy), "sudo npm start"].join("\n  or: ");
  return new HostCheckError(
    "noNamespaces",
    `without root, the lab needs a user namespace, and this machine makes none (${why}). What works:\n      ${remedy}`,
    { remedy },
  );
}

function settingValue(file: string): string | undefined {
  return fs.existsSync(file) ? fs.readFileSync(file, "utf8").trim() : undefined;
}
