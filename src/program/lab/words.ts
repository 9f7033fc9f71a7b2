/** The words of `ocicat lab`, each with what it takes and what it does. */
import { type Command, Option } from "commander";
import { backends } from "../../lab/cluster.ts";
import { shippedNames } from "../../lab/topologies/shipped.ts";
import type { Backend } from "../../lab/topology.ts";
import { jsonOutput } from "../command-line.ts";
import type { ProcessHost } from "../process-host.ts";

export interface LabWord {
  /** As commander reads it: `exec <place> [command...]`. */
  readonly usage: string;
  readonly summary: string;
  /** Command lines for its help, without `ocicat lab`. */
  readonly examples?: readonly string[];
  /** Adds options and help. */
  readonly define?: (command: Command) => void;
  /** Gives the exit code. */
  readonly run?: (host: ProcessHost, args: readonly unknown[], options: WordOptions) => Promise<number>;
  /** Words below this one. */
  readonly words?: readonly LabWord[];
  /** False where the word takes no `--lab`. */
  readonly needsLab?: boolean;
}

export type WordOptions = Readonly<Record<string, unknown>> & { readonly lab?: string; readonly backend?: Backend };

const lab = async <K extends string>(
  module: Promise<Record<K, LabWord["run"]>>,
  name: K,
  ...args: Parameters<NonNullable<LabWord["run"]>>
): Promise<number> => (await module)[name]?.(...args) ?? 0;

