import { randomBytes, randomInt } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import { freshPlatform, registerApp, type Fresh, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { http, optOut, payerEvent, takesEffect, tell } from './road.ts';
import { LIMITS, sharedPayer } from './world/context.ts';

const run = randomBytes(4).toString('hex');

describe('an opt-out of a patient of one practice', () => {
  /**
   * A practice of this run, whose NPI and TIN the directory joins. What happens to its members does not affect other
   * specs.
   */
  const practice = { npi: npiOf(randomInt(1e8)), tin: String(randomInt(1e8, 1e9)) };
  let fresh: Fresh;
  let app: TestApp;
  beforeAll(async () => {
    fresh = await freshPlatform({ env: LIMITS, shared: sharedPayer() });
    const status = { ...practice, status: 'in-network', from: '2020-01-01' };
    await publishTaken(fresh.platform(), payerEvent('payer.network-status-changed.v1', practice.npi, status));
    app = await registerApp(fresh.platform(), { name: 'Practice', npi: practice.npi });
  });
  afterAll(() => fresh?.dispose());

  const readAtPractice = async (member: string): Promise<number> =>
    (await http(`${fresh.platform().base}/fhir/Patient/${member}`, { token: await app.tokens.get() })).status;
  let patients = 0;
  /** A member who is attributed to the practice only by its NPI. */
  const joined = async (): Promise<string> => {
    const member = `m-patient-${run}-${patients++}`;
    await publishTaken(fresh.platform(), ...memberOf(member, { npi: practice.npi }));
    await eventually(async () => expect(await readAtPractice(member)).toBe(200));
    return member;
  };

  test.each([
    ['by its TIN, though members are attributed by its NPI', [{ tin: practice.tin }]],
    ['beside somebody whom we do not know', [{ npi: npiOf(randomInt(1e8)) }, { NPI: practice.npi }]],
    [
      'by an NPI with a wrong check digit',
      [{ npi: `${practice.npi.slice(0, 9)}${(Number(practice.npi[9]) + 1) % 10}` }],
    ],
  ])('of one provider, named %s', async (_how, targets) => {
    const member = await joined();
    await takesEffect(fresh.platform(), optOut(member, { scope: 'provider-specific', targets }));
    expect(await readAtPractice(member)).toBe(404);
  });

  describe('is answered by what it does', () => {
    const minutesAgo = (n: number): string => new Date(Date.now() - n * 60_000).toISOString();
    const of = (
      member: string,
      type: string,
      source: string,
      time: string,
      data: object = {},
      id = `${type}-${member}-${time}`,
    ): DomainEvent => ({ ...payerEvent(`payer.member-opted-${type}.v1`, member, data), id, source, time });
    const out = (member: string, ...rest: [string, string, object?, string?]): DomainEvent =>
      of(member, 'out', ...rest);
    const answered = async (event: DomainEvent): Promise<object> => {
      const { index: _, receipt: __, id: ___, ...answer } = await tell(fresh.platform(), event);
      return answer;
    };

    test('effective: it denies; the same again is effective still', async () => {
      const member = await joined();
      const event = out(member, '/calls', minutesAgo(10));
      for (let i = 0; i < 2; i++) expect(await answered(event)).toEqual({ status: 'effective' });
      expect(await readAtPractice(member)).toBe(404);
    });

    test('one repeated under a new id, or dropped since, is answered by the event that decides instead', async () => {
      const member = await joined();
      const [first, back] = [out(member, '/calls', minutesAgo(100)), of(member, 'in', '/calls', minutesAgo(10))];
      const later = Array.from({ length: 20 }, (_, n) => out(member, '/calls', minutesAgo(90 - n)));
      const events = [first, { ...first, id: `${first.id}-b` }, ...later, first, back];
      for (const event of events) expect(await answered(event)).toEqual({ status: 'effective' });
      expect(await answered({ ...first, id: `${first.id}-c` })).toEqual({ status: 'superseded', by: back.id });
    });

    test('scheduled: it will deny from its day on', async () => {
      const member = await joined();
      expect(await answered(out(member, '/calls', minutesAgo(10), { effectiveFrom: '2999-01-01T00:00:00Z' }))).toEqual({
        status: 'scheduled',
        from: '2999-01-01T00:00:00.000Z',
      });
      expect(await readAtPractice(member)).toBe(200);
    });

    test('superseded: a later opt-in stands against it, and is named', async () => {
      const member = await joined();
      const back = of(member, 'in', '/calls', minutesAgo(10));
      expect(await answered(back)).toEqual({ status: 'effective' });
      expect(await answered(out(member, '/calls', minutesAgo(20)))).toEqual({ status: 'superseded', by: back.id });
      expect(await readAtPractice(member)).toBe(200);
    });

    test('an opt-in of another system within the tolerance of clocks is superseded: the opt-out denies', async () => {
      const member = await joined();
      const event = out(member, '/calls', minutesAgo(10));
      expect(await answered(event)).toEqual({ status: 'effective' });
      expect(await answered(of(member, 'in', '/portal', minutesAgo(8)))).toEqual({
        status: 'superseded',
        by: event.id,
      });
      expect(await readAtPractice(member)).toBe(404);
    });

    test('N12 held: an opt-in names the dead letter that denies its member, and is effective without it', async () => {
      const member = await joined();
      const parked = (await answered(out(member, '/calls', minutesAgo(30), { scope: 'galaxy' }))) as {
        deadLetter: string;
      };
      const back = of(member, 'in', '/calls', minutesAgo(10));
      expect(await answered(back)).toEqual({ status: 'held', deadLetters: [parked.deadLetter] });
      expect(await readAtPractice(member)).toBe(404);
      const discarded = await http(`${fresh.platform().base}/events/dead-letters/${parked.deadLetter}/discard`, {
        method: 'POST',
        token: fresh.platform().payerToken,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ reason: 'a test' }),
      });
      expect(discarded.status).toBe(200);
      await eventually(async () => expect(await answered(back)).toEqual({ status: 'effective' }));
      expect(await readAtPractice(member)).toBe(200);
    });

    test('an unreadable one, or one with a used id, is parked and denies its member until it is resolved', async () => {
      const member = await joined();
      expect(await answered(out(member, '/calls', minutesAgo(10), { scope: 'everything?' }))).toEqual({
        status: 'parked',
        deadLetter: expect.stringMatching(/^dl-/) as string,
        denies: 'member',
      });
      expect(await readAtPractice(member)).toBe(404);
      const other = await joined();
      const id = `optout-${other}`;
      expect(await answered(out(other, '/calls', minutesAgo(30), {}, id))).toEqual({ status: 'effective' });
      expect(await answered(of(other, 'in', '/calls', minutesAgo(20)))).toEqual({ status: 'effective' });
      expect(await readAtPractice(other)).toBe(200);
      // Another opt-out under the same id, as from a payer that names events after members.
      expect(await answered(out(other, '/calls', minutesAgo(10), {}, id))).toMatchObject({
        status: 'parked',
        denies: 'member',
      });
      expect(await readAtPractice(other)).toBe(404);
    });
  });
});
