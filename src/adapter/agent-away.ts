/** Why no agent answers at a socket, and what to do: the words of every command that asks one. */
import { messageOf } from "../base/errors.ts";

export interface AgentPlace {
  readonly socket: string;
  /** The lab that the agent's host is of. */
  readonly lab?: string;
}

const causes: Readonly<Record<string, string>> = {
  ENOENT: "there is no such socket",
  ECONNREFUSED: "nobody listens there any more",
  EACCES: "this user may not connect to it",
};

/** `failure` is the system's. */
export function agentAwayText(place: AgentPlace, failure: NodeJS.ErrnoException): string {
  const cause = causes[failure.code ?? ""] ?? messageOf(failure);
  return `no agent answers at ${place.socket}: ${cause}; ${remedy(place, failure.code)}`;
}

function remedy({ lab }: AgentPlace, code: string | undefined): string {
  switch (code) {
    case "EACCES":
      return "run the command as root, or as the user whose lab it is";
    case "ENOENT":
      return lab === undefined
        ? "start the agent with 'ocicat node' as root, or set OCICAT_SOCKET to where it listens; agents of a lab are found by the user who brought it up"
        : healing(lab);
    case "ECONNREFUSED":
      return lab === undefined ? "start the agent again with 'ocicat node' as root" : healing(lab);
    default:
      return "the agent's log tells more";
  }
}

const healing = (lab: string): string =>
  `'ocicat lab heal --lab ${lab}' starts what was broken, 'ocicat lab status --lab ${lab}' shows what runs`;
