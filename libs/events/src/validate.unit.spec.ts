import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PAYER_EVENTS } from './payer-events.ts';
import { FUTURE_ALLOWANCE_MS, isInFuture, readPayerEvent } from './validate.ts';

const NOW = Date.parse('2026-03-01T00:00:00Z');
const event = (type: string, data: unknown, time = '2026-02-01T00:00:00Z') => ({ id: 'e', source: 's', type, time, subject: 'm', data });

describe('readPayerEvent', () => {
  it('gives typed data with defaults', () => {
    expect(readPayerEvent(event('payer.member-opted-out.v1', {}))).toEqual({ ok: true, type: 'payer.member-opted-out.v1', data: { scope: 'global', setBy: 'member' } });
  });

  it.each(['payer.member-opted-out.v2', 'pa.opted-out.v1', 'toString', '__proto__', ''])('does not know %s', (type) => {
    expect(readPayerEvent(event(type, {}))).toMatchObject({ ok: false, reason: 'unknown-type' });
  });

  it.each([
    ['payer.member-enrolled.v1', { from: '2026-01-01' }, 'data.coverageId'],
    ['payer.member-enrolled.v1', { coverageId: 'c', from: '01/02/2026' }, 'data.from'],
    ['payer.member-enrolled.v1', { coverageId: 'c', from: '2026-13-01' }, 'data.from'],
    ['payer.members-merged.v1', { from: 'has spaces' }, 'data.from'],
    ['payer.attribution-asserted.v1', { provider: {}, from: '2026-01-01' }, 'data.provider'],
    ['payer.attribution-asserted.v1', { provider: { npi: '123' }, from: '2026-01-01' }, 'data.provider.npi'],
    ['payer.member-opted-out.v1', { scope: 'sometimes' }, 'data.scope'],
    ['payer.member-opted-out.v1', { scope: 'provider-specific', targets: [{ npi: '1234567893' }, { npi: 'x' }] }, 'data.targets.1.npi'],
    ['payer.resource-recorded.v1', { resource: 'Patient' }, 'data.resource'],
    ['payer.resource-deleted.v1', { resourceType: '', id: 'x', sequence: -1 }, 'data.resourceType'],
    ['payer.network-status-changed.v1', null, 'data:'],
  ])('names the path in %s', (type, data, path) => {
    const result = readPayerEvent(event(type, data));
    expect(result).toMatchObject({ ok: false, reason: 'schema' });
    expect(!result.ok && result.detail).toContain(path);
  });

  it('never repeats a value', () => {
    const secret = 'Sensitive-Value-4711';
    const places = fc.constantFrom('coverageId', 'from', 'to', 'provider', 'scope', 'targets', 'resource', 'id', 'npi', 'status', 'setBy', 'sequence');
    const value = fc.constantFrom<unknown>(`${secret} `, [`${secret} `], { npi: `${secret} ` }, [{ npi: secret }]);
    fc.assert(fc.property(fc.constantFrom(...Object.keys(PAYER_EVENTS)), fc.dictionary(places, value), (type, data) => {
      const result = readPayerEvent(event(type, data));
      if (!result.ok) expect(result.detail).not.toContain(secret);
    }));
  });

  it('says how much more is wrong instead of listing it all', () => {
    const result = readPayerEvent(event('payer.member-opted-out.v1', { scope: 'provider-specific', targets: Array.from({ length: 50 }, () => ({ npi: 'x' })) }));
    expect(!result.ok && result.detail).toMatch(/and 45 more$/);
  });

  it('refuses a time that would win over everything until it comes', () => {
    const late = new Date(NOW + FUTURE_ALLOWANCE_MS + 1).toISOString();
    const just = new Date(NOW + FUTURE_ALLOWANCE_MS).toISOString();
    expect(readPayerEvent(event('payer.member-opted-in.v1', {}, late), { now: NOW })).toMatchObject({ ok: false, reason: 'time-in-future' });
    expect(readPayerEvent(event('payer.member-opted-in.v1', {}, just), { now: NOW })).toMatchObject({ ok: true });
    expect(readPayerEvent(event('payer.member-opted-in.v1', {}, late))).toMatchObject({ ok: true });
    expect(isInFuture('2026-03-01T02:00:00+02:00', NOW)).toBe(false);
  });
});
