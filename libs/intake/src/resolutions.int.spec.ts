import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type AccessHeld,
  deadLetterTopic,
  encodeEvent,
  PA_CONSENT,
  PAYER_MEMBER_EVENTS,
  dataOf,
} from '@provider-access/events';
import { deadLetterId } from '@provider-access/engines/log';
import { openMemoryLog } from '@provider-access/engines/log/memory';
import type { ServicePorts } from '@provider-access/service/http';
import { openMemoryState } from '@provider-access/engines/state/memory';
import { AccessHolds } from './access-holds.ts';
import { derivedRecord } from './derived-event.ts';
import type { Matter } from './matter.ts';
import { Resolutions } from './resolutions.ts';

const AT = '2026-06-01T00:00:00.000Z';
const OUT = 'payer.member-opted-out.v1';
const matter = (over: Partial<Matter> = {}): Matter => ({ type: OUT, names: ['m1'], ...over });
/** The name of an event at an offset of the payer topic. */
const at = (offset: number): string => deadLetterId(PAYER_MEMBER_EVENTS, 0, offset);

let log: ReturnType<typeof openMemoryLog>;
let state: ReturnType<typeof openMemoryState>;
let holds: AccessHolds;
let resolutions: Resolutions;
let lines: object[];
beforeEach(async () => {
  log = openMemoryLog({ partitions: 1 });
  state = openMemoryState({ log });
  holds = new AccessHolds(state, 'consent');
  const release = async (held: AccessHeld) => [
    {
      topic: PA_CONSENT,
      record: derivedRecord({
        deriver: 'consent',
        type: 'pa.access-released.v1',
        cause: { id: held.deadLetter, source: held.source },
        at: AT,
        data: held,
      }),
    },
  ];
  lines = [];
  const logger = { error: (details: object) => lines.push(details) };
  resolutions = new Resolutions({ log, state, logger } as unknown as ServicePorts, {
    deriver: 'consent',
    topics: [PA_CONSENT],
    holds,
    release,
  });
  await holds.remember({ deadLetter: at(0), member: 'm1', source: 'urn:payer', eventType: OUT });
});
afterEach(async () => {
  await log.close();
  await state.close();
});

let notes = 0;
async function note(type: 'replayed' | 'discarded', data: Record<string, unknown>): Promise<void> {
  const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
  const event = {
    id: `n${++notes}`,
    source: 'urn:provider-access:resources',
    type: `pa.dead-letter-${type}.v1`,
    time: AT,
    subject: String(data['deadLetter']),
    data: { by: 'payer', at: AT, ...data },
  };
  const [placed] = await log.append(topic, [encodeEvent(event)]);
  await resolutions.handle({ topic, partition: 0, records: await log.read(topic, 0, placed!.offset, 1) });
}
const replayedAs = (offset: number, deadLetter = at(0)): Promise<void> =>
  note('replayed', {
    deadLetter,
    corrected: true,
    event: 'e1',
    place: { topic: PAYER_MEMBER_EVENTS, partition: 0, offset },
  });
const took = (offset: number, deadLetter = at(0), what = matter()): Promise<void> =>
  resolutions.took(at(offset), deadLetter, what, AT);
const released = async (): Promise<string[]> =>
  (await log.read(PA_CONSENT, 0, 0, 100)).map((r) => dataOf<AccessHeld>(r).deadLetter);

describe('the hold of a dead letter', () => {
  it.each<[string, (() => Promise<void>)[]]>([
    ['the event and then the note', [() => took(1), () => replayedAs(1)]],
    ['the note and then the event', [() => replayedAs(1), () => took(1)]],
    ['a discard', [() => note('discarded', { deadLetter: at(0), reason: 'a test' })]],
  ])('ends by %s', async (_what, steps) => {
    for (const [i, step] of steps.entries()) {
      await step();
      expect(await released()).toEqual(i === steps.length - 1 ? [at(0)] : []);
    }
  });

  // Findings M5 and M4 (SECURITY.md).
  it.each<[string, (() => Promise<void>)[]]>([
    ['an event with the header of a replay, and no operator who replayed', [() => took(1)]],
    ['an event with the header of a replay, though another event was the replay', [() => replayedAs(2), () => took(1)]],
    ['an operator who replayed, while the event did not take effect', [() => replayedAs(1)]],
    ['a replay about another member', [() => replayedAs(1), () => took(1, at(0), matter({ names: ['m2'] }))]],
    [
      'a replay of another type',
      [() => took(1, at(0), matter({ type: 'payer.member-opted-in.v1' })), () => replayedAs(1)],
    ],
    [
      'a note of the release before, which names no place',
      [() => took(1), () => note('replayed', { deadLetter: at(0), corrected: true, event: 'e1' })],
    ],
    ['the discard of another dead letter', [() => note('discarded', { deadLetter: at(9), reason: 'a test' })]],
  ])('does not end by %s; a discard ends it still', async (_what, steps) => {
    for (const step of steps) await step();
    expect(await released()).toEqual([]);
    await note('discarded', { deadLetter: at(0), reason: 'a test' });
    expect(await released()).toEqual([at(0)]);
  });

  it.each<[string, () => Promise<void>]>([
    [
      'is replayed and takes effect',
      async () => {
        await replayedAs(2, at(1));
        await took(2, at(1));
      },
    ],
    ['is discarded', () => note('discarded', { deadLetter: at(1), reason: 'a test' })],
  ])('stays while its replay is a dead letter itself, and ends with it when that %s', async (_how, end) => {
    await replayedAs(1);
    await holds.remember({ deadLetter: at(1), member: 'm1', source: 'urn:payer', eventType: OUT });
    expect(await released()).toEqual([]);
    await end();
    expect((await released()).toSorted()).toEqual([at(0), at(1)].toSorted());
  });

  it('stays when the note about it cannot be read, and the notes behind it are read', async () => {
    const topic = deadLetterTopic(PAYER_MEMBER_EVENTS);
    const event = {
      id: 'broken',
      source: 'urn:provider-access:resources',
      type: 'pa.dead-letter-discarded.v1',
      time: AT,
      subject: at(0),
      data: {},
    };
    await log.append(topic, [{ ...encodeEvent(event), value: '{' }]);
    await resolutions.handle({ topic, partition: 0, records: await log.read(topic, 0, 0, 1) });
    expect([await released(), lines]).toEqual([[], [expect.objectContaining({ error: 'SyntaxError', offset: 0 })]]);
    await note('discarded', { deadLetter: at(0), reason: 'a test' });
    expect(await released()).toEqual([at(0)]);
  });

  it('ends though the log fails when it is to end, and the batch comes again', async () => {
    await replayedAs(1);
    log.faults.away = true;
    await expect(took(1)).rejects.toThrow();
    log.faults.away = false;
    await took(1);
    expect(await released()).toEqual([at(0)]);
  });
});
