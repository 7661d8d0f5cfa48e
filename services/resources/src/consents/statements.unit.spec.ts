import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { consentIdOf } from '@provider-access/domain/pdex';
import { PA_CONSENT } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { cases } from '@provider-access/testing/variant';
import { consentResource } from './resource.ts';
import { type ConsentsPart, type StatedConsent, withStated } from './statements.ts';

const DAY_MS = 86_400_000;
const at = (day: number): string => new Date(Date.UTC(2026, 0, 1) + day * DAY_MS).toISOString();
let offset = 0;
/** A statement that was made, recorded and in effect on a day of 2026. */
function record(type: string, day: number, data: object = {}, event = `e${offset}~portal----`): LogRecord {
  offset += 1;
  const times = { effective: at(day), businessTime: at(day) };
  return {
    topic: PA_CONSENT,
    partition: 0,
    offset,
    key: 'm1',
    timestamp: Date.parse(at(day)),
    headers: { ce_id: event, ce_type: type, ce_subject: 'm1', ce_time: at(day) },
    value: Buffer.from(JSON.stringify({ member: 'm1', setBy: 'member', ...times, ...data })),
  };
}
const out = (day: number, data: object = {}, event?: string): LogRecord =>
  record('pa.opted-out.v1', day, { scope: 'global', ...data }, event);
const named = (...targets: string[]): object => ({ scope: 'provider-specific', targets });
const back = (day: number, ...targets: string[]): LogRecord =>
  targets.length === 0 ? record('pa.opted-in.v1', day) : record('pa.provider-opted-in.v1', day, { targets });
const withdrawal = (day: number, row: string): LogRecord => record('pa.opt-out-withdrawn.v1', day, { row });
const P = 'npi|1234567893';
const Q = 'tin|123456789';

const partOf = (...records: readonly LogRecord[]): ConsentsPart =>
  records.reduce<ConsentsPart | undefined>((part, one) => withStated(part, one, 'm1') ?? part, undefined)!;
/** The end of each Consent, in the order of the statements. */
const endsOf = (...records: readonly LogRecord[]): (string | undefined)[] =>
  partOf(...records).stated.map(({ versions }) => versions.at(-1)!.to);

describe('the end of a Consent', () => {
  it.each<[string, readonly LogRecord[], readonly (number | undefined)[]]>([
    ['an opt-out alone has none', [out(1)], [undefined]],
    ['an opt-in ends an earlier opt-out', [out(1), back(2)], [2, undefined]],
    ['an opt-out ends an earlier opt-in', [out(1), back(2), out(3)], [2, 3, undefined]],
    ['an opt-in for one provider ends no global opt-out, and never decides', [out(1), back(2, P)], [undefined, 2]],
    [
      'nor one by category',
      [out(1, { scope: 'provider-category', categories: ['207R00000X'] }), back(2, P)],
      [undefined, undefined],
    ],
    ['it ends an opt-out of this provider', [out(1, named(P)), back(2, P)], [2, undefined]],
    ['not one of another provider', [out(1, named(Q)), back(2, P)], [undefined, undefined]],
    ['one of two providers goes on', [out(1, named(P, Q)), back(2, P)], [undefined, undefined]],
    ['until both are permitted', [out(1, named(P, Q)), back(2, P), back(3, Q)], [3, undefined, undefined]],
    ['a later opt-out of one provider ends no opt-in for all', [back(1), out(2, named(P))], [undefined, undefined]],
    ['and ends an opt-in for this one', [back(1, P), out(2, named(P, Q))], [2, undefined]],
    ['A71 a withdrawal of its row ends an opt-out, and is no Consent', [out(1, { row: 'a' }), withdrawal(2, 'a')], [2]],
    ['A71 one of another row does not', [out(1, { row: 'a' }), out(1), withdrawal(2, 'b')], [undefined, undefined]],
    [
      'A71 a row that comes again bars again',
      [out(1, { row: 'a' }), withdrawal(2, 'a'), out(3, { row: 'a' })],
      [2, undefined],
    ],
    [
      'an opt-out that bars nobody ends nothing',
      [back(1), out(2, { scope: 'purpose-specific', bars: 'nobody' })],
      [undefined, undefined],
    ],
    [
      'an opt-in for one provider holds after all were permitted',
      [out(1), back(2), back(3, P)],
      [2, undefined, undefined],
    ],
    ['an opt-in that is scheduled', [out(1), record('pa.opted-in.v1', 2, { effective: at(9) })], [9, undefined]],
  ])('%s', (_what, records, ends) => {
    expect(endsOf(...records)).toEqual(ends.map((day) => (day === undefined ? undefined : at(day))));
  });

  it('is another one when statements arrive late, and earlier versions stay as they were', () => {
    const first = partOf(out(1));
    const part = partOf(out(1, {}, 'o~portal----'), back(5), back(3));
    expect(first.stated[0]!.versions).toEqual([{ n: 1, at: at(1) }]);
    expect(part.stated[0]!.versions).toEqual([
      { n: 1, at: at(1) },
      { n: 2, at: at(5), to: at(5) },
      { n: 3, at: at(5), to: at(3) },
    ]);
  });
});

