/** A router of the lab: its place, and the programs that speak BGP on it. */
import type { HostFolders } from "../../port/host-folders.ts";
import type { PlaceFiles } from "../../port/place-files.ts";
import type { Place, Places } from "../../port/places.ts";
import type { ProgramSpec } from "../../port/programs.ts";
import { Daemon, type DaemonDeps } from "../daemon.ts";
import { type BgpRouter, bgpRouterOf, type RouterSpeaker, type Topology } from "../topology.ts";
import { speakerFiles } from "./speaker-files.ts";

export interface LabRouter {
  readonly name: string;
  readonly place: Place;
  /** Left out: it speaks no BGP. */
  readonly bgp?: RouterBgp;
}

export interface RouterBgp {
  readonly spec: BgpRouter;
  /** In the order of their start. */
  readonly daemons: readonly Daemon[];
  /** Where the machine's own programs are, if it takes any. */
  readonly programs: readonly string[];
}

export interface LabRouterDeps extends DaemonDeps {
  readonly places: Places;
  readonly folders: HostFolders;
  readonly files: PlaceFiles;
}

/** The package of Debian that has a speaker's programs. */
export const SPEAKER_PACKAGES: Readonly<Record<RouterSpeaker, string>> = { ocicat: "", bird: "bird2", frr: "frr" };

/** Makes the place of a router; its wires and its programs come later. */
export function makeLabRouter(topology: Topology, name: string, deps: LabRouterDeps): LabRouter {
  const spec = bgpRouterOf(topology, name);
  const folder = deps.folders.createRouter(name, spec ? speakerFiles(spec) : {});
  const place = deps.places.make(() => deps.folders.enterRouter(folder, name));
  if (!spec) return { name, place };
  const canBecomeUsers = deps.files.read(place, SETGROUPS)?.trim() !== "deny";
  const programs = programsOf[spec.speaker](folder, canBecomeUsers);
  const daemons = programs.map(
    ({ title, ...program }) => new Daemon(`${title} of router ${name}`, place, { ...program, env: ENVIRONMENT }, deps),
  );
  return { name, place, bgp: { spec, daemons, programs: programs.flatMap(({ file }) => file ?? []) } };
}

/** Says "deny" in a user namespace that was made without root, which has no user but one: user_namespaces(7). */
const SETGROUPS = "/proc/self/setgroups";

const ENVIRONMENT = { PATH: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin" };

type SpeakerProgram = Omit<ProgramSpec, "env"> & { readonly title: string };

type ProgramsOf = (folder: string, canBecomeUsers: boolean) => readonly SpeakerProgram[];

const programsOf: Readonly<Record<RouterSpeaker, ProgramsOf>> = {
  ocicat: (folder) => [
    { title: "the speaker", args: ["bgp", "run", "--config", `${folder}/router.yaml`], logFile: `${folder}/bgp.log` },
  ],
  bird: (folder) => [
    {
      title: "BIRD",
      file: "/usr/sbin/bird",
      args: ["-f", "-c", `${folder}/bird.conf`, "-s", "/run/bird/bird.ctl", "-P", "/run/bird/bird.pid"],
      logFile: `${folder}/bird.log`,
    },
  ],
  frr: (folder, canBecomeUsers) => ["zebra", "bgpd"].map((name) => frrDaemon(name, folder, canBecomeUsers)),
};

/** Becomes user frr, as its package has it, or stays root, told to be in the group that zebra insists on. */
const frrDaemon = (name: string, folder: string, canBecomeUsers: boolean): SpeakerProgram => ({
  title: name,
  file: `/usr/lib/frr/${name}`,
  args: [
    ...["-f", `/run/frr/${name}.conf`, "-i", `/run/frr/${name}.pid`, "-z", "/run/frr/zserv.api"],
    ...["--vty_socket", "/run/frr", "-P", "0", "--log", "stdout"],
    ...(canBecomeUsers ? [] : ["-u", "root", "-g", "frrvty"]),
  ],
  logFile: `${folder}/${name}.log`,
});
