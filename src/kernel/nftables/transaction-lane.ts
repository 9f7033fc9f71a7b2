/**
 * Sends transactions of nf_tables and reads what the kernel says of them. The kernel works inside the call that sends,
 * so that every answer waits when it returns. All go through another thread: a single element more in a set of 100,000
 * can take the kernel 20 ms, since a commit may tidy up the whole set.
 */
import { type Acknowledgement, ControlType, decodeAcknowledgement, eachMessage } from "../../netlink/message.ts";
import type { Transaction } from "../../netlink/nftables/batch.ts";
import type { Netlink, NetlinkSocket } from "../../port/netlink.ts";
import { type About, asKernelError, Errno, failed, refused } from "../lane.ts";

const LAST_SEQUENCE = 0x7fffffff;

export class TransactionLane {
  readonly #netlink: Netlink;
  #socket: NetlinkSocket | undefined;
  #nextSequence = 1;
  #isClosed = false;

  constructor(netlink: Netlink) {
    this.#netlink = netlink;
  }

  #open(): NetlinkSocket {
    if (this.#isClosed) throw failed(Errno.EBADF, { call: "use", subject: "a closed nftables driver" });
    this.#socket ??= this.#netlink.open({ protocol: "netfilter" });
    return this.#socket;
  }

  /** The port that the kernel names as the origin of our changes. Opens the socket. Throws KernelError. */
  get portId(): number {
    return this.#open().portId;
  }

  /** For the next batch. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Resolves when the kernel has done all of it. Throws KernelError: its first refusal, or EBADMSG and ENOBUFS when that got lost. */
  async commit(transaction: Transaction, about: string): Promise<void> {
    const { octets, nextSequence } = transaction;
    const socket = this.#open();
    this.#nextSequence = nextSequence > LAST_SEQUENCE ? 1 : nextSequence;
    const sending: About = { call: "send", subject: about };
    try {
      await socket.sendOffLoop(octets);
    } catch (failure) {
      throw asKernelError(failure, sending);
    }
    this.#outcome(socket, transaction, about);
  }

  #outcome(socket: NetlinkSocket, transaction: Transaction, about: string): void {
    let isDone = false;
    let refusal: { readonly acknowledgement: Acknowledgement; readonly about: About } | undefined;
    try {
      for (let datagram = socket.receive(); datagram; datagram = socket.receive()) {
        eachMessage(datagram, (message) => {
          const subject = transaction.subjectOf(message.sequence);
          if (message.type !== ControlType.error || subject === undefined) return;
          const acknowledgement = decodeAcknowledgement(message);
          if (acknowledgement.errno !== 0) refusal ??= { acknowledgement, about: { call: "commit", subject } };
          else if (message.sequence === transaction.acknowledged) isDone = true;
        });
      }
    } catch (failure) {
      // The rest of a broken answer must not be taken for the next one's.
      this.#renew();
      if (!refusal) throw asKernelError(failure, { call: "receive", subject: `the answer to ${about}` });
    }
    if (refusal) throw refused(refusal.acknowledgement, refusal.about);
    if (isDone) return;
    this.#renew();
    throw failed(Errno.EBADMSG, { call: "receive", subject: `the answer to ${about}` }, "it is missing");
  }

  #renew(): void {
    this.#socket?.close();
    this.#socket = undefined;
  }

  /** Idempotent. */
  close(): void {
    this.#isClosed = true;
    this.#renew();
  }
}
