/**
 * Hears every change of the namespace's rulesets (NFNLGRP_NFTABLES): which tables others have touched, and the
 * generation that the ruleset is in. The kernel sends these inside the commit, so that after `drain` everything that
 * was committed before is known. Lost notifications mean that any table may have changed.
 */
import { eachMessage, type Message, NetlinkFormatError } from "../../netlink/message.ts";
import { MessageType, NFTABLES_GROUP, SUBSYSTEM } from "../../netlink/nftables/codes.ts";
import {
  type DecodedChain,
  decodeChain,
  decodeGeneration,
  decodeTableKey,
} from "../../netlink/nftables/object-decoder.ts";
import type { Steps } from "../../netlink/nftables/steps.ts";
import type { TableKey } from "../../netlink/nftables/tree.ts";
import { KernelError, type Netlink, type NetlinkSocket } from "../../port/netlink.ts";

export interface MonitorSink {
  /** Somebody else changed something in this table; `chain`: what a message about a chain says, of one that is gone too. */
  touched(key: TableKey, chain?: DecodedChain): void;
  /** Notifications were lost. */
  lost(reason: string): void;
}

export interface MonitorOptions {
  readonly sink: MonitorSink;
  /** Whether a port is our own, whose changes are no news. */
  readonly isOwn: (port: number) => boolean;
}

/** A transaction of others with many elements takes hundreds of datagrams; the rest waits for another turn. */
const TURN_DATAGRAMS = 256;
/** Each holds up to 8 KB and takes some 20 µs. */
const PAUSE_DATAGRAMS = 32;
/** Notifications of 100,000 elements take some 10 MB. */
const RECEIVE_BUFFER_OCTETS = 16 << 20;

export class RulesetMonitor {
  readonly #socket: NetlinkSocket;
  readonly #options: MonitorOptions;
  #generation: number | undefined;
  #isClosed = false;

  /** Listens from now on. Throws KernelError. */
  constructor(netlink: Netlink, options: MonitorOptions) {
    this.#options = options;
    this.#socket = netlink.open({
      protocol: "netfilter",
      groups: [NFTABLES_GROUP],
      receiveBuffer: RECEIVE_BUFFER_OCTETS,
    });
    this.#socket.onReadable(() => this.#take(TURN_DATAGRAMS));
  }

  /** Of the last change that was heard of; undefined before the first and after a loss. */
  get generation(): number | undefined {
    return this.#generation;
  }

  /** What was heard of is not the newest. */
  forget(): void {
    this.#generation = undefined;
  }

  /** Hears everything that waits, in several turns where a transaction of others had very many elements. */
  *drain(): Steps<void> {
    while (this.#take(PAUSE_DATAGRAMS)) yield;
  }

  /** Whether more may wait. */
  #take(limit: number): boolean {
    for (let taken = 0; taken < limit; taken++) {
      if (this.#isClosed) return false;
      try {
        const datagram = this.#socket.receive();
        if (!datagram) return false;
        eachMessage(datagram, this.#hear);
      } catch (failure) {
        if (
          !(failure instanceof NetlinkFormatError || (failure instanceof KernelError && failure.errno === "ENOBUFS"))
        ) {
          throw failure;
        }
        this.#generation = undefined;
        this.#options.sink.lost(failure.message);
      }
    }
    return true;
  }

  readonly #hear = ({ type, port, payload }: Message): void => {
    if (type >> 8 !== SUBSYSTEM) return;
    if (type === MessageType.newGeneration) {
      this.#generation = decodeGeneration(payload);
      return;
    }
    if (this.#options.isOwn(port)) return;
    const { family, name } = decodeTableKey(payload);
    if (family === undefined || name === undefined) return;
    const isChain = type === MessageType.newChain || type === MessageType.deleteChain;
    this.#options.sink.touched({ family, name }, isChain ? decodeChain(payload) : undefined);
  };

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#socket.close();
  }
}
