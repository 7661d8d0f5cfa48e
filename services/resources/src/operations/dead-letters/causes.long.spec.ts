import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deadLetterTopic, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { deadLetterRecord } from '@provider-access/engines/log';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { ProjectionSet, type ViewReader } from '@provider-access/engines/views';
import { openEmbeddedViews } from '@provider-access/engines/views/embedded';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { findCauses } from '../../projections/dead-letter-causes.ts';
import { deadLetters, findDeadLetters } from '../../projections/dead-letters.ts';

const LETTERS = 1_000_000;
const CAUSES = 40;
const TOGETHER = 5_000;
const PAGE = 26;
const TOPIC = deadLetterTopic(PAYER_MEMBER_EVENTS);

const folder = mkdtempSync(join(tmpdir(), 'causes-'));
const log = openEmbeddedLog({ file: join(folder, 'log.db') });
const views = openEmbeddedViews({ file: join(folder, 'views.db') });
const projections = new ProjectionSet({ log, views, projections: [deadLetters] });
let rows = 0;
const reader = views.reader(deadLetters);
const counting = new Proxy(reader, {
  get(target, name) {
    if (name !== 'find') throw new Error(`${String(name)} is not counted`);
    return async (query: Parameters<ViewReader['find']>[0]) => {
      const found = await target.find(query);
      rows += found.length;
      return found;
    };
  },
});

beforeAll(async () => {
  await projections.start();
  const value = Buffer.from(JSON.stringify({ resource: { resourceType: 'Condition' } }));
  for (let at = 0; at < LETTERS; at += TOGETHER) {
    const records = Array.from({ length: TOGETHER }, (_, i) => {
      const n = at + i;
      const headers = {
        ce_specversion: '1.0',
        ce_id: `e${n}`,
        ce_type: 'payer.resource-recorded.v1',
        ce_source: '/payer',
        ce_time: '2026-01-01T00:00:00Z',
        ce_subject: `m${n % 1000}`,
      };
      const place = { topic: PAYER_MEMBER_EVENTS, partition: 0, offset: n };
      const record = { ...place, key: `m${n % 1000}`, headers, value, timestamp: n };
      return deadLetterRecord(
        place,
        record,
        'invalid-resource',
        `place ${n % CAUSES}`,
        'resources',
        1_700_000_000_000 + n,
      );
    });
    await log.append(TOPIC, records);
  }
  expect(await reader.waitFor(await log.head([TOPIC]), 3_600_000)).toBe(true);
}, 3_600_000);
afterAll(async () => {
  await projections.stop();
  await views.close();
  await log.close();
  rmSync(folder, { recursive: true, force: true });
});

it('lists the causes of a million dead letters by reading a bounded part of them', async () => {
  const first = await findCauses(counting as ViewReader, 'open', undefined, PAGE);
  expect(first.length).toBe(PAGE);
  for (const cause of first) expect(cause).toMatchObject({ count: 1000, isMore: true });
  expect(rows).toBe(PAGE * (1 + 1 + 1001));
  const second = await findCauses(counting as ViewReader, 'open', first.at(-1)!.cause, PAGE);
  expect(second.length).toBe(CAUSES - PAGE);
  rows = 0;
  const page = await findDeadLetters(counting as ViewReader, { status: 'open', cause: first[0]!.cause, limit: 101 });
  expect([page.length, rows]).toEqual([101, 101]);
});
