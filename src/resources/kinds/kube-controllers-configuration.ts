/** KubeControllersConfiguration: what the cluster's controllers do. */
import * as v from "valibot";
import { singletonName } from "../names.ts";
import {
  addressInNetwork,
  duration,
  labels,
  listOf,
  object,
  oneOf,
  optional,
  port,
  regularExpression,
  selector,
  struct,
  text,
} from "../schema/fields.ts";
import { type KindRow, nameCell } from "./kind.ts";

const enabled = optional(oneOf(["Enabled", "Disabled"]));
const periodic = optional(object({ reconcilerPeriod: optional(duration) }));

const spec = object({
  logSeverityScreen: optional(oneOf(["None", "Debug", "Info", "Warning", "Error", "Fatal", "Panic"])),
  healthChecks: enabled,
  etcdV3CompactionPeriod: optional(duration),
  prometheusMetricsPort: optional(port),
  controllers: optional(
    struct({
      node: optional(
        object({
          reconcilerPeriod: optional(duration),
          syncLabels: enabled,
          hostEndpoint: optional(
            object({
              autoCreate: enabled,
              createDefaultHostEndpoint: enabled,
              templates: optional(
                listOf(
                  object({
                    generateName: optional(text),
                    interfaceCIDRs: optional(listOf(addressInNetwork())),
                    interfacePattern: optional(regularExpression),
                    labels: optional(labels),
                    nodeSelector: optional(selector),
                  }),
                ),
              ),
            }),
          ),
          leakGracePeriod: optional(duration),
        }),
      ),
      policy: periodic,
      workloadEndpoint: periodic,
      serviceAccount: periodic,
      namespace: periodic,
      loadBalancer: optional(object({ assignIPs: optional(oneOf(["AllServices", "RequestedServicesOnly"])) })),
      policyMigration: optional(object({ enabled })),
    }),
  ),
  debugProfilePort: optional(port),
});

export const kubeControllersConfiguration: KindRow = {
  kind: "KubeControllersConfiguration",
  aliases: ["kubecontrollersconfigurations", "kubecontrollersconfig", "kubecontrollersconfigs"],
  name: singletonName,
  spec,
  status: v.looseObject({}),
  hasStatusAlways: true,
  notEnforced: "no controllers run yet",
  columns: { NAME: nameCell },
  narrow: ["NAME"],
  wide: ["NAME"],
};
