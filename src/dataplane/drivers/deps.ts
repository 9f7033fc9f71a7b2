/** What every driver is given, and the small words they share. */
import type { LinkChanged, LinkTable } from "../../kernel/link-table.ts";
import type { Rtnetlink } from "../../kernel/rtnetlink.ts";
import type { TakenDevices } from "../../kernel/taken-devices.ts";
import { KernelError } from "../../port/netlink.ts";
import type { Op } from "../../reconcile/plan.ts";

/** One network namespace. The table is started and closed by whoever made it. */
export interface DriverDeps {
  readonly rtnetlink: Rtnetlink;
  readonly links: LinkTable;
  /** Who takes a device away says so there. */
  readonly taken: TakenDevices;
}

const ENODEV = 19;
const ENETDOWN = 100;

/** A device that an operation needs is not there. */
export const missingDevice = (name: string): KernelError =>
  new KernelError({ call: "find", errno: "ENODEV", number: ENODEV, subject: `device ${name}` });

/** A device that an operation needs is set down. */
export const deviceDown = (name: string): KernelError =>
  new KernelError({ call: "use", errno: "ENETDOWN", number: ENETDOWN, subject: `device ${name}` });

/** Does what takes a device away; one that is not there takes nothing along. */
export const takingAway = <T>({ links, taken }: DriverDeps, name: string, work: () => Promise<T>): Promise<T> =>
  links.byName(name) ? taken.taking(name, work) : work();

/** The errors of removals that say: it is gone already. */
const GONE: ReadonlySet<string> = new Set(["ENOENT", "ESRCH", "ENODEV", "EADDRNOTAVAIL", "ENXIO"]);

/** Whether a removal was refused since there is nothing to remove. */
export const isGone = ({ errno }: KernelError): boolean => GONE.has(errno);

/** Why an operation failed; one that removes what is gone has not. */
export const failureOf = <V>(op: Op<V>, error: KernelError | undefined): KernelError | undefined =>
  error && op.op === "remove" && isGone(error) ? undefined : error;

/** What the operation is about. */
export const itemOf = <V>(op: Op<V>): V => (op.op === "remove" ? op.was : op.value);

/** The name under which a device is there no more after the change, be it gone or renamed. */
export const nameLost = ({ before, after }: LinkChanged): string | undefined =>
  before && before.name !== after?.name ? before.name : undefined;
