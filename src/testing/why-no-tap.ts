/** Whether tests may make TAP devices. */
import { tryTunFile } from "../adapter/linux/tap-device.ts";

/** Why this process cannot make one; undefined when it can. */
export function whyNoTap(): string | undefined {
  try {
    tryTunFile();
    return undefined;
  } catch (failure) {
    return `needs TAP devices (module tun, root): ${(failure as Error).message}`;
  }
}