describe('a member of whom much is stated', () => {
  it('keeps what can decide and the last forty, with their versions', () => {
    const records = Array.from({ length: 500 }, (_, n) => (n % 2 === 0 ? out(n) : back(n)));
    const part = partOf(...records, out(501, named(P)));
    expect(part.stated.length).toBeLessThanOrEqual(41);
    expect(part.ids).toEqual(part.stated.map(({ id }) => id));
    expect(part.stated.at(-1)).toMatchObject({ targets: [P] });
  });
  it('has one Consent for all where more opt-outs than fifty can decide', () => {
    const many = Array.from({ length: 60 }, (_, n) => out(n, named(`npi|${1_000_000_000 + n}`)));
    const part = partOf(...many);
    expect(part.stated.length).toBeLessThanOrEqual(51);
    expect(part.stated.some((one) => 'scope' in one && one.scope === 'global')).toBe(true);
  });
  it('compares each pair of statements a few times, and never three of them', () => {
    const part = partOf(...Array.from({ length: 60 }, (_, n) => (n % 2 === 0 ? out(n) : back(n))));
    let reads = 0;
    const counted = (one: StatedConsent): StatedConsent =>
      new Proxy(one, {
        get(statement, key) {
          if (key === 'businessTime') reads += 1;
          return Reflect.get(statement, key) as unknown;
        },
      });
    const stated = part.stated.map(counted);
    expect(stated).toHaveLength(40);
    withStated({ ...part, stated }, out(61), 'm1');
    expect(reads).toBeGreaterThan(40);
    // Three of them would be 8,000 combinations of 20 opt-outs and twice 20 opt-ins.
    expect(reads).toBeLessThan(2 * 40 ** 2);
  });
  it('compares the providers of each statement with those of one other', () => {
    const providers = Array.from({ length: 100 }, (_, n) => `npi|${1_000_000_000 + n}` as const);
    let reads = 0;
    const counted = (one: StatedConsent): StatedConsent => ({
      ...one,
      targets: new Proxy(providers, {
        get(list, key) {
          reads += 1;
          return Reflect.get(list, key) as unknown;
        },
      }),
    });
    const part = partOf(
      ...Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? out(n, named(...providers)) : back(n, ...providers))),
    );
    expect(part.stated.map(({ versions }) => versions.at(-1)!.to)).toEqual([
      ...Array.from({ length: 19 }, (_, n) => at(n + 1)),
      undefined,
    ]);
    withStated({ ...part, stated: part.stated.map(counted) }, out(21), 'm1');
    expect(reads).toBeGreaterThan(20 * 100);
    // Each opt-out beside each later opt-in took 25,003.
    expect(reads).toBeLessThan(8 * 20 * 100);
  });
  it('has a statement once, however often its event comes', () => {
    const one = out(1);
    expect(withStated(partOf(one), one, 'm1')).toBeUndefined();
  });
});

