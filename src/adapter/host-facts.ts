/** Facts and files of the real host, below a root folder. */

import { lookup } from "node:dns/promises";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { CodedError } from "../base/errors.ts";
import { type Family, type IpAddress, parseAddress } from "../ip/address.ts";
import type { HostFacts, HostFiles, HostInterface, HostNames } from "../port/host-facts.ts";

/** `readInterfaces` asks the kernel of the agent's own network namespace. */
export const systemHostFacts = (readInterfaces: () => Promise<readonly HostInterface[]>): HostFacts => ({
  hostname: () => os.hostname(),
  interfaces: readInterfaces,
});

export const systemHostNames: HostNames = {
  async resolve(name: string, family: Family): Promise<IpAddress> {
    const { address } = await lookup(name, { family });
    return parseAddress(address);
  },
};

export class HostFileError extends CodedError<"unreadable" | "unwritable", { readonly path: string }> {}

export class DiskHostFiles implements HostFiles {
  readonly #root: string;

  constructor(root: string) {
    this.#root = root;
  }

  readNodeName(): string | undefined {
    const name = this.#read("var/lib/calico/nodename")?.trim();
    return name === "" ? undefined : name;
  }

  writeNodeName(name: string): void {
    this.#write("var/lib/calico/nodename", name);
  }

  writeMtu(octets: number): void {
    if (this.#read("var/lib/calico/mtu") !== String(octets)) this.#write("var/lib/calico/mtu", String(octets));
  }

  readFelixFile(): { readonly path: string; readonly text: string } | undefined {
    const text = this.#read("etc/calico/felix.cfg");
    return text === undefined ? undefined : { path: this.#path("etc/calico/felix.cfg"), text };
  }

  readSecret(name: string, key: string): string | undefined {
    return this.#read(path.join("etc/calico/secrets", path.basename(name), path.basename(key)))?.replace(/\r?\n$/, "");
  }

  #path(file: string): string {
    return path.join(this.#root, file);
  }

  #read(file: string): string | undefined {
    try {
      return fs.readFileSync(this.#path(file), "utf8");
    } catch (failure) {
      if ((failure as NodeJS.ErrnoException).code === "ENOENT") return undefined;
      throw this.#error("unreadable", file, failure);
    }
  }

  /** Whole or not at all: others read these files at any time. */
  #write(file: string, text: string): void {
    const target = this.#path(file);
    try {
      fs.mkdirSync(path.dirname(target), { recursive: true });
      fs.writeFileSync(`${target}.new`, text, { mode: 0o644 });
      fs.renameSync(`${target}.new`, target);
    } catch (failure) {
      throw this.#error("unwritable", file, failure);
    }
  }

  #error(code: "unreadable" | "unwritable", file: string, cause: unknown): HostFileError {
    const target = this.#path(file);
    const what = code === "unreadable" ? "cannot be read" : "cannot be written";
    return new HostFileError(code, `${target} ${what}`, { path: target }, { cause });
  }
}
