import { describe, expect, it } from 'vitest';
import { PayerDays } from '@provider-access/domain/pdex/days';
import { optOutRow, type PayerEvent } from '@provider-access/events';
import { deciding } from '@provider-access/process/testing';
import { decideConsentEvent, faultOfOptIn } from './decide-consent-event.ts';

/** How this payer is named. */
const US = 'urn:oid:2.16.840.1.113883.6.300|12345';
/** When the event was appended. `days.int.spec.ts` tests what a day means in other zones. */
const APPENDED = Date.UTC(2026, 5, 1, 12);
const { given } = deciding((event: PayerEvent, appendedAt: number) =>
  decideConsentEvent(event, appendedAt, { days: new PayerDays(['UTC']), isOurs: (payer) => payer === US }),
);
const said = (type: string, time: string, data: object): PayerEvent =>
  ({ id: 'e', source: 's', type, time, subject: 'm1', data }) as unknown as PayerEvent;
const optOut = (time: string, data: object = {}) =>
  said('payer.member-opted-out.v1', time, { scope: 'global', setBy: 'member', ...data });
const optIn = (time: string, data: object = {}) => said('payer.member-opted-in.v1', time, { setBy: 'member', ...data });

describe('an opt-out', () => {
  it('takes effect at its own time, because access must not last until the event arrives', () => {
    const at = '2026-05-31T08:00:00.000Z';
    const data = { scope: 'global' as const, effective: at, businessTime: at, setBy: 'member' as const };
    given(APPENDED).when(optOut('2026-05-31T08:00:00Z')).then({ kind: 'opted-out', data });
  });

  it('takes effect at its append if the clock of the payer runs ahead', () => {
    given(APPENDED)
      .when(optOut('2026-06-01T12:04:00Z'))
      .then({
        kind: 'opted-out',
        data: {
          scope: 'global',
          effective: '2026-06-01T12:00:00.000Z',
          businessTime: '2026-06-01T12:04:00.000Z',
          setBy: 'member',
        },
      });
  });

  it('takes effect on the day that it names', () => {
    given(APPENDED)
      .when(optOut('2026-05-31T08:00:00Z', { effectiveFrom: '2026-07-01' }))
      .then({
        kind: 'opted-out',
        data: {
          scope: 'global',
          effective: '2026-07-01T00:00:00.000Z',
          businessTime: '2026-05-31T08:00:00.000Z',
          setBy: 'member',
        },
      });
  });
});

describe('an opt-in', () => {
  it.each([
    ['that names no day', {}],
    ['that names a day before', { effectiveFrom: '2026-01-01' }],
  ])('%s takes effect at its append', (_, data) => {
    given(APPENDED)
      .when(optIn('2026-05-31T08:00:00Z', data))
      .then({
        kind: 'opted-in',
        data: { effective: '2026-06-01T12:00:00.000Z', businessTime: '2026-05-31T08:00:00.000Z', setBy: 'member' },
      });
  });

  it('counts as said at its append if the clock of the payer runs ahead, so that a later opt-out wins', () => {
    const at = '2026-06-01T12:00:00.000Z';
    given(APPENDED)
      .when(optIn('2026-06-01T12:04:00Z'))
      .then({ kind: 'opted-in', data: { effective: at, businessTime: at, setBy: 'member' } });
  });
});

