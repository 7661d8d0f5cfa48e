import { mkdtempSync, rmSync } from 'node:fs';
// eslint-disable-next-line no-restricted-imports -- the test changes the file of the log behind the platform's back
import { DatabaseSync } from 'node:sqlite';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { PA_AUDIT, PA_AUDIT_CHAIN } from '@provider-access/events';
import type { EventLog } from '@provider-access/engines/log';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { openMemoryState } from '@provider-access/engines/state/memory';
import type { State } from '@provider-access/engines/state';
import { Audit } from '../audit.ts';
import { AuditChain } from './audit-chain.ts';
import { type ChainCursor, type ChainFinding, type ChainPage, verifyChain } from './verify.ts';

const DAY = 86_400_000;
const START = Date.UTC(2026, 0, 1, 12);
const silent = { info: () => undefined, error: () => undefined };

let folder: string;
let file: string;
let log: EventLog;
let state: State;
let now: number;
/** The clock of the log, if it differs. */
let stamped: number | undefined;

const open = (): EventLog => openEmbeddedLog({ file, partitions: 3, now: () => stamped ?? now });
const chain = (own: State = state): AuditChain =>
  new AuditChain({ log, state: own, clock: { now: () => now }, logger: silent });
async function record(count: number): Promise<void> {
  const audit = new Audit({ log, clock: { now: () => now } });
  for (let i = 0; i < count; i++)
    await audit.record({ client: `c${i % 7}`, action: 'read', outcome: 'released', members: [`m${i}`], resources: 1 });
}
/** Three days with entries, sealed on the fourth. */
async function threeDays(): Promise<void> {
  for (let day = 0; day < 3; day++) {
    await record(20);
    now += DAY;
  }
  expect(await chain().seal()).toBe(3);
}
async function verify(period = {}, bounds = {}): Promise<ChainPage & { pages: number }> {
  const findings: ChainFinding[] = [];
  const seals: ChainPage['seals'][number][] = [];
  let pages = 0;
  for (let at: ChainCursor | undefined; ;) {
    const page: ChainPage = await verifyChain(log, period, at, bounds);
    findings.push(...page.findings);
    seals.push(...page.seals);
    pages++;
    if (page.next === undefined) return { ...page, findings, seals, pages };
    // As a client sends it back.
    at = JSON.parse(JSON.stringify(page.next)) as ChainCursor;
  }
}
const faults = async (): Promise<string[]> =>
  (await verify()).findings
    .filter((f) => f.state !== 'intact')
    .map((f) => `${f.day} ${f.partition ?? 'seal'} ${f.state}`);

/** Changes the file of the log behind the platform's back. */
async function tamper(topic: string, partition: number, sql: (table: string) => string): Promise<void> {
  await log.close();
  const db = new DatabaseSync(file);
  const { id } = db.prepare('SELECT id FROM topics WHERE topic = ?').get(topic) as { id: number };
  const tables = (db.prepare("SELECT name FROM sqlite_master WHERE type = 'table'").all() as { name: string }[]).map(
    (t) => t.name,
  );
  const table = tables.find((name) => new RegExp(`^\\D+${id}_${partition}$`).test(name))!;
  db.exec(sql(table));
  db.close();
  log = open();
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'provider-access-chain-'));
  file = join(folder, 'log.db');
  now = START;
  stamped = undefined;
  log = open();
  state = openMemoryState({ now: () => now });
});
afterEach(async () => {
  await log.close();
  await state.close();
  rmSync(folder, { recursive: true });
});

