/** `ocicat bgp render`: the speaker of one host as a bird.conf. */
import { askAgent } from "../../adapter/agent-client.ts";
import { agentsOf } from "../agents.ts";
import { EXIT_USAGE } from "../exit-codes.ts";
import type { ProcessHost } from "../process-host.ts";

export interface RenderOptions {
  readonly lab?: string;
  readonly withPasswords?: true;
}

export async function renderBird(
  host: ProcessHost,
  name: string | undefined,
  { lab, withPasswords }: RenderOptions,
): Promise<number> {
  const [agent, ...more] = await agentsOf(host, name === undefined ? [] : [name], lab);
  if (!agent || more.length > 0) {
    const names = [agent, ...more].map((one) => one?.host).join(", ");
    host.stderr.write(`Error: a bird.conf is of one host: name one of ${names}\n`);
    return EXIT_USAGE;
  }
  const path = `/v1/bgp/render${withPasswords ? "?passwords=1" : ""}`;
  const { config } = (await askAgent(agent, path)) as { readonly config: string };
  host.stdout.write(config);
  return 0;
}
