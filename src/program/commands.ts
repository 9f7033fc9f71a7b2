/**
 * Every subcommand of `ocicat`. Programs are loaded when they are called, since start-up time is what a user of the
 * command line feels first.
 */
import type { ProcessHost } from "./process-host.ts";

/** A subcommand: takes the arguments after its name, gives the exit code. */
export interface Program {
  main(args: readonly string[], host: ProcessHost): Promise<number>;
}

export interface Command {
  readonly name: string;
  /** One line, lower case, no full stop. */
  readonly summary: string;
  /** Calls worth showing in `ocicat --help`, without the leading `ocicat`. */
  readonly examples?: readonly string[];
  load(): Promise<Program>;
}

export const commands: readonly Command[] = [
  {
    name: "get",
    summary: "show objects: pools, nodes, endpoints, configurations",
    examples: ["get ippool -o wide", "get workloadendpoints -A"],
    load: () => import("./ctl/get.ts"),
  },
  {
    name: "apply",
    summary: "create or replace the objects of a file",
    examples: ["apply -f pool.yaml"],
    load: async () => (await import("./ctl/write.ts")).writeProgram("apply"),
  },
  {
    name: "create",
    summary: "create the objects of a file",
    load: async () => (await import("./ctl/write.ts")).writeProgram("create"),
  },
  {
    name: "replace",
    summary: "replace objects by those of a file",
    load: async () => (await import("./ctl/write.ts")).writeProgram("replace"),
  },
  {
    name: "delete",
    summary: "delete objects by name, or those of a file",
    load: () => import("./ctl/delete.ts"),
  },
  {
    name: "patch",
    summary: "change some fields of an object",
    examples: [`patch ippool default-ipv4-ippool -p '{"spec":{"ipipMode":"Never","vxlanMode":"CrossSubnet"}}'`],
    load: () => import("./ctl/patch.ts"),
  },
  {
    name: "label",
    summary: "set or remove a label of an object",
    load: () => import("./ctl/label.ts"),
  },
  {
    name: "validate",
    summary: "check the objects of a file without a store",
    load: async () => (await import("./ctl/write.ts")).writeProgram("validate"),
  },
  {
    name: "ipam",
    summary: "show and change the assignment of addresses",
    examples: ["ipam show --show-blocks"],
    load: () => import("./ctl/ipam.ts"),
  },
  {
    name: "version",
    summary: "show the version of this program and of the cluster",
    load: () => import("./ctl/version.ts"),
  },
  {
    name: "node",
    summary: "the agent of this host, its probes, its BGP sessions ('node status'), and what it knows ('node show')",
    examples: ["node status", "node show worker-1"],
    load: () => import("./node.ts"),
  },
  {
    name: "store",
    summary: "the embedded store: one file, the etcd v3 API",
    examples: ["store --data ./store.db --listen 127.0.0.1:2379"],
    load: () => import("./store.ts"),
  },
  {
    name: "bgp",
    summary: "BGP sessions, routes, and what decided over them; a router without a cluster ('bgp run')",
    examples: ["bgp peers", "bgp why 192.168.97.193", "bgp explain worker-2"],
    load: () => import("./bgp.ts"),
  },
  {
    name: "verify",
    summary: "compare what is compiled for each host with what its kernel holds",
    examples: ["verify"],
    load: () => import("./verify.ts"),
  },
  {
    name: "cni-install",
    summary: "put the CNI plugin and its configuration on this host",
    examples: ["cni-install"],
    load: () => import("./cni-install.ts"),
  },
  {
    name: "cni",
    summary: "the CNI plugin in its portable form, for a container runtime to execute",
    load: () => import("./cni.ts"),
  },
  {
    name: "ipip-tun",
    summary: "IP-in-IP in user space, for agents to start where the kernel carries none",
    load: () => import("./ipip-tun.ts"),
  },
  {
    name: "start",
    summary: "the demo: a lab of four hosts with a matrix of who reaches whom (npm start)",
    examples: ["start --check"],
    load: () => import("./start.ts"),
  },
  {
    name: "lab",
    summary: "hosts, pods and a cloud underlay on this machine: build, look, break",
    examples: ["lab up aws-two-subnets", "lab check"],
    load: () => import("./lab.ts"),
  },
];
