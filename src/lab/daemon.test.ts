import assert from "node:assert/strict";
import { test } from "node:test";
import type { Place } from "../port/places.ts";
import type { ProgramEnd, ProgramSpec, RunningProgram } from "../port/programs.ts";
import { FakeClock } from "../testing/fake-clock.ts";
import { SilentLog } from "../testing/silent-log.ts";
import { Daemon } from "./daemon.ts";

class FakePrograms {
  readonly started: { end(end: ProgramEnd): void; killed: string[]; env: ProgramSpec["env"] }[] = [];

  start(_place: Place, { env }: ProgramSpec): RunningProgram {
    let end: (end: ProgramEnd) => void = () => {};
    const ended = new Promise<ProgramEnd>((resolve) => {
      end = resolve;
    });
    const killed: string[] = [];
    this.started.push({ end, killed, env });
    return {
      pid: this.started.length,
      ended,
      kill: (signal) => {
        killed.push(signal);
        end({ code: undefined, signal });
      },
    };
  }

  tail = (): string => "last words";
}

const settled = () => new Promise((resolve) => setImmediate(resolve));

function daemon() {
  const programs = new FakePrograms();
  const clock = new FakeClock();
  const spec = { args: [], env: {}, logFile: "x.log" };
  return {
    programs,
    clock,
    daemon: new Daemon("the agent", {} as Place, spec, { programs, clock, log: new SilentLog() }),
  };
}

test("a program that ends by itself is started again after a pause", async () => {
  const { daemon: agent, programs, clock } = daemon();
  agent.start();
  agent.start();
  assert.equal(programs.started.length, 1);
  programs.started[0]!.end({ code: 1, signal: undefined });
  await settled();
  assert.equal(agent.pid, undefined);
  await clock.advance(10_000);
  assert.equal(programs.started.length, 2);
  assert.equal(agent.pid, 2);
});

test("put away, it is killed and stays away until it is started", async () => {
  const { daemon: agent, programs, clock } = daemon();
  agent.start();
  await agent.putAway();
  assert.deepEqual(programs.started[0]!.killed, ["SIGKILL"]);
  await clock.advance(10_000);
  assert.equal(programs.started.length, 1);
  assert.equal(agent.isWanted, false);
  agent.start();
  assert.equal(agent.pid, 2);
});

test("restarted, it is asked to end and comes at once with another environment; put away, it gets that later", async () => {
  const { daemon: agent, programs } = daemon();
  agent.start();
  await agent.restart({ BACKEND: "vxlan" });
  assert.deepEqual(programs.started[0]!.killed, ["SIGTERM"]);
  assert.deepEqual([agent.pid, agent.isWanted, programs.started[1]?.env], [2, true, { BACKEND: "vxlan" }]);
  await agent.putAway();
  await agent.restart({ BACKEND: "bird" });
  assert.equal(programs.started.length, 2);
  agent.start();
  assert.deepEqual(programs.started[2]?.env, { BACKEND: "bird" });
});

test("one that keeps ending before it was ready is given up with its last words; readiness starts the count anew", async () => {
  const { daemon: agent, programs, clock } = daemon();
  agent.start();
  const fail = async () => {
    programs.started.at(-1)!.end({ code: 70, signal: undefined });
    await settled();
    await clock.advance(10_000);
  };
  await fail();
  await fail();
  agent.markReady();
  await fail();
  await fail();
  agent.mustBeStarting();
  await fail();
  assert.throws(() => agent.mustBeStarting(), { code: "ended", message: /exit code 70[\s\S]*last words/ });
});

test("ends that somebody caused while it ran well do not count when it is put away and started again", async () => {
  const { daemon: agent, programs, clock } = daemon();
  agent.start();
  for (let kills = 0; kills < 5; kills++) {
    programs.started.at(-1)!.end({ code: undefined, signal: "SIGKILL" });
    await settled();
    await clock.advance(10_000);
  }
  await agent.putAway();
  agent.start();
  agent.mustBeStarting();
});
