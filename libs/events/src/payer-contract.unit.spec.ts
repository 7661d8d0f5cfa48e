import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAYER_EVENTS } from './payer-events.ts';
import { CLOCK_TOLERANCE_MS, PAYER_CONTRACT } from './payer-contract.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');
const event = (type: string, data: unknown, time = '2026-02-01T00:00:00Z') => ({
  id: 'e',
  source: 's',
  type,
  time,
  subject: 'm',
  data,
});

const read = (type: string, data: unknown, over: object = {}, now?: number) =>
  PAYER_CONTRACT.read({ ...event(type, data), ...over }, now);

describe('PayerContract', () => {
  it('gives typed data with defaults', () => {
    expect(read('payer.member-opted-out.v1', {})).toMatchObject({
      ok: true,
      event: { type: 'payer.member-opted-out.v1', data: { scope: 'global', setBy: 'member' } },
    });
  });

  it.each(['payer.member-opted-out.v3', 'pa.opted-out.v1', 'toString', '__proto__', ''])('does not know %s', (type) => {
    expect(read(type, {})).toMatchObject({ ok: false, fault: { reason: 'unknown-event-type' } });
  });

  // U15. Made by hand: names that people wrote, and the type that they meant.
  it.each([
    ['payer.member-optd-out.v1', 'payer.member-opted-out.v1'],
    ['payer.member-opt-out.v1', 'payer.member-opted-out.v1'],
    ['payer.member-opted-out', 'payer.member-opted-out.v2'],
    ['payer.member-opted-out.v9', 'payer.member-opted-out.v2'],
    ['member-opted-in.v1', 'payer.member-opted-in.v1'],
    ['Payer.MemberOptedOut.v1', 'payer.member-opted-out.v1'],
    ['payer.member_enrolled.v1', 'payer.member-enrolled.v1'],
    ['payer.ressource-recorded.v1', 'payer.resource-recorded.v1'],
    ['payer.network-status.v1', 'payer.network-status-changed.v1'],
    ['payer.atribution-asserted.v1', 'payer.attribution-asserted.v1'],
  ])('for %s names %s', (type, meant) => {
    expect(read(type, {})).toMatchObject({
      fault: { detail: `this event type is not known; did you mean ${meant}? The AsyncAPI document lists them all` },
    });
  });
  it.each([
    ["another system's name", 'com.example.invoice-paid.v1'],
    ['one letter', 'x'],
    ['nothing', ''],
    ['the first word', 'payer'],
    ['a long text', 'a'.repeat(100_000)],
  ])('for %s names none', (_, type) => {
    expect(read(type, {})).toMatchObject({
      fault: { detail: 'this event type is not known; the AsyncAPI document lists them all' },
    });
  });

  it.each([
    ['payer.member-enrolled.v1', { from: '2026-01-01' }, 'data.coverageId'],
    ['payer.member-enrolled.v1', { coverageId: 'c', from: '01/02/2026' }, 'data.from'],
    ['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-13-01' }, 'data.from'],
    ['payer.members-merged.v1', { from: 'has spaces' }, 'data.from'],
    ['payer.attribution-asserted.v1', { provider: {}, from: '2026-01-01' }, 'data.provider'],
    ['payer.attribution-asserted.v1', { provider: { npi: '123' }, from: '2026-01-01' }, 'data.provider.npi'],
    ['payer.member-opted-out.v1', { scope: 'sometimes' }, 'data.scope'],
    [
      'payer.member-opted-out.v1',
      { scope: 'provider-specific', targets: [{ npi: '1234567893' }, { npi: 'x' }] },
      'data.targets.1.npi',
    ],
    ['payer.resource-recorded.v1', { resource: 'Patient' }, 'data.resource'],
    ['payer.resource-deleted.v1', { resourceType: '', id: 'x', sequence: -1 }, 'data.resourceType'],
    ['payer.network-status-changed.v1', null, 'data:'],
  ])('names the path in %s', (type, data, path) => {
    const result = read(type, data);
    expect(result).toMatchObject({
      ok: false,
      fault: { reason: path === 'data.resource' ? 'not-a-resource' : 'invalid-data' },
    });
    expect(!result.ok && result.fault.detail).toContain(path);
  });

  it('never repeats a value', () => {
    const secret = 'Sensitive-Value-4711';
    const places = fc.constantFrom(
      'coverageId',
      'from',
      'to',
      'provider',
      'scope',
      'targets',
      'resource',
      'id',
      'npi',
      'status',
      'setBy',
      'sequence',
    );
    const value = fc.constantFrom<unknown>(`${secret} `, [`${secret} `], { npi: `${secret} ` }, [{ npi: secret }]);
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(PAYER_EVENTS)), fc.dictionary(places, value), (type, data) => {
        const result = read(type, data);
        if (!result.ok) expect(result.fault.detail).not.toContain(secret);
      }),
    );
  });

  it('says how much more is wrong instead of listing it all', () => {
    const result = read('payer.member-opted-out.v1', {
      scope: 'provider-specific',
      targets: Array.from({ length: 50 }, () => ({ npi: 'x' })),
    });
    expect(!result.ok && result.fault.detail).toMatch(/and 45 more$/);
  });

  it('refuses a time that would win over everything until it comes', () => {
    const at = (ms: number) => ({ time: new Date(ms).toISOString() });
    const optIn = (ms: number, now?: number) => read('payer.member-opted-in.v1', {}, at(ms), now);
    expect(optIn(NOW + CLOCK_TOLERANCE_MS + 1, NOW)).toMatchObject({ ok: false, fault: { reason: 'time-in-future' } });
    expect(optIn(NOW + CLOCK_TOLERANCE_MS, NOW)).toMatchObject({ ok: true });
    expect(optIn(NOW + CLOCK_TOLERANCE_MS + 1)).toMatchObject({ ok: true });
  });

  it.each([
    ['no subject', { subject: undefined }, 'missing-subject'],
    ['an empty subject', { subject: '' }, 'missing-subject'],
    ['a subject that is no id', { subject: 'Patient/1 x' }, 'invalid-subject'],
    ['the id that the platform keeps for itself', { subject: 'shared' }, 'reserved-subject'],
    ['an id of 257 characters', { id: 'x'.repeat(257) }, 'not-a-cloudevent'],
    ['a source of 257 characters', { source: 'x'.repeat(257) }, 'not-a-cloudevent'],
  ])('refuses %s', (_what, over, reason) => {
    const result = read('payer.member-opted-out.v1', {}, over);
    expect(result).toMatchObject({ ok: false, fault: { reason } });
    expect(JSON.stringify(result)).not.toMatch(/Patient|xxx/);
  });
});

