/**
 * Everything that `npm test` does after the dependencies are there: the packages that tests need, the type check, the
 * lint, the search for dead code, and every test. The last line counts: `N passed, N failed, N skipped`.
 *
 *     all    the default
 *     unit   what needs nothing
 *     soak   properties and contracts alone, each with many times as many random cases (OCICAT_TEST_RUNS, 20)
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Counted } from "./test-reporter.ts";
import { type Check, summary } from "./test-summary.ts";
import { fetchVmKernel, vmKernel } from "./vm-kernel.ts";

const root = path.dirname(import.meta.dirname);
const mode = process.argv[2] ?? "all";

/** Debian's packages that tests look from outside with, or speak to, by the command that shows them. */
const packages: readonly (readonly [command: string, name: string])[] = [
  ["nft", "nftables"],
  ["ip", "iproute2"],
  ["tcpdump", "tcpdump"],
  ["etcd", "etcd-server"],
  ["etcdctl", "etcd-client"],
  ["/usr/lib/cni/host-local", "containernetworking-plugins"],
  ["ping", "iputils-ping"],
  ["curl", "curl"],
  ["objdump", "binutils"],
  ["route", "net-tools"],
  ["ethtool", "ethtool"],
  ["nsenter", "util-linux"],
  ["ps", "procps"],
  ["iptables", "iptables"],
  ["bird", "bird2"],
  ["/usr/lib/frr/bgpd", "frr"],
  ["gobgpd", "gobgpd"],
  ["aarch64-linux-gnu-objdump", "binutils-aarch64-linux-gnu"],
  ["qemu-aarch64", "qemu-user"],
  ["qemu-system-x86_64", "qemu-system-x86"],
  ["busybox", "busybox-static"],
  ["mke2fs", "e2fsprogs"],
];

const say = (text: string): void => console.log(`\n== ${text}`);
const paths = [...(process.env["PATH"] ?? "").split(":"), "/usr/sbin", "/sbin"];
const has = (command: string): boolean =>
  command.startsWith("/") ? fs.existsSync(command) : paths.some((folder) => fs.existsSync(path.join(folder, command)));

function installPackages(): void {
  const missing = packages.filter(([command]) => !has(command)).map(([, name]) => name);
  if (missing.length === 0) return;
  if (os.userInfo().uid !== 0 || !has("apt-get")) {
    say(`not here, and not installed without root on Debian: ${missing.join(" ")}; tests that need them are skipped`);
    return;
  }
  say(`installing what tests need: ${missing.join(" ")}`);
  const apt = (...args: string[]) =>
    spawnSync("apt-get", ["-qq", ...args], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    }).status === 0;
  // A policy that forbids starting services: only the programs are wanted.
  const policy = "/usr/sbin/policy-rc.d";
  const isOurs = !fs.existsSync(policy);
  if (isOurs) fs.writeFileSync(policy, "#!/bin/sh\nexit 101\n", { mode: 0o755 });
  try {
    if (!apt("update") || !apt("install", "-y", "--no-install-recommends", ...missing)) {
      console.error("apt-get failed; tests that need these packages are skipped");
    }
  } finally {
    if (isOurs) fs.rmSync(policy);
  }
}

/** Of the virtual machine tier, whose tests are skipped without. */
function unpackKernel(): void {
  if (vmKernel() || os.arch() !== "x64" || !has("apt-get")) return;
  say("unpacking the kernel for virtual machines");
  try {
    fetchVmKernel();
  } catch (failure) {
    console.error(`no kernel for virtual machines: ${(failure as Error).message}`);
  }
}

function check(name: string, command: string, args: readonly string[]): Check {
  say(name);
  const { status } = spawnSync(command, args, { cwd: root, stdio: "inherit" });
  if (status !== 0) console.error(`${name} failed`);
  return { name, isOk: status === 0 };
}

/** What a soak has more of: random cases, in the file itself or in a contract that it runs. */
const IS_RANDOM = /from "(?:fast-check|.*\/runs\.ts|.*\/fuzz\.ts|.*-contract\.ts)"/;
const SOAK_RUNS = "20";

function testFiles(): string[] {
  const folders = mode === "unit" ? ["src", "tools"] : ["src", "tools", "test"];
  return folders
    .filter((folder) => fs.existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      fs
        .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
        .map((file) => path.join(folder, file)),
    )
    .filter((file) => file.endsWith(".test.ts"))
    .filter((file) => mode !== "soak" || IS_RANDOM.test(fs.readFileSync(path.join(root, file), "utf8")))
    .sort();
}

function staticChecks(): Check[] {
  return [
    check("type check", process.execPath, ["node_modules/.bin/tsc", "--noEmit"]),
    check("lint", "tools/biome.sh", ["check", "--error-on-warnings", "--diagnostic-level=warn"]),
    check("dead code", process.execPath, ["node_modules/.bin/knip", "--no-progress"]),
    check("code for tests alone", process.execPath, [
      "node_modules/.bin/knip",
      "--production",
      "--exclude=types",
      "--no-progress",
    ]),
  ];
}

function runTests(): Counted {
  const files = testFiles();
  say(`${files.length} test files`);
  const counted = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "ocicat-test-")), "counts.json");
  const isSoak = mode === "soak";
  const args = ["--test", "--test-concurrency=2", `--test-timeout=${isSoak ? 3_600_000 : 600_000}`];
  if (isSoak) args.push(`--import=${path.join(root, "tools/soak-defaults.ts")}`);
  args.push(`--test-reporter=${path.join(root, "tools/test-reporter.ts")}`, "--test-reporter-destination=stdout");
  const { status } = spawnSync(process.execPath, ["--disable-warning=ExperimentalWarning", ...args, ...files], {
    cwd: root,
    stdio: ["ignore", "inherit", "inherit"],
    env: {
      ...process.env,
      ...(isSoak ? { OCICAT_TEST_RUNS: process.env["OCICAT_TEST_RUNS"] ?? SOAK_RUNS } : {}),
      OCICAT_TEST_COUNTS: counted,
      PATH: paths.join(":"),
    },
  });
  const counts: Counted = fs.existsSync(counted)
    ? (JSON.parse(fs.readFileSync(counted, "utf8")) as Counted)
    : { passed: 0, failures: [], skips: [] };
  fs.rmSync(path.dirname(counted), { recursive: true, force: true });
  if (status === 0 || counts.failures.length > 0) return counts;
  const message = `ended with ${status}, and no test says why`;
  return { ...counts, failures: [{ file: "tools/test.ts", name: "the tests' runner", message }] };
}

if (mode !== "unit") {
  installPackages();
  unpackKernel();
}
const checks = mode === "soak" ? [] : staticChecks();
const counts = runTests();
const { text, isGood } = summary(counts, checks, {
  isStrict: process.env["CI"] === "true",
  isRoot: os.userInfo().uid === 0,
});
console.log(text);
process.exitCode = isGood ? 0 : 1;