export const labWords: readonly LabWord[] = [
  {
    usage: "up <topology>",
    summary: `build a lab (${shippedNames.join(", ")}, or a YAML file) and hold it until Ctrl-C`,
    examples: ["up aws-two-subnets", "up aws-two-subnets --backend vxlan", "up many-8 --name eight --detach"],
    needsLab: false,
    define: (command) =>
      command
        .option("--name <name>", "its name (default: the topology's, with a number when taken)")
        .addOption(
          new Option(
            "--backend <backend>",
            "bird: BGP and IP-in-IP; vxlan: VXLAN and no BGP (default: the topology's)",
          ).choices(backends),
        )
        .option("--detach", "return when it is ready; 'lab down' ends it"),
    run: (...args) => lab(import("./up.ts"), "up", ...args),
  },
  {
    usage: "down [name]",
    summary: "take a lab down",
    examples: ["down", "down --all"],
    needsLab: false,
    define: (command) => command.option("--all", "every lab of this user"),
    run: (...args) => lab(import("./running.ts"), "down", ...args),
  },
  {
    usage: "list",
    summary: "the labs that run",
    needsLab: false,
    define: (command) => command.addOption(jsonOutput()),
    run: (...args) => lab(import("./running.ts"), "list", ...args),
  },
  {
    usage: "status",
    summary: "hosts, agents, routers and pods of a lab",
    examples: ["status", "status -o json"],
    define: (command) => command.addOption(jsonOutput()),
    run: (...args) => lab(import("./running.ts"), "status", ...args),
  },
  {
    usage: "backend <backend>",
    summary: "restart all agents with another backend (bird, vxlan, none), as a change of calico_backend does",
    examples: ["backend vxlan"],
    run: (...args) => lab(import("./running.ts"), "backend", ...args),
  },
  {
    usage: "env",
    summary: 'exports for a shell, so that ocicat, etcdctl and calicoctl work on the lab: eval "$(ocicat lab env)"',
    run: (...args) => lab(import("./running.ts"), "env", ...args),
  },
  {
    usage: "exec <place> [command...]",
    summary: "a command on a host, in a pod or on a router (default: a shell); its exit code is the answer",
    examples: ["exec worker-1 -- ip route", "exec pod-1 -- ping -c 1 192.168.133.194"],
    define: (command) => command.passThroughOptions(),
    run: (...args) => lab(import("./exec.ts"), "exec", ...args),
  },
  {
    usage: "pod",
    summary: "pods, attached by each host's own CNI plugin",
    words: [
      {
        usage: "add <name>",
        summary: "make a pod on a host; it answers TCP and UDP echo (port 7) and HTTP (port 80)",
        examples: ["pod add web --on worker-1 --label app=web"],
        define: (command) =>
          command
            .requiredOption("--on <host>", "the host that it runs on")
            .option("--namespace <namespace>", "its namespace", "default")
            .option("--ip <address>", "ask for this address")
            .option("--label <key=value...>", "labels of its endpoint")
            .option("--serve <port...>", "answer HTTP there too"),
        run: (...args) => lab(import("./pods.ts"), "add", ...args),
      },
      {
        usage: "list",
        summary: "the pods of a lab",
        define: (command) => command.addOption(jsonOutput()),
        run: (...args) => lab(import("./pods.ts"), "list", ...args),
      },
      {
        usage: "rm <pods...>",
        summary: "detach and remove pods (NAME or NAMESPACE/NAME)",
        examples: ["pod rm web"],
        run: (...args) => lab(import("./pods.ts"), "remove", ...args),
      },
    ],
  },
  {
    usage: "apply",
    summary: "pods from Kubernetes' YAML: v1 Pod with nodeName, Namespace",
    examples: ["apply -f pods.yaml"],
    define: (command) => command.requiredOption("-f, --filename <file>", "the file, '-' for standard input"),
    run: (...args) => lab(import("./apply.ts"), "apply", ...args),
  },
  {
    usage: "check [pods...]",
    summary: "who reaches whom by ICMP, TCP and UDP, small and at the MTU; the encapsulation, captured; why not",
    examples: ["check", "check pod-1 pod-3 -o json"],
    define: (command) =>
      command
        .addOption(jsonOutput())
        .option("--timeout <ms>", "how long a probe waits for its answer", "1000")
        .addHelpText("after", "\nExit code: 0 all reach all, 1 some do not."),
    run: (...args) => lab(import("./network.ts"), "check", ...args),
  },
  {
    usage: "underlay",
    summary: "what the cloud does at the hosts' NICs",
    words: [
      {
        usage: "show",
        summary: "NICs, their filters, MTUs and wires, and what is broken",
        define: (command) => command.addOption(jsonOutput()),
        run: (...args) => lab(import("./network.ts"), "showUnderlay", ...args),
      },
      {
        usage: "set <words...>",
        summary: "HOST… (or all) srcdst=on|off mtu=OCTETS drop=ipip,udp/4789|none",
        examples: ["underlay set all srcdst=off", "underlay set worker-1 drop=udp/4789"],
        run: (...args) => lab(import("./network.ts"), "setUnderlay", ...args),
      },
    ],
  },
  {
    usage: "break <fault> [places...]",
    summary: "store · agent HOST… · router ROUTER… (kill -9) · link HOST… · partition HOST…",
    examples: ["break store", "break agent worker-1"],
    run: (...args) => lab(import("./network.ts"), "breakIt", ...args),
  },
  {
    usage: "heal",
    summary: "undo everything that was broken",
    run: (...args) => lab(import("./network.ts"), "heal", ...args),
  },
  {
    usage: "capture <place> [filter...]",
    summary: "packets at HOST, POD or ROUTER, or at one DEVICE of it (HOST/ens5), one line each",
    examples: ["capture worker-1/ens5 vxlan", "capture pod-1 -c 2 icmp"],
    define: (command) =>
      command
        .option("-w, --write <file>", "write a pcapng file ('-': standard output) for wireshark or tcpdump")
        .option("-c, --count <packets>", "end after so many packets")
        .addHelpText(
          "after",
          "\nFilters: icmp, tcp, udp, arp, vxlan, ipip, host A, src A, dst A, net CIDR, port N, proto N, and, or, not, ( ),\nand 'inner …' for what a tunnel carries. Example: udp port 4789 and inner icmp",
        ),
    run: (...args) => lab(import("./network.ts"), "capture", ...args),
  },
];
