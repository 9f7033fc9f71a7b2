/**
 * An HTTP listener that can be moved or switched off while the program runs. A port that is taken is tried again every
 * second: a probe server must not stop the node, and says what is wrong.
 */
import http from "node:http";
import type { AddressInfo } from "node:net";
import { messageOf } from "../base/errors.ts";
import type { Clock, Timer } from "../port/clock.ts";
import type { Log } from "../port/log.ts";

const RETRY_MS = 1_000;

export interface EndpointSettings {
  readonly enabled: boolean;
  /** Empty: all addresses. */
  readonly host: string;
  readonly port: number;
}

export interface EndpointDeps {
  /** For the log. */
  readonly name: string;
  readonly handler: http.RequestListener;
  readonly clock: Clock;
  readonly log: Log;
}

export class HttpEndpoint {
  readonly #deps: EndpointDeps;
  #settings: EndpointSettings = { enabled: false, host: "", port: 0 };
  #server: http.Server | undefined;
  #retry: Timer | undefined;
  /** Steps of opening and closing follow each other. */
  #work: Promise<void> = Promise.resolve();

  constructor(deps: EndpointDeps) {
    this.#deps = deps;
  }

  /** The port it listens on now; undefined while it does not. */
  get port(): number | undefined {
    const address = this.#server?.address() as AddressInfo | null | undefined;
    return address?.port;
  }

  /** Listens there from now on. Settings that are in force already change nothing. */
  configure(settings: EndpointSettings): Promise<void> {
    this.#work = this.#work.then(async () => {
      const { enabled, host, port } = this.#settings;
      if (enabled === settings.enabled && host === settings.host && port === settings.port) return;
      this.#settings = settings;
      await this.#close();
      if (settings.enabled) await this.#open();
    });
    return this.#work;
  }

  close(): Promise<void> {
    return this.configure({ enabled: false, host: "", port: 0 });
  }

  async #open(): Promise<void> {
    const { name, handler, log, clock } = this.#deps;
    const { host, port } = this.#settings;
    const server = http.createServer(handler);
    try {
      await new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        // Go listens on IPv4 for `localhost`; probes expect it there.
        server.listen({ port, ...(host === "" ? {} : { host: host === "localhost" ? "127.0.0.1" : host }) }, resolve);
      });
      this.#server = server;
      server.on("error", (failure) => log.warn("a listener has trouble", { server: name }, failure));
      log.info("listening", { server: name, host: host || "all addresses", port: this.port });
    } catch (failure) {
      log.warn("cannot listen; trying again every second", { server: name, host, port, why: messageOf(failure) });
      this.#retry = clock.after(RETRY_MS, () => {
        this.#work = this.#work.then(() => (this.#settings.enabled && !this.#server ? this.#open() : undefined));
      });
    }
  }

  async #close(): Promise<void> {
    this.#retry?.cancel();
    const server = this.#server;
    this.#server = undefined;
    if (!server) return;
    await new Promise<void>((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  }
}
