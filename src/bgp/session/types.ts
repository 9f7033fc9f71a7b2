/**
 * The words of the state machine (RFC 4271 section 8): states, events that happened, effects that are ordered. All plain
 * data, so that a session can be told again from its events.
 */
import type { Keepalive, Notification, Open } from "../message/types.ts";
import type { Negotiated } from "./negotiate.ts";

/** RFC 4271 section 8.2.2. A state carries what is valid in it. */
export type State =
  /** Refuses connections, waits for a start. */
  | { readonly name: "idle" }
  /** Waits for the TCP connection that it asked for. */
  | { readonly name: "connect" }
  /** Waits for the peer to connect, or for the time to dial again. */
  | { readonly name: "active" }
  /** Waits for the peer's OPEN. */
  | { readonly name: "openSent"; readonly initiator: Initiator }
  /** Waits for the KEEPALIVE that answers our OPEN. */
  | { readonly name: "openConfirm"; readonly initiator: Initiator; readonly negotiated: Negotiated }
  | { readonly name: "established"; readonly initiator: Initiator; readonly negotiated: Negotiated };

/** Who dialled: what decides a collision (RFC 4271 section 6.8). */
export type Initiator = "local" | "peer";

/** Timers of a connection: ConnectRetryTimer, HoldTimer, KeepaliveTimer (RFC 4271 section 10), SendHoldTimer (RFC 9687). */
export type TimerName = "connectRetry" | "hold" | "keepalive" | "sendHold";

/**
 * What happened to one connection. DelayOpen (events 12, 20), TCP tracking (14, 15) are optional and left out: our OPEN goes
 * as soon as there is a connection, and whom a connection is from is asked before a machine hears of it. Damping (6, 7, 13)
 * is the peer machine's.
 */
export type Event =
  /** Events 1, 3; of a machine that does not dial, 4 and 5 (8.1.2). */
  | { readonly type: "started" }
  /** Event 2: ManualStop, event 8: AutomaticStop. `cease` is what the peer is told; left out: nothing (RFC 4724 section 4.1). */
  | { readonly type: "stopped"; readonly cease?: Notification; readonly why: string }
  /** Event 9: ConnectRetryTimer_Expires, 10: HoldTimer_Expires, 11: KeepaliveTimer_Expires; RFC 9687: SendHoldTimer_Expires. */
  | { readonly type: "timerExpired"; readonly timer: TimerName }
  /** Event 16: Tcp_CR_Acked. */
  | { readonly type: "tcpConnectionAcknowledged" }
  /** Event 17: TcpConnectionConfirmed, by the peer. */
  | { readonly type: "tcpConnectionConfirmed" }
  /** Event 18: TcpConnectionFails. */
  | { readonly type: "tcpConnectionFailed"; readonly why: string }
  /** Event 19: BGPOpen; what is wrong in it (event 22: BGPOpenMsgErr) is found by the machine. */
  | { readonly type: "openReceived"; readonly open: Open }
  /** Event 21: BGPHeaderErr, 22: BGPOpenMsgErr, 28: UpdateMsgErr: octets that are no message, and what RFC 4271 section 6 answers. */
  | { readonly type: "malformedReceived"; readonly answer: Notification; readonly why: string }
  /** Event 23: OpenCollisionDump. */
  | { readonly type: "collisionLost" }
  /** Event 24: NotifMsgVerErr, event 25: NotifMsg. */
  | { readonly type: "notificationReceived"; readonly notification: Notification }
  /** Event 26: KeepAliveMsg. */
  | { readonly type: "keepaliveReceived" }
  /** Event 27: UpdateMsg, or a ROUTE-REFRESH (RFC 2918). What it says is others' to work on. */
  | { readonly type: "updateReceived" };

/** Why a connection ended, for the peer machine, for graceful restart, and for people. */
export interface Ending {
  /** `sent`, `received`: a NOTIFICATION. `tcp`: the connection went. `stopped`: we were told to. `collision`: another one stays. */
  readonly cause: "sent" | "received" | "tcp" | "stopped" | "collision";
  readonly notification?: Notification;
  /** In words. */
  readonly why: string;
}

export type Effect =
  | { readonly type: "dial" }
  | { readonly type: "send"; readonly message: Open | Notification | Keepalive }
  /** Replaces a timer of that name that runs. Before jitter. */
  | { readonly type: "setTimer"; readonly timer: TimerName; readonly afterSeconds: number }
  | { readonly type: "cancelTimer"; readonly timer: TimerName }
  /** What was sent goes out, then the connection, or the dialling, ends. */
  | { readonly type: "close" }
  | { readonly type: "ended"; readonly ending: Ending }
  | { readonly type: "established"; readonly negotiated: Negotiated };

export interface Step {
  readonly next: State;
  readonly effects: readonly Effect[];
}
