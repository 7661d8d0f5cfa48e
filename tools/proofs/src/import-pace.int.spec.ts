import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { openEmbeddedLog } from '@provider-access/engines/log/embedded';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret } from '@provider-access/smart';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { openMemoryViews } from '@provider-access/engines/views/memory';
import { afterAll, afterEach, expect, test } from 'vitest';
import { mapBlobs } from './kill-points/blobs.ts';
import { PAYER_TOKEN, PlatformProcess } from './kill-points/platform-process.ts';

const NPI = '1234567893';
const ROWS = 4000;
/** The intakes whose work the member facts wait for. */
const DERIVERS = new Set(['attribution-intake', 'consent-intake']);

const folder = await mkdtemp(join(tmpdir(), 'import-pace-'));
const closing: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close();
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const row = (n: number): string =>
  JSON.stringify({
    specversion: '1.0',
    id: `row-${n}`,
    source: '/payer',
    type: 'payer.attribution-asserted.v1',
    time: '2026-06-01T00:00:00Z',
    subject: `m-${n}`,
    data: { provider: { npi: NPI }, from: '2026-01-01' },
  });

/**
 * Finding U19: reads and explain were 503 while a roster of 100,000 rows was imported, because the log was tens of
 * thousands of rows ahead of the facts.
 */
test.each([
  ['a stream', 'application/x-ndjson', (rows: readonly string[]) => rows.join('\n')],
  ['one batch', 'application/cloudevents-batch+json', (rows: readonly string[]) => `[${rows.join(',')}]`],
])(
  'a request for facts waits for a few batches of an intake while %s of rows comes in',
  async (_, type, join_) => {
    const log = openEmbeddedLog({ file: join(folder, `${type.length}.db`), partitions: 1 });
    const state = openMemoryState({ log });
    closing.push(
      () => log.close(),
      () => state.close(),
    );
    let question: { answered: Promise<unknown>; readonly batches: Map<string, number> } | undefined;
    let taken = 0;
    const most: number[] = [];
    let ask: () => Promise<unknown> = () => Promise.resolve();
    const subscribe = log.subscribe.bind(log);
    log.subscribe = (options) =>
      subscribe({
        ...options,
        handle: async (batch) => {
          const counts = DERIVERS.has(options.group) && batch.topic === PAYER_MEMBER_EVENTS;
          // Asks before the batch, as a request does that arrives while it waits for its turn.
          if (counts && question === undefined) {
            const batches = new Map<string, number>();
            question = { batches, answered: Promise.resolve() };
            question.answered = ask().finally(() => {
              most.push(...batches.values());
              question = undefined;
            });
          }
          await options.handle(batch);
          if (!counts) return;
          question?.batches.set(options.group, (question.batches.get(options.group) ?? 0) + 1);
          if (options.group === 'attribution-intake') taken += batch.records.length;
        },
      });
    const keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
    const blobs = mapBlobs(new Map());
    const clock = { now: () => Date.now() };
    const process = await PlatformProcess.start({ log, state, views: openMemoryViews(), blobs, clock }, keys);
    closing.push(() => process.stop());
    ask = async () => {
      const head = await process.access.payerHead();
      // The head waits for the write that runs, and intakes go on meanwhile.
      question?.batches.clear();
      return process.access.waitForPayer(head, 600_000);
    };

    const body = join_(Array.from({ length: ROWS }, (_one, n) => row(n)));
    const answer = await process.request('/events', {
      method: 'POST',
      token: PAYER_TOKEN,
      headers: { 'content-type': type },
      body,
    });
    expect(answer.status).toBe(200);
    expect(answer.body.match(/"status":"accepted"/g)).toHaveLength(ROWS);
    await ask();
    expect(taken).toBe(ROWS);
    // Two batches are ahead of the facts. A third one may be handled while the facts take up the second.
    expect(Math.max(...most)).toBeLessThanOrEqual(3);
    // One question for some batches, until the last one.
    expect(most.length).toBeGreaterThan(4);
  },
  600_000,
);
