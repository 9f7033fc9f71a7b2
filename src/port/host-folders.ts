/** The part of the file system that each lab host has for itself, and the names of hosts and pods. */
import type { NetNamespace } from "./namespaces.ts";
import type { Place } from "./places.ts";

export interface HostFiles {
  readonly hostname: string;
  /** Text of /etc/hosts. */
  readonly hosts: string;
}

export interface HostFolders {
  /** Makes a host's folders in the lab's folder and gives their root, an absolute path. */
  create(host: string, files: HostFiles): string;
  /** Inside a new place: shows the host's folders and names it. */
  enterHost(folder: string, hostname: string): void;
  /** Makes a router's folder, with the files of its programs, and gives its path. */
  createRouter(router: string, files: Readonly<Record<string, string>>): string;
  /** Inside a new place: shows the router's folders and names it. */
  enterRouter(folder: string, hostname: string): void;
  /** Inside a new place made from a host's: hides what belongs to the host alone, and names it. */
  enterPod(hostname: string): void;
  /** Makes a network namespace visible as `/run/netns/NAME` in a host. Throws when the name is taken. */
  showNet(host: Place, name: string, net: NetNamespace): void;
  /** Takes it away again. */
  hideNet(host: Place, name: string): void;
  /** The path outside of a host of one of its own files. */
  outside(folder: string, inside: string): string;
}
