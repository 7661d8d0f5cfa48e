import { afterEach, beforeEach, expect, it } from 'vitest';
import { type DomainEvent, encodeEvent, PAYER_CONTRACT, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { EngineUnavailable, type EventLog } from '@provider-access/engines/log';
import {
  type ForecastChange,
  type HeldRow,
  type Holdings,
  IMPORT_KINDS,
  type Imported,
  importPlan,
  type ListForecast,
  mapOf,
  planOf,
} from '@provider-access/full-files';
import { enrolled, Harness, inNetwork, payerEvent } from '../../../test/harness.ts';
import { Importer, type Loose, payer, person, ROSTER, roster, watched } from '../../../test/import-runs.ts';

/** What happens while a run publishes: the attack list is in imports.int.spec.ts. */
let h: Harness;
let anna: Importer;
beforeEach(async () => {
  h = await started();
  anna = new Importer(h, await person(h, 'anna', 'engineer'));
});
afterEach(() => h.stop());
async function started(sandbox = false): Promise<Harness> {
  const harness = new Harness();
  // The library that compares files has the clock of the machine. The tests go on a little from here.
  harness.now = Date.now() - 60_000;
  return harness.start({ sandbox });
}

const NPI = '1234567893';
const members = (count: number): readonly string[] => Array.from({ length: count }, (_, n) => `m${1000 + n}`);
const fileOf = (some: readonly string[]): string => roster(...some.map((member) => `${member},${NPI},2025-01-01`));
const world = (harness: Harness, some: readonly string[]): Promise<void> =>
  harness.publish(inNetwork(NPI), ...some.map((member) => enrolled(member)));
const pageOf = async (harness: Harness, path = '/ops/sources/north-mso/roster'): Promise<Loose> =>
  (await harness.get(path, payer)).json<Loose>();
const heldMembers = async (): Promise<readonly string[]> =>
  ((await pageOf(h)).rows as Loose[]).filter((one) => one.row !== null).map((one) => one.subject as string);

/** Rows and the end of another import, as `pa` publishes them. */
function byPa(some: readonly string[], more: { readonly asOf?: string; readonly time?: string } = {}): DomainEvent[] {
  const { asOf = '2026-01-01', time = new Date(h.now).toISOString() } = more;
  const file = { source: 'north-mso', batch: `roster.north-mso.${asOf}.0123456789`, asOf };
  const about = { provider: { npi: NPI }, from: '2025-01-01', file };
  return [
    ...some.map((member) => payerEvent('payer.attribution-asserted.v1', member, about, { time })),
    payerEvent(
      'payer.file-imported.v1',
      'north-mso',
      { ...file, kind: 'roster', rows: some.length, digest: 'a'.repeat(64) },
      { time },
    ),
  ];
}
/** Appends events to the topics where they belong. */
async function appendAll(log: EventLog, events: AsyncIterable<DomainEvent> | Iterable<DomainEvent>): Promise<void> {
  for await (const event of events)
    await log.append(PAYER_CONTRACT.definition(event.type)!.topic, [encodeEvent(event)]);
}
async function statements(): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let p = 0; p < (await h.log.partitions(PAYER_MEMBER_EVENTS)); p += 1)
    for (const { headers } of await h.log.read(PAYER_MEMBER_EVENTS, p, 0, 100_000))
      if (headers['ce_type'] === 'payer.attribution-asserted.v1') ids.push(headers['ce_id']!);
  return ids;
}
it('A74 a run that a killed process published in part goes on in another one, and each row counts once', async () => {
  const some = members(600);
  await world(h, some);
  const run = await anna.rests(await anna.upload(fileOf(some)));
  let killed = 0;
  const dying = await watched(h, async (append, when) => {
    if (append < 2 || (append === 2 && when === 'before')) return;
    killed += 1;
    throw new EngineUnavailable('killed');
  });
  const { number } = run.report;
  await dying.by.ask('POST', `/${run.id}/confirm`, { number });
  await dying.by.until(run.id, () => killed > 0);
  await dying.app.close();
  expect((await statements()).length).toBe(500);
  // Another moment, which would give each event another id.
  h.now += 5000;
  await anna.ask('POST', `/${run.id}/confirm`, { number });
  expect(await anna.rests(run.id)).toMatchObject({ state: 'done' });
  expect(await heldMembers()).toEqual(some);
  expect((await pageOf(h)).imports).toHaveLength(1);
  // Each row has one event.
  expect(new Set(await statements()).size).toBe(600);
});

it('A73 an import by pa after the report makes another number, and a newer one the file older', async () => {
  await world(h, ['m1', 'm2', 'm3']);
  const run = await anna.rests(await anna.upload(fileOf(['m1', 'm2'])));
  await appendAll(h.log, byPa(['m1', 'm3']));
  await anna.ask('POST', `/${run.id}/confirm`, { number: run.report.number });
  const again = await anna.rests(run.id);
  expect(again).toMatchObject({
    state: 'checked',
    fault: { code: 'changed' },
    report: { held: 2, added: 1, ended: 1 },
  });
  expect(await heldMembers()).toEqual(['m1', 'm3']);
  h.now += 1000;
  await appendAll(h.log, byPa(['m1', 'm3'], { asOf: '2026-02-01' }));
  await anna.ask('POST', `/${run.id}/confirm`, { number: again.report.number });
  expect(await anna.rests(run.id)).toMatchObject({ state: 'refused', fault: { code: 'older' } });
  expect(await heldMembers()).toEqual(['m1', 'm3']);
});

