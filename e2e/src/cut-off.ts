import { setTimeout as pause } from 'node:timers/promises';
import { PA_REGISTRY } from '@provider-access/events';
import { eventually } from '@provider-access/testing';
import type { ServiceName } from './gateway.ts';
import { WAIT } from './interrupted.ts';
import type { Announced } from './mongo/announced.ts';
import { http, type HttpAnswer, type HttpCall } from './road.ts';

/**
 * A load on the doors of all processes while a record of `pa.registry` ends something. A door is asked without pause,
 * over connections of its own, and each row says what was known of the process before it was asked.
 */

/** A request, and whether its answer shows something of what ends. */
export interface Door {
  readonly what: string;
  readonly of: ServiceName;
  /** With the newest token of the app, or with the one from before the end. */
  readonly ask: (token: string) => { readonly path: string; readonly call: HttpCall };
  readonly shows: (answer: HttpAnswer) => boolean;
}
interface Row {
  readonly what: string;
  /** The service, and the number of its process. */
  readonly where: string;
  readonly status: number;
  readonly served: boolean;
  /**
   * What said before the request that the facts of the process have passed the record: its announced position, or an
   * answer of this process, or the answer to the one who ended it.
   */
  readonly passed: 'announced' | 'refused' | 'answered' | undefined;
}
interface CutOffOptions {
  readonly doors: readonly Door[];
  readonly instances: (service: ServiceName) => readonly string[];
  readonly announced: Announced;
  /** The next offsets of `pa.registry` before the record. */
  readonly head: readonly number[];
  /** Ends it. It gets the token of the last requests before the end. */
  readonly end: (token: string) => Promise<void>;
  /** A token of now. */
  readonly newToken: () => Promise<string>;
}
export interface CutOff {
  readonly rows: readonly Row[];
  /** When the test knew that each process of a service has passed the record: ms since 1970. */
  readonly passedAt: ReadonlyMap<string, number>;
  /** Services that had announced it when the end was answered. */
  readonly atAnswer: readonly string[];
}

/** Each process is asked so often at each of its doors before the end, and again after it. */
const LOOKS = 3;
/** Says nothing about the binding: the process is busy. */
const BUSY = new Set([429, 503]);
const sum = (offsets: readonly number[]): number => offsets.reduce((all, next) => all + next, 0);

export async function cutOff(options: CutOffOptions): Promise<CutOff> {
  const { doors, instances, announced, head, end, newToken } = options;
  const rows: Row[] = [];
  const passedAt = new Map<string, number>();
  let running = true;
  let isEnding = false;
  let isAnswered = false;
  let token = await newToken();
  let oldToken = token;

  /** One record came after `head`. */
  const look = async (): Promise<void> => {
    for (const [service, positions] of await announced.read(PA_REGISTRY)) {
      const all = instances(service as ServiceName).length;
      const passed = positions.filter((position) => sum(position) > sum(head)).length;
      if (passed >= all && !passedAt.has(service)) passedAt.set(service, Date.now());
    }
  };
  const looking = async (): Promise<void> => {
    for (; running; await pause(20)) await look();
  };
  const renewing = async (): Promise<void> => {
    for (let next: string | undefined = token; running && next !== undefined; await pause(100)) {
      token = next;
      if (!isEnding) oldToken = next;
      // Refusals are limited, and a door may need them.
      next = await newToken().catch(() => undefined);
    }
  };
  const asking = async (door: Door, base: string, where: string): Promise<void> => {
    let hasRefused = false;
    for (let turn = 0; running; turn += 1) {
      const isOld = turn % 2 === 0;
      const known = isAnswered ? 'answered' : passedAt.has(door.of) ? 'announced' : hasRefused ? 'refused' : undefined;
      const { path, call } = door.ask(isOld ? oldToken : token);
      const answer = await http(`${base}${path}`, call, 1);
      const served = door.shows(answer);
      rows.push({ what: door.what, where, status: answer.status, served, passed: known });
      // A newer token can be refused by a process that does not know it yet.
      hasRefused ||= !served && !BUSY.has(answer.status) && (isOld || answer.status !== 401);
      await pause(50);
    }
  };
  const loops = doors.flatMap((door) =>
    instances(door.of).map((base, i) => {
      const where = `${door.of} ${i}`;
      return { what: door.what, where, done: asking(door, base, where) };
    }),
  );
  const all = Promise.all([looking(), renewing(), ...loops.map(({ done }) => done)]);
  const eachHas = (wanted: (row: Row) => boolean): boolean =>
    loops.every(
      ({ what, where }) =>
        rows.filter((row) => row.what === what && row.where === where && wanted(row)).length >= LOOKS,
    );
  const until = (wanted: () => boolean, what: string): Promise<unknown> =>
    Promise.race([eventually(wanted, { ...WAIT, interval: 20, what }), all]);

  await until(() => eachHas(({ served }) => served), 'each door serves before the end');
  isEnding = true;
  await end(oldToken);
  isAnswered = true;
  await look();
  const atAnswer = [...passedAt.keys()];
  await until(
    () => eachHas(({ passed, status }) => passed !== undefined && !BUSY.has(status)),
    'each door is asked after the end',
  );
  running = false;
  await all;
  return { rows, passedAt, atAnswer };
}
