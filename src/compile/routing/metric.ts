/** The metric of a route that names none. */
import type { IpAddress } from "../../ip/address.ts";

/** IPv6 knows no metric 0: the kernel makes it this (linux/ipv6_route.h IP6_RT_PRIO_USER), and shows it so. */
const METRIC_6 = 1024;

export const unnamedMetric = ({ address }: { readonly address: IpAddress }): number =>
  typeof address === "number" ? 0 : METRIC_6;
