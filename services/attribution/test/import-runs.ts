import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import type { EventLog, NewRecord } from '@provider-access/engines/log';
import { csrfOf, Sessions } from '@provider-access/smart';
import type { PersonRole } from '@provider-access/kernel';
import { eventually } from '@provider-access/testing';
import { expect } from 'vitest';
import { type Harness, PAYER } from './harness.ts';

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- answers of a test
export type Loose = any;
export type Headers = Readonly<Record<string, string>>;
export const payer: Headers = { authorization: `Bearer ${PAYER}` };

/** The headers of a person with roles. */
export async function person(h: Harness, name: string, ...roles: readonly PersonRole[]): Promise<Headers> {
  const session = await h.app.get(Sessions).begin({ name: `person ${name}`, mark: `person ${name}` }, roles);
  return { cookie: `__Host-pa-session=${session.secret}`, 'x-csrf-token': csrfOf(session) };
}

export interface Told {
  readonly status: number;
  readonly text: string;
  readonly body: Loose;
}
/** The steps of an import as a page makes them. */
export class Importer {
  readonly #h: Harness;
  readonly #headers: Headers;
  readonly #app: Harness['app'];
  constructor(h: Harness, headers: Headers, app = h.app) {
    this.#h = h;
    this.#headers = headers;
    this.#app = app;
  }
  async ask(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object): Promise<Told> {
    const answer = await this.#app.inject({
      method,
      url: `/ops/imports${path}`,
      headers: { ...this.#headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { payload: JSON.stringify(body) }),
    });
    return { status: answer.statusCode, text: answer.body, body: answer.body === '' ? undefined : answer.json() };
  }
  async part(id: string, n: number | string, bytes: Uint8Array | string, type = 'application/octet-stream') {
    const answer = await this.#app.inject({
      method: 'PUT',
      url: `/ops/imports/${id}/parts/${n}`,
      headers: { ...this.#headers, 'content-type': type },
      payload: Buffer.from(bytes),
    });
    return { status: answer.statusCode, text: answer.body, body: answer.json<Loose>() };
  }
  async begin(more: object = {}): Promise<string> {
    const told = await this.ask('POST', '', { ...ROSTER, ...more });
    expect([told.status, told.text]).toEqual([201, told.text]);
    return told.body.id as string;
  }
  /** Begins an import, sends its file in parts of a size, and has it checked. */
  async upload(file: string | Uint8Array, more: object = {}, size = 1024 * 1024): Promise<string> {
    const id = await this.begin(more);
    const bytes = Buffer.from(file);
    for (let at = 0, n = 0; at < bytes.length; at += size, n += 1)
      expect((await this.part(id, n, bytes.subarray(at, at + size))).status).toBe(200);
    expect((await this.ask('POST', `/${id}/check`)).status).toBe(202);
    return id;
  }
  /** The run, when nothing of it goes on. */
  async rests(id: string): Promise<Loose> {
    let run: Loose;
    await eventually(async () => {
      run = (await this.ask('GET', `/${id}`)).body;
      expect(['checking', 'publishing']).not.toContain(run.state);
    });
    return run;
  }
  /** Waits until something has happened while a run goes on. */
  async until(id: string, happened: () => boolean): Promise<void> {
    await eventually(async () => {
      await this.ask('GET', `/${id}`);
      expect(happened()).toBe(true);
    });
  }
  /** Imports a file, and confirms whatever its report says. */
  async import(file: string | Uint8Array, more: object = {}, size?: number): Promise<Loose> {
    const id = await this.upload(file, more, size);
    const run = await this.rests(id);
    if (run.state !== 'checked') return run;
    expect((await this.ask('POST', `/${id}/confirm`, { number: run.report.number })).status).toBe(202);
    const ended = await this.rests(id);
    await this.#h.passed();
    return ended;
  }
}
export const ROSTER = { kind: 'roster', source: 'north-mso', asOf: '2026-01-01', name: 'january.csv' };
export const roster = (...rows: readonly string[]): string => ['member,npi,from', ...rows, ''].join('\n');

/** Calls `at` with the number of each append to the topic of members, before or after it. */
function around(log: EventLog, at: (append: number, when: 'before' | 'after') => Promise<void>): EventLog {
  let appends = 0;
  return new Proxy(log, {
    get(target, name) {
      const value = Reflect.get(target, name, target) as unknown;
      if (name !== 'append') return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      return async (topic: string, records: readonly NewRecord[]) => {
        if (topic !== PAYER_MEMBER_EVENTS) return target.append(topic, records);
        appends += 1;
        const now = appends;
        await at(now, 'before');
        const places = await target.append(topic, records);
        await at(now, 'after');
        return places;
      };
    },
  });
}
/** A process whose appends to the topic of members are watched. */
export async function watched(
  h: Harness,
  at: Parameters<typeof around>[1],
): Promise<{ readonly app: Harness['app']; readonly by: Importer }> {
  const app = await h.another({}, { ...h.ports, log: around(h.log, at) });
  return { app, by: new Importer(h, await person(h, 'ben', 'engineer'), app) };
}

/** Such a process, with what happens after its append of a number. */
export const dyingAfter = (h: Harness, append: number, happens: () => void | Promise<void>) =>
  watched(h, async (now, when) => {
    if (now === append && when === 'after') await happens();
  });
