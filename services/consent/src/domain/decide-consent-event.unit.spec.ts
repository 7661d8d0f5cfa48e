import { describe, it } from 'vitest';
import { PayerDays } from '@provider-access/domain/pdex/days';
import type { PayerEvent } from '@provider-access/events';
import { deciding } from '@provider-access/process/testing';
import { decideConsentEvent } from './decide-consent-event.ts';

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

it('a merge joins the statements of both ids', () => {
  given(APPENDED)
    .when(said('payer.members-merged.v1', '2026-05-31T08:00:00Z', { from: 'm0' }))
    .then({ kind: 'merged', members: ['m1', 'm0'] });
});
