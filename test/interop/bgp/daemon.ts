/** Another BGP daemon as the interoperability suite sees it. */
import type { TestContext } from "node:test";
import type { Ground } from "./ground.ts";

export interface DaemonSettings {
  readonly asn: number;
  readonly ourAsn: number;
  readonly announced: readonly string[];
  readonly password?: string;
  readonly gtsm?: boolean;
  /** With a short restart time. */
  readonly gracefulRestart?: boolean;
  /** It reflects: we are its client, and so is this address. */
  readonly reflectsTo?: string;
  /** `global:local1:local2`, on what it announces. */
  readonly largeCommunity?: string;
  /** Waits for us to dial. */
  readonly passive?: boolean;
}

export interface Daemon {
  /** Starts, or starts again with what it was given before. */
  start(): Promise<void>;
  /** SIGKILL: its sockets close, nothing is told. */
  kill(): Promise<void>;
  /** Announces these from now on, without a new session. */
  announce(...prefixes: readonly string[]): void;
  /** Whether it says that the session is established. */
  isUp(): boolean;
  /** What it has learned from us, sorted. */
  learned(): readonly string[];
  /** What it knows of one route of ours, in its own words. */
  describe(prefix: string): string;
  /** Asks us for everything again (RFC 2918); left out where the daemon never asks. */
  askAgain?(): void;
}

export interface DaemonKind {
  readonly name: string;
  /** Its executable: the test is skipped without. */
  readonly program: string;
  make(t: TestContext, ground: Ground, settings: DaemonSettings): Daemon;
}