it('the parts, and each version of them, are the same whenever they are built', () => {
  const statement = fc.record({
    day: fc.integer({ min: 1, max: 20 }),
    kind: fc.constantFrom('all', 'P', 'Q', 'in', 'inP'),
  });
  fc.assert(
    fc.property(fc.array(statement, { maxLength: 12 }), (drawn) => {
      const records = drawn.map(({ day, kind }, n) => {
        const event = `x${n}~portal----`;
        if (kind === 'in') return record('pa.opted-in.v1', day, {}, event);
        if (kind === 'inP') return record('pa.provider-opted-in.v1', day, { targets: [P] }, event);
        return out(day, kind === 'all' ? {} : named(kind === 'P' ? P : Q), event);
      });
      const seen = new Map<string, string>();
      let part: ConsentsPart | undefined;
      for (const one of records) {
        part = withStated(part, one, 'm1') ?? part;
        for (const consent of part!.stated)
          for (const version of consent.versions) {
            const name = `${consent.id}/${version.n}`;
            const text = JSON.stringify(consentResource(consent, version, { member: 'm1', payer: 'Organization/p' }));
            // A version that somebody may have read never changes.
            expect(seen.get(name) ?? text).toBe(text);
            seen.set(name, text);
          }
      }
      expect(part === undefined ? undefined : partOf(...records)).toEqual(part);
    }),
    { numRuns: cases(200) },
  );
});

describe('the Consent of PDex', () => {
  const resource = (one: LogRecord) => {
    const stated: StatedConsent = partOf(one).stated[0]!;
    return consentResource(stated, stated.versions[0], { member: 'm1', payer: 'Organization/p' }) as Record<
      string,
      never
    >;
  };
  it('has an id of FHIR that tells neither the member nor the event', () => {
    const id = consentIdOf('event-of-m1', 'm1');
    expect(id).toMatch(/^[a-z2-7]{26}$/);
    expect(consentIdOf('event-of-m1', 'm2')).not.toBe(id);
  });
  it('names providers, categories, purposes and payers as they were stated', () => {
    expect(resource(out(1, named(P, Q)))['provision']).toMatchObject({
      type: 'deny',
      period: { start: at(1) },
      actor: [
        { reference: { reference: 'Organization/p' } },
        { reference: { identifier: { system: 'http://hl7.org/fhir/sid/us-npi', value: '1234567893' } } },
        { reference: { identifier: { system: 'urn:oid:2.16.840.1.113883.4.4', value: '123456789' } } },
      ],
    });
    const payers = resource(out(1, { scope: 'payer-specific', payers: ['urn:x|7', 'Organization/o', 'them'] }));
    expect(payers['provision']).toMatchObject({
      actor: [
        { reference: { identifier: { system: 'urn:x', value: '7' } } },
        { reference: { reference: 'Organization/o' } },
        { reference: { display: 'them' } },
      ],
    });
    expect(resource(out(1, { purposes: ['HPAYMT', 'bills'] }))['provision']).toMatchObject({
      purpose: [{ code: 'HPAYMT' }, { display: 'bills' }],
    });
  });
  it('names who stated it', () => {
    const by = (data: object): unknown => resource(out(1, data))['performer'];
    const proof = { kind: 'court', reference: 'RelatedPerson/r', verifiedBy: 'desk' };
    expect(by({})).toEqual([{ reference: 'Patient/m1' }]);
    expect(by({ setBy: 'personal-representative', proof })).toEqual([{ reference: 'RelatedPerson/r' }]);
    expect(by({ setBy: 'personal-representative' })).toEqual([expect.objectContaining({ type: 'RelatedPerson' })]);
    expect(by({ setBy: 'payer' })).toEqual([{ display: expect.stringContaining('payer') }]);
  });
});