describe('A71 a withdrawal of an opt-out that a file stated', () => {
  const file = (asOf: string) => ({ source: 'portal', batch: `b-${asOf}`, asOf });
  const withdrawn = (asOf: string, data: object = {}): PayerEvent =>
    said('payer.opt-out-withdrawn.v1', `${asOf}T00:00:00Z`, { scope: 'global', file: file(asOf), ...data });
  const rowOf = (event: PayerEvent): unknown =>
    (decideConsentEvent(event, APPENDED, { days: new PayerDays(['UTC']) }) as { data: { row?: string } }).data.row;

  it('takes effect at its append, and not before the day of its file', () => {
    const row = optOutRow(withdrawn('2026-05-01'))!;
    for (const [asOf, effective] of [
      ['2026-05-01', '2026-06-01T12:00:00.000Z'],
      ['2026-07-01', '2026-07-01T00:00:00.000Z'],
    ] as const)
      given(APPENDED)
        .when({ ...withdrawn(asOf), time: '2026-05-01T00:00:00Z' } as PayerEvent)
        .then({
          kind: 'opt-out-withdrawn',
          data: { row, effective, businessTime: '2026-05-01T00:00:00.000Z', file: file(asOf) },
        });
  });

  it('names the row that the opt-out of the file has, and that of no other source, member or reach', () => {
    const row = rowOf(withdrawn('2026-05-01'));
    const out = (data: object): PayerEvent =>
      said('payer.member-opted-out.v2', '2026-04-01T00:00:00Z', { scope: 'global', setBy: 'member', ...data });
    expect(rowOf(out({ file: file('2026-04-01'), channel: 'mail' }))).toBe(row);
    expect(rowOf(out({}))).toBeUndefined();
    const others = [
      out({ file: { ...file('2026-04-01'), source: 'mail' } }),
      { ...out({ file: file('2026-04-01') }), subject: 'm2' } as PayerEvent,
      out({ file: file('2026-04-01'), scope: 'provider-specific', targets: [{ npi: '1000000004' }] }),
    ];
    for (const other of others) expect(rowOf(other)).not.toBe(row);
  });
});

it('a merge joins the statements of both ids', () => {
  given(APPENDED)
    .when(said('payer.members-merged.v1', '2026-05-31T08:00:00Z', { from: 'm0' }))
    .then({ kind: 'merged', members: ['m1', 'm0'] });
});

describe('N9 a representative whose authority has ended', () => {
  const days = new PayerDays(['America/Chicago']);
  const by = (until?: string): object => ({
    setBy: 'personal-representative',
    proof: { kind: 'parent', reference: '12', verifiedBy: 'us', ...(until !== undefined && { until }) },
  });
  it.each<[string, string | undefined, string, boolean]>([
    ['on its last day', '2026-05-31', '2026-06-01T04:59:59Z', true],
    ['after its last day', '2026-05-31', '2026-06-01T05:00:00Z', false],
    ['before its instant', '2026-05-31T08:00:00Z', '2026-05-31T07:59:59Z', true],
    ['after its instant', '2026-05-31T08:00:00Z', '2026-05-31T08:00:00Z', false],
    ['without an end', undefined, '2026-06-01T05:00:00Z', true],
    ['that has no end', '9999-12-31', '2026-06-01T05:00:00Z', true],
  ])('gives no access: %s', (_what, until, time, isTaken) => {
    const fault = faultOfOptIn(said('payer.member-opted-in.v2', time, { scope: 'global', ...by(until) }), days);
    expect(fault === undefined).toBe(isTaken);
    if (fault !== undefined) expect(fault.detail).toContain('data.proof.until');
    // An opt-out counts in any case, and its receipt says that no proof holds.
    const out = said('payer.member-opted-out.v2', time, { scope: 'global', ...by(until) });
    const statement = decideConsentEvent(out, APPENDED, { days });
    expect(statement).toMatchObject({ kind: 'opted-out', data: { scope: 'global' } });
    expect('note' in statement ? statement.note : undefined).toBe(isTaken ? undefined : 'no-proof');
  });
});

it.each([
  ['privacy-concern', { reason: 'privacy-concern' }],
  ['other', { reason: 'other' }],
  ['my neighbour works there', { reason: 'other', reasonText: 'my neighbour works there' }],
  ['Privacy-Concern', { reason: 'other', reasonText: 'Privacy-Concern' }],
])('N8 the reason %s is kept', (reason, kept) => {
  for (const type of ['payer.member-opted-out.v2', 'payer.member-opted-in.v2']) {
    const event = said(type, '2026-05-31T08:00:00Z', { scope: 'global', setBy: 'member', reason });
    expect(decideConsentEvent(event, APPENDED, { days: new PayerDays(['UTC']) })).toMatchObject({ data: kept });
  }
});
