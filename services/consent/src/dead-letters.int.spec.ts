import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { encodeEvent, PA_CONSENT, PAYER_MEMBER_EVENTS } from '@provider-access/events';
import { deadLetterId, EngineUnavailable } from '@provider-access/engines/log';
import { Harness, optedIn, optedOut, payerEvent } from '../test/harness.ts';

let h: Harness;
beforeEach(async () => {
  h = await new Harness().start();
  await h.member('m1');
  await h.member('m2');
});
afterEach(() => h.stop());

const OUT = 'payer.member-opted-out.v1';
const unreadable = (member: string | undefined = 'm1') => payerEvent(OUT, member, { scope: 'everything' });
/** Publishes an event that becomes a dead letter. */
async function parked(event = unreadable()): Promise<string> {
  const [{ partition, offset }] = (await h.log.append(PAYER_MEMBER_EVENTS, [encodeEvent(event)])) as [
    { partition: number; offset: number },
  ];
  await h.passed();
  return deadLetterId(PAYER_MEMBER_EVENTS, partition, offset);
}
const hint = (deadLetter: string) => ({ extensions: { pareplayof: deadLetter } });
/** Waits until consent has handled what operators did. */
async function handled(): Promise<void> {
  const goal = (await h.log.head(['payer.member-events.dead-letter']))['payer.member-events.dead-letter']!;
  const done = async (): Promise<boolean> => {
    const committed =
      (await h.log.committed('consent-dead-letters', ['payer.member-events.dead-letter']))[
        'payer.member-events.dead-letter'
      ] ?? [];
    return goal.every((next, partition) => next === 0 || (committed[partition] ?? 0) >= next);
  };
  await expect.poll(done).toBe(true);
  await h.passed();
}

// Finding M5 (SECURITY.md).
describe('no header of a producer ends a hold', () => {
  it.each([
    ['an opt-out of the member himself', () => optedOut('m1')],
    ['an opt-in of the member himself', () => optedIn('m1')],
    ['an opt-out of another member', () => optedOut('m2')],
  ])('%s that says it replays the dead letter', async (_what, event) => {
    const letter = await parked();
    await h.publish({ ...event(), ...hint(letter) });
    expect((await h.facts.access.facts('m1'))!.holds.filter(({ to }) => to === undefined)).toHaveLength(1);
    await h.publish(optedIn('m1'));
    expect(await h.verdict('m1')).toBe('on-hold');
    await h.discard(letter);
    await expect.poll(() => h.verdict('m1')).toBe('permit');
  });

  it('nor does one in structured mode, nor the copies of the headers of a true replay', async () => {
    const letter = await parked();
    const corrected = { ...unreadable(), data: { scope: 'all of it' } };
    await h.replay(letter, corrected);
    await h.publish({ ...optedOut('m1'), ...hint(letter) }, { ...optedIn('m1'), ...hint(letter) });
    await handled();
    expect(await h.verdict('m1')).toBe('on-hold');
  });
});

// Finding M4 (SECURITY.md).
describe('a replay ends the hold', () => {
  it('when its opt-out took effect', async () => {
    const letter = await parked();
    await h.replay(letter, optedOut('m1'));
    await expect.poll(() => h.verdict('m1')).toBe('opted-out');
    await h.publish(optedIn('m1'));
    expect(await h.verdict('m1')).toBe('permit');
  });

  it.each([
    ['about another member', () => optedOut('m2')],
    ['of another type', () => optedIn('m1')],
    ['that is no opt-out of anybody', () => payerEvent(OUT, 'm1', { scope: 'still wrong' })],
  ])('and not one %s', async (_what, event) => {
    const letter = await parked();
    await h.replay(letter, event());
    await handled();
    expect(await h.verdict('m1')).toBe('on-hold');
    await h.discard(letter);
    await expect
      .poll(async () =>
        (await h.facts.access.facts('m1'))!.holds.some(
          ({ deadLetter, to }) => deadLetter === letter && to === undefined,
        ),
      )
      .toBe(false);
  });

  it('of a dead letter that names nobody: covers the member that it turns out to be about', async () => {
    const letter = await parked(payerEvent(OUT, undefined, { scope: 'global' }));
    expect(await h.verdict('m2')).toBe('source-on-hold');
    await h.replay(letter, optedOut('m1'));
    await expect.poll(async () => [await h.verdict('m1'), await h.verdict('m2')]).toEqual(['opted-out', 'permit']);
  });

  it('only once the opt-out is durable: never is the member visible in between', async () => {
    const letter = await parked();
    const append = h.log.append.bind(h.log);
    let failing = true;
    h.log.append = async (topic, records) => {
      if (failing && topic === PA_CONSENT && records.some(({ headers }) => headers['ce_type'] === 'pa.opted-out.v1'))
        throw new EngineUnavailable('a broker is away');
      return append(topic, records);
    };
    await h.log
      .append(PAYER_MEMBER_EVENTS, [encodeEvent({ ...optedOut('m1'), ...hint(letter) })])
      .then(async ([place]) => {
        const { partition, offset } = place!;
        const data = {
          deadLetter: letter,
          by: 'payer',
          at: '2026-06-01T12:00:00.000Z',
          corrected: true,
          event: 'e',
          place: { topic: PAYER_MEMBER_EVENTS, partition, offset },
        };
        await append('payer.member-events.dead-letter', [
          encodeEvent({
            id: 'n',
            source: 'urn:provider-access:resources',
            type: 'pa.dead-letter-replayed.v1',
            time: data.at,
            subject: letter,
            data,
          }),
        ]);
      });
    const goal = (await h.log.head(['payer.member-events.dead-letter']))['payer.member-events.dead-letter']!.reduce(
      (a, b) => a + b,
      0,
    );
    await expect
      .poll(async () =>
        (
          (await h.log.committed('consent-dead-letters', ['payer.member-events.dead-letter']))[
            'payer.member-events.dead-letter'
          ] ?? []
        ).reduce((a, b) => a + b, 0),
      )
      .toBe(goal);
    expect((await h.facts.access.facts('m1'))!.holds.filter(({ to }) => to === undefined)).toHaveLength(1);
    failing = false;
    await h.passed();
    await expect.poll(() => h.verdict('m1')).toBe('opted-out');
  });
});