it('fails when an import by pa ends while it publishes, and the next file puts everything right', async () => {
  await world(h, ['m1', 'm2', 'm3']);
  const run = await anna.rests(await anna.upload(fileOf(['m1', 'm2'])));
  const other = await watched(h, async (append, when) => {
    if (append !== 1 || when === 'after') return;
    await appendAll(h.log, byPa(['m3'], { time: new Date(h.now - 1000).toISOString() }));
  });
  await other.by.ask('POST', `/${run.id}/confirm`, { number: run.report.number });
  const failed = await anna.rests(run.id);
  expect(failed).toMatchObject({ state: 'failed', fault: { code: 'another-import' }, batch: run.batch });
  await other.app.close();
  expect(await heldMembers()).toEqual(['m1', 'm2', 'm3']);
  h.now += 1000;
  expect(await anna.import(fileOf(['m1', 'm2']))).toMatchObject({ state: 'done' });
  expect(await heldMembers()).toEqual(['m1', 'm2']);
});

it('publishes no row after it was stopped', async () => {
  const some = members(600);
  await world(h, some);
  const run = await anna.rests(await anna.upload(fileOf(some)));
  const other = await watched(h, async (append, when) => {
    if (append !== 1 || when === 'before') return;
    expect((await anna.ask('DELETE', `/${run.id}`)).body).toMatchObject({ state: 'publishing', isStopping: true });
  });
  await other.by.ask('POST', `/${run.id}/confirm`, { number: run.report.number });
  expect(await anna.rests(run.id)).toMatchObject({ state: 'stopped', batch: run.batch });
  await other.app.close();
  await h.passed();
  expect((await statements()).length).toBe(250);
  expect((await pageOf(h)).imports).toEqual([]);
});

it('takes no file in a sandbox, because its events would come from no synthetic payer', async () => {
  const sandbox = await started(true);
  try {
    const told = await new Importer(sandbox, await person(sandbox, 'anna', 'engineer')).ask('POST', '', ROSTER);
    expect([told.status, told.text]).toEqual([403, expect.stringContaining('synthetic payer')]);
  } finally {
    await sandbox.stop();
  }
});

/** `pa`: the library over the routes that it asks. */
class OverHttp implements Holdings {
  readonly #h: Harness;
  constructor(harness: Harness) {
    this.#h = harness;
  }
  async allImports(): Promise<readonly Imported[]> {
    return (await pageOf(this.#h)).imports as Imported[];
  }
  async *rows(): AsyncGenerator<HeldRow> {
    for (let next: string | undefined = '/ops/sources/north-mso/roster'; next !== undefined;) {
      const page = await pageOf(this.#h, next);
      yield* page.rows as HeldRow[];
      next = page.next as string | undefined;
    }
  }
  async forecast(events: readonly DomainEvent[]): Promise<readonly ForecastChange[]> {
    const answer = await this.#h.app.inject({
      method: 'POST',
      url: '/ops/sources/north-mso/roster/forecast',
      headers: { ...payer, 'content-type': 'application/json' },
      payload: JSON.stringify({ events }),
    });
    return answer.json<{ changes: ForecastChange[] }>().changes;
  }
  networkForecast(): Promise<readonly ListForecast[]> {
    throw new Error('no file of a network');
  }
}

it('tells and does what pa tells and does with the same files', async () => {
  const other = await started();
  try {
    other.now = h.now;
    const some = members(40);
    const files = [
      { text: fileOf(some), asOf: '2026-01-01' },
      { text: fileOf([...some.slice(5), 'm1', 'm2']), asOf: '2026-02-01' },
      { text: fileOf(some).replaceAll('2025-01-01', '2025-03-01'), asOf: '2026-02-01' },
    ];
    for (const harness of [h, other]) await world(harness, [...some.slice(0, 30), 'm1']);
    for (const { text, asOf } of files) {
      const run = await anna.import(text, { asOf });
      expect(run.state).toBe('done');
      const file = {
        file: {
          name: 'january.csv',
          bytes: async function* () {
            yield Buffer.from(text);
          },
        },
        kind: IMPORT_KINDS.roster,
        map: mapOf({}, IMPORT_KINDS.roster),
        time: new Date(h.now).toISOString(),
      };
      const plan = await planOf({ file, kind: 'roster', source: 'north-mso', asOf }, new OverHttp(other));
      const { lists, kind: _kind, source: _source, asOf: _asOf, digest: _digest, ...report } = plan.report;
      const { lists: told, moreLists: _more, causes: _causes, ...same } = run.report;
      expect(same).toEqual(report);
      expect(Object.fromEntries(told.map(({ list, ...change }: Loose) => [list, change]))).toEqual(lists);
      await importPlan(plan, async (events) => {
        await appendAll(other.log, events);
        await other.passed();
      });
      plan.close();
      h.now += 1000;
      other.now += 1000;
      // What decisions see, without ids and times of what was recorded.
      const seen = async (harness: Harness): Promise<Loose> => {
        const facts: Loose[] = [];
        for (const member of [...some, 'm1', 'm2']) {
          const path = `/ops/sources/north-mso/roster/forecast`;
          const end = payerEvent('payer.attribution-ended.v1', member, { provider: { npi: NPI }, to: '2020-01-01' });
          const answer = await harness.app.inject({
            ...{ method: 'POST', url: path, headers: { ...payer, 'content-type': 'application/json' } },
            payload: JSON.stringify({ events: [{ ...end, time: new Date(harness.now).toISOString() }] }),
          });
          facts.push([member, answer.json()]);
        }
        return facts;
      };
      expect(await seen(h)).toEqual(await seen(other));
      const rows = async (harness: Harness) =>
        ((await pageOf(harness)).rows as Loose[]).map(({ subject, key, row, batch, asOf: day }) => ({
          subject,
          key,
          row,
          batch,
          day,
        }));
      expect(await rows(h)).toEqual(await rows(other));
    }
  } finally {
    await other.stop();
  }
});
