/** Whether a pod's endpoint works on the host's side, and why not (calico-dataplane 3.13). Pure. */
import type { Endpoint } from "../compile/view.ts";

/** What the kernel says of the endpoint's device. */
export interface DeviceState {
  /** The device is there and has been set up. */
  readonly isUp: boolean;
}

export type EndpointState = { readonly state: "up" } | { readonly state: "down"; readonly reason: string };

/** `failures`: what could not be set for the endpoint, in words. */
export function endpointState(
  endpoint: Endpoint,
  device: DeviceState | undefined,
  failures: readonly string[],
): EndpointState {
  if (!device) return { state: "down", reason: `its device ${endpoint.device} is gone` };
  if (!device.isUp) return { state: "down", reason: `its device ${endpoint.device} is down` };
  const [failure] = failures;
  return failure === undefined ? { state: "up" } : { state: "down", reason: failure };
}