describe('the chain of the audit', () => {
  it('seals each day that has ended once, and leaves today open', async () => {
    await threeDays();
    await record(5);
    const found = await verify();
    expect([...new Set(found.findings.map(({ day }) => day))]).toEqual(['2026-01-01', '2026-01-02', '2026-01-03']);
    expect(found.findings.reduce((n, f) => n + f.records!, 0)).toBe(60);
    expect([found.unsealed, found.seals.map(({ n }) => n)]).toEqual([5, [0, 1, 2]]);
    // Today's entries wait for their seal, so nothing is late.
    expect(found.unsealedSince).toBe('2026-01-04');
    expect(await faults()).toEqual([]);
    expect(await chain().seal()).toBe(0);
  });

  it('says since when entries lack a seal', async () => {
    expect((await verify()).unsealedSince).toBeUndefined();
    await threeDays();
    expect((await verify()).unsealedSince).toBeUndefined();
    await record(5);
    now += 2 * DAY;
    await record(5);
    // Nothing seals any more. The last page names the day from which on entries lack a seal, whatever period is asked.
    for (const period of [{}, { to: '2026-01-01' }])
      expect(await verify(period, { records: 7 })).toMatchObject({ unsealed: 10, unsealedSince: '2026-01-04' });
  });

  it('writes nothing for days without entries', async () => {
    now += 5 * DAY;
    expect(await chain().seal()).toBe(0);
    await threeDays();
    now += 10 * DAY;
    expect(await chain().seal()).toBe(0);
  });

  it('checks any period in bounded pages, with the same result', async () => {
    await threeDays();
    const whole = await verify();
    for (const bounds of [{ records: 1 }, { records: 7 }, { seals: 1 }, { records: 3, seals: 2 }]) {
      const found = await verify({}, bounds);
      expect([found.findings, found.seals, found.unsealed]).toEqual([whole.findings, whole.seals, whole.unsealed]);
      expect(found.pages).toBeGreaterThan(2);
    }
    const second = await verify({ from: '2026-01-02', to: '2026-01-02' });
    expect(second.findings).toEqual(whole.findings.filter(({ day }) => day === '2026-01-02'));
  });

  it.each<[string, (table: string) => string]>([
    [
      'a changed value',
      (t) => `UPDATE ${t} SET v = CAST(replace(CAST(v AS TEXT), 'released', 'refused!') AS BLOB) WHERE rowid = 3`,
    ],
    ['a changed header', (t) => `UPDATE ${t} SET h = replace(h, 'disclosure', 'disclosurf') WHERE rowid = 3`],
    ['a changed key', (t) => `UPDATE ${t} SET k = 'c99' WHERE rowid = 3`],
    ['a dropped record', (t) => `DELETE FROM ${t} WHERE rowid = 3`],
    [
      'two records in another order',
      (t) =>
        `UPDATE ${t} SET rowid = 1000 WHERE rowid = 3; UPDATE ${t} SET rowid = 3 WHERE rowid = 4; ` +
        `UPDATE ${t} SET rowid = 4 WHERE rowid = 1000`,
    ],
    [
      'an inserted record, with all others behind it moved',
      (t) =>
        `UPDATE ${t} SET rowid = -rowid - 1 WHERE rowid >= 3; UPDATE ${t} SET rowid = -rowid WHERE rowid < 0; ` +
        `INSERT INTO ${t} (rowid, k, h, v, t) SELECT 3, k, h, v, t FROM ${t} WHERE rowid = 2`,
    ],
  ])('finds %s, with its day and partition', async (_what, sql) => {
    await threeDays();
    const { findings } = await verify();
    const partition = findings.find(({ day, records }) => day === '2026-01-01' && records! > 5)!.partition!;
    await tamper(PA_AUDIT, partition, sql);
    const found = await faults();
    expect(found[0]).toBe(`2026-01-01 ${partition} differs`);
    // Other partitions are as before.
    expect(found.every((fault) => fault.split(' ')[1] === String(partition))).toBe(true);
  });

  it('never calls a day intact that lost its oldest entry, whatever was changed behind it', async () => {
    await threeDays();
    const { partition } = (await verify()).findings.find(({ records }) => records! > 5)!;
    const rewrite = `v = CAST(replace(CAST(v AS TEXT), 'released', 'refused!') AS BLOB)`;
    await tamper(
      PA_AUDIT,
      partition!,
      (t) => `DELETE FROM ${t} WHERE rowid = (SELECT min(rowid) FROM ${t}); UPDATE ${t} SET ${rewrite} WHERE rowid = 3`,
    );
    expect(await faults()).toEqual([`2026-01-01 ${partition} gone`]);
  });

  it('says that the first seal is gone, so that nobody takes its entries for checked', async () => {
    await threeDays();
    for (let p = 0; p < 3; p++)
      if ((await log.head([PA_AUDIT_CHAIN]))[PA_AUDIT_CHAIN]![p]! > 0)
        await tamper(PA_AUDIT_CHAIN, p, (t) => `DELETE FROM ${t} WHERE rowid = (SELECT min(rowid) FROM ${t})`);
    expect(await faults()).toEqual(['2026-01-02 seal gone']);
  });

  it('finds a lost tail, also after new records took its place', async () => {
    await threeDays();
    const { findings } = await verify();
    const { partition } = findings.filter(({ day }) => day === '2026-01-03').at(-1)!;
    await tamper(PA_AUDIT, partition!, (t) => `DELETE FROM ${t} WHERE rowid >= (SELECT max(rowid) - 1 FROM ${t})`);
    expect(await faults()).toEqual([`2026-01-03 ${partition} differs`]);
    now += DAY;
    await record(40);
    now += DAY;
    await chain().seal();
    expect(await faults()).toEqual([`2026-01-03 ${partition} differs`]);
  });

  it.each<[string, string, (table: string) => string]>([
    [
      'a changed seal',
      '2026-01-02',
      (t) => `UPDATE ${t} SET v = CAST(replace(CAST(v AS TEXT), '"n":1', '"n":1 ') AS BLOB), h = h WHERE rowid = 1`,
    ],
    [
      'a changed digest',
      '2026-01-02',
      (t) => `UPDATE ${t} SET v = CAST(replace(CAST(v AS TEXT), '"records":', '"records":1') AS BLOB) WHERE rowid = 1`,
    ],
    ['a seal that cannot be read', '?', (t) => `UPDATE ${t} SET v = CAST('{' AS BLOB) WHERE rowid = 1`],
    ['a dropped seal', '2026-01-03', (t) => `DELETE FROM ${t} WHERE rowid = 1`],
  ])('finds %s, or sees that it says the same', async (what, day, sql) => {
    await threeDays();
    for (let p = 0; p < 3; p++)
      if ((await log.head([PA_AUDIT_CHAIN]))[PA_AUDIT_CHAIN]![p]! > 0) await tamper(PA_AUDIT_CHAIN, p, sql);
    const found = await faults();
    if (what === 'a changed seal') expect(found).toEqual([]);
    else expect(found).toContain(`${day} seal differs`);
  });

  it('raises no false alarm after restarts, at any hour, and with several processes at once', async () => {
    for (let hour = 0; hour < 24 * 4; hour += 5) {
      await record(3);
      await log.close();
      log = open();
      await Promise.all([chain().seal(), chain().seal(), chain().seal()]);
      now += 5 * 3_600_000;
    }
    expect(await faults()).toEqual([]);
    const { seals } = await verify();
    expect(seals.map(({ n }) => n)).toEqual(seals.map((_, n) => n));
    expect(new Set(seals.map(({ day }) => day)).size).toBe(seals.length);
  });

  it('counts the first of two seals of the same records, when a process wakes after its lease', async () => {
    await record(10);
    now += DAY;
    // Two state stores: neither process knows of the lease of the other one.
    const other = openMemoryState({ now: () => now });
    await Promise.all([chain().seal(), chain(other).seal()]);
    await other.close();
    const seals = (await Promise.all([0, 1, 2].map((p) => log.read(PA_AUDIT_CHAIN, p, 0, 10)))).flat();
    expect(seals).toHaveLength(2);
    await record(10);
    now += DAY;
    await chain().seal();
    expect([await faults(), (await verify()).seals.map(({ n }) => n)]).toEqual([[], [0, 1]]);
  });

  it('raises no false alarm when retention removes the oldest records, and says what is gone', async () => {
    await threeDays();
    await log.trim!(PA_AUDIT, START + DAY + 1000);
    const { findings } = await verify();
    expect(new Set(findings.map(({ day, state: is }) => `${day} ${is}`))).toEqual(
      new Set(['2026-01-01 gone', '2026-01-02 gone', '2026-01-03 intact']),
    );
    now += DAY;
    await record(5);
    now += DAY;
    await chain().seal();
    expect((await faults()).filter((f) => f.endsWith('differs'))).toEqual([]);
  });

  it('seals every record once, whatever the clocks say', async () => {
    const hour = 3_600_000;
    // The log's clock steps ahead by a year, back by ten days, and is right in between.
    for (const [i, skew] of [0, 365 * DAY, 0, -10 * DAY, 0, 2 * hour, -2 * hour, 0].entries()) {
      stamped = now + skew;
      await record(6);
      stamped = now;
      await record(i % 2 === 0 ? 0 : 4);
      now += 17 * hour;
      await chain().seal();
    }
    // A late append with the time of days ago.
    stamped = now - 3 * DAY;
    await record(3);
    stamped = now + DAY;
    await record(6);
    now += 2 * DAY;
    await chain().seal();
    const found = await verify();
    expect([await faults(), found.findings.reduce((n, f) => n + (f.records ?? 0), 0), found.unsealed]).toEqual([
      [],
      8 * 6 + 4 * 4 + 3 + 6,
      0,
    ]);
  });

  it('seals in the background from the start on, once a day, and asks no engine in between', async () => {
    await record(4);
    now += DAY;
    let asked = 0;
    const counting = new Proxy(log, {
      get: (target, name: keyof EventLog) => {
        const value = target[name];
        if (typeof value !== 'function') return value;
        return (...args: never[]): unknown => {
          asked++;
          return (value as (...a: never[]) => unknown).apply(target, args);
        };
      },
    });
    const sealing = new AuditChain({ log: counting, state, clock: { now: () => now }, logger: silent });
    sealing.start();
    await expect.poll(async () => (await verify()).seals.length).toBe(1);
    sealing.start();
    await sealing.stop();
    const before = asked;
    await sealing.stop();
    expect(asked).toBe(before);
  });
});
