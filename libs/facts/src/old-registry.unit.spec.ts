import { describe, expect, it } from 'vitest';
import { encodeEvent, PA_REGISTRY } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { ClientDetails } from './client-details.ts';
import { Registrations } from './registrations.ts';

const NPI = 'npi|1234567893';
const at = (hour: number): string => new Date(Date.UTC(2026, 0, 1, hour)).toISOString();

/** The topic as 0.2.0 wrote it: no intervals, no codes of reasons, no notes, and registrations before any decision. */
const APPS: Readonly<Record<string, readonly (readonly [type: string, data: object])[]>> = {
  submitted: [],
  approved: [['approved', { providers: [NPI], scope: 'system/*.rs', reason: 'Contract 7' }]],
  rejected: [['rejected', { reason: 'because I say so' }]],
  suspended: [
    ['approved', { providers: [NPI], scope: 'system/Patient.rs' }],
    ['suspended', { reason: 'the key leaked' }],
  ],
};

describe('P34: the registry of an earlier release', () => {
  const details = new ClientDetails();
  const registry = new Registrations(details);
  let offset = 0;
  for (const [client, decisions] of Object.entries(APPS)) {
    const registered = {
      ...{ name: `App ${client}`, npis: ['1234567893'], tins: ['123456789'], contacts: ['a@b.example'] },
      ...{ jwks: { keys: [{ kid: 'k1' }] }, scope: 'system/*.rs', registrationTokenHash: 'h', registeredAt: at(0) },
    };
    [['registered', registered] as const, ...decisions].forEach(([type, data], i) => {
      const about = { id: `${client}/${i + 1}`, source: 'urn:test', subject: client, time: at(i) };
      const { key, value, headers } = encodeEvent({
        ...about,
        type: `pa.app-${type}.v1`,
        data: { client, by: '0a1b2c3d', ...data },
      });
      const more = { ...headers, pa_stream: `client/${client}`, pa_version: String(i + 1) };
      const place = { topic: PA_REGISTRY, partition: 0, offset: offset++ };
      registry.evolve({ ...place, key, value, headers: more, timestamp: 0 } as unknown as LogRecord);
    });
  }

  it.each(Object.keys(APPS))('P34: has the app that is %s, with all that was registered and decided', (status) => {
    const app = details.get(status)!;
    expect(app).toMatchObject({
      ...{ status, name: `App ${status}`, npis: ['1234567893'], tins: ['123456789'], contacts: ['a@b.example'] },
      ...{ jwks: { keys: [{ kid: 'k1' }] }, requestedScope: 'system/*.rs', registrationTokenHash: 'h' },
    });
    const decisions = APPS[status]!;
    expect(app.history).toMatchObject([
      { status: 'submitted', at: at(0) },
      ...decisions.map(([type, data], i) => ({
        ...{ status: type, at: at(i + 1), by: '0a1b2c3d' },
        ...('reason' in data && { reason: data.reason }),
      })),
    ]);
    expect(app.history).toHaveLength(decisions.length + 1);
  });

  it('P34: decides by it as before', () => {
    expect(registry.get('approved')).toMatchObject({ status: 'approved', scope: 'system/*.rs' });
    expect(registry.get('suspended')).toMatchObject({ status: 'suspended', scope: 'system/Patient.rs' });
    expect([registry.get('submitted'), registry.get('rejected')]).toEqual([undefined, undefined]);
  });
});
