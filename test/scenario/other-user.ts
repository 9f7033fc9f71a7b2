/**
 * A user who is not root, with labs and a home in a folder of the test. What they run is a copy of the checkout, which
 * itself may be where they cannot reach it, say below root's home.
 */
import { execFileSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { copyCheckout } from "../checkout-copy.ts";
import { type Outcome, run } from "./testbed.ts";

const NOBODY = 65_534;
/** The command, the sources, and the Node.js that the command looks for. */
const NEEDED = ["bin", "src", `node_modules/node-linux-${process.arch}/bin`];

export class OtherUser {
  readonly #home: string;

  /** `home` is made; whoever asks for it takes it away, after the labs are down. */
  constructor(home: string) {
    this.#home = home;
    fs.mkdirSync(home);
    copyCheckout(this.#checkout, NEEDED);
    execFileSync("chmod", ["-R", "a+rX", home]);
    fs.chownSync(home, NOBODY, NOBODY);
  }

  /** `ocicat ARGS` as this user. */
  ocicat(...args: readonly string[]): Promise<Outcome> {
    return this.#run("setpriv", this.#words(args));
  }

  /** The same with another file in place of /dev/net/tun. */
  ocicatWithTun(file: string, ...args: readonly string[]): Promise<Outcome> {
    const script = 'mount --bind "$1" /dev/net/tun && shift && exec setpriv "$@"';
    return this.#run("unshare", ["--mount", "sh", "-c", script, "sh", file, ...this.#words(args)]);
  }

  get #checkout(): string {
    return path.join(this.#home, "checkout");
  }

  #words(args: readonly string[]): readonly string[] {
    const command = path.join(this.#checkout, "bin/ocicat");
    return [`--reuid=${NOBODY}`, `--regid=${NOBODY}`, "--clear-groups", command, ...args];
  }

  #run(command: string, args: readonly string[]): Promise<Outcome> {
    const env = {
      OCICAT_LAB_DIR: path.join(this.#home, "labs"),
      HOME: this.#home,
      NODE_COMPILE_CACHE: path.join(this.#home, "cache"),
    };
    return run(command, args, { env, cwd: this.#home });
  }
}
