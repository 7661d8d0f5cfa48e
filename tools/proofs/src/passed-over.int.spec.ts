import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeEvent, EXPORT_EVENTS, PLATFORM_EVENTS, SERVICE_LEVEL_EVENTS, TOPICS } from '@provider-access/events';
import { signingKeysIn } from '@provider-access/process/testing';
import { fixedSecret } from '@provider-access/smart';
import { expect, test } from 'vitest';
import { bystandersAsTheLedgerSays } from './kill-points/oracle.ts';
import { AS_OF, PAST } from './kill-points/payer.ts';
import { Stores } from './kill-points/stores.ts';
import { atRest, goOn, handled, nothingKnown, publish } from './kill-points/story.ts';
import { ManualClock, startProcess } from './kill-points/world.ts';

/**
 * Our event types that views fold, without topics whose events have no subject. A faulty record of each is tried. A
 * table of lines of business that cannot be read is left out: it denies everybody until the next one (ADR 0102).
 */
const FOLDED = Object.entries({ ...PLATFORM_EVENTS, ...EXPORT_EVENTS, ...SERVICE_LEVEL_EVENTS }).filter(
  ([type]) => !['pa.gap.v1', 'pa.log-restored.v1', 'pa.restore-accepted.v1', 'pa.lines-set.v1'].includes(type),
);
const OURS = new Set(TOPICS.filter(({ role }) => role !== 'inbound').map(({ name }) => name));

test('an unreadable record of each of our types stops nothing: everybody else is served as before', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'passed-over-'));
  const keys = fixedSecret(await signingKeysIn(join(folder, 'keys.json')));
  const clock = new ManualClock(AS_OF + 90 * 86_400_000);
  const stores = new Stores(clock);
  const running = await startProcess({ stores, clock, keys });
  const scene = { ...running, stores, clock, known: nothingKnown() };
  try {
    await publish(scene, PAST);
    await handled(scene);
    const topics = new Set<string>();
    for (const [i, [type, { topic }]] of FOLDED.entries()) {
      if (!OURS.has(topic)) continue;
      topics.add(topic);
      const event = {
        id: `broken-${i}`,
        source: 'urn:provider-access:test',
        type,
        time: new Date(clock.now()).toISOString(),
        subject: 'somebody-else',
        data: {},
      };
      await running.log.append(topic, [{ ...encodeEvent(event), value: '{"member":' }]);
    }
    expect(topics.size).toBeGreaterThan(5);
    await goOn(scene);
    await atRest(scene).catch((error: unknown) => {
      throw new Error(running.behind().join('; '), { cause: error });
    });
    // The oracle reads the log itself, and must skip the unreadable records too.
    const readable: Stores['records'] = (topic) =>
      stores.records(topic).map((records) => records.filter((r) => !r.headers['ce_id']?.startsWith('broken-')));
    const seen = Object.assign(Object.create(stores) as Stores, { records: readable });
    expect(await bystandersAsTheLedgerSays({ ...scene, stores: seen })).toEqual([]);
  } finally {
    await running.stop();
    stores.close();
    await rm(folder, { recursive: true, force: true });
  }
}, 600_000);