// By hand from docs/dead-letters.md and ADR 0015. Only what can have given access, and nothing else, denies nobody.
it('a dead letter denies by its type', () => {
  expect(Object.entries(PAYER_EVENTS).map(([type, { denies }]) => [type, denies])).toEqual([
    ['payer.resource-recorded.v1', 'member'],
    ['payer.resource-deleted.v1', 'member'],
    ['payer.prior-authorization-changed.v1', 'nobody'],
    ['payer.member-enrolled.v1', 'member'],
    ['payer.member-changed.v1', 'member'],
    ['payer.member-terminated.v1', 'member'],
    ['payer.members-merged.v1', 'member'],
    ['payer.notice-sent.v1', 'nobody'],
    ['payer.notice-returned.v1', 'member'],
    ['payer.attribution-asserted.v1', 'nobody'],
    ['payer.attribution-ended.v1', 'member'],
    ['payer.member-opted-out.v1', 'member'],
    ['payer.member-opted-in.v1', 'member'],
    ['payer.member-opted-out.v2', 'member'],
    ['payer.member-opted-in.v2', 'member'],
    ['payer.opt-out-withdrawn.v1', 'member'],
    ['payer.provider-recorded.v1', 'nobody'],
    ['payer.network-status-changed.v1', 'source'],
    ['payer.list-changed.v1', 'nobody'],
    ['payer.file-imported.v1', 'nobody'],
  ]);
});
