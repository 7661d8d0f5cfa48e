import { describe, expect, it } from 'vitest';
import { PA_AUDIT } from '@provider-access/events';
import { openMemoryLog } from '@provider-access/eventlog/memory';
import { ProjectionSet } from '@provider-access/views';
import { openMemoryViews } from '@provider-access/views/memory';
import { Audit, type AuditEntry } from './audit.ts';
import { disclosures, disclosuresOf } from './disclosures.ts';

const clock = { now: () => Date.UTC(2026, 0, 1) };
const entry = (members: string[], client = 'c1'): AuditEntry => ({ client, action: 'read', outcome: 'released', members, resources: 1, types: ['Patient'] });

describe('audit', () => {
  it('is durable when record resolves; concurrent calls share appends', async () => {
    const log = openMemoryLog();
    let appends = 0;
    const { append } = log;
    log.append = (...args) => {
      appends++;
      return append.apply(log, args);
    };
    const audit = new Audit({ log, clock });
    await Promise.all(Array.from({ length: 100 }, (_, i) => audit.record(entry([`m${i}`]))));
    expect(appends).toBe(1);
    await audit.record(entry(['m']));
    expect((await log.head([PA_AUDIT]))[PA_AUDIT]!.reduce((a, b) => a + b)).toBe(101);
    await log.close();
  });

  it('refuses with 503 when it cannot be recorded, and records again afterwards', async () => {
    const log = openMemoryLog();
    const audit = new Audit({ log, clock });
    log.faults.away = true;
    await expect(audit.record(entry(['m1']))).rejects.toMatchObject({ kind: 'unavailable', status: 503 });
    log.faults.away = false;
    await audit.record(entry(['m1']));
    await log.close();
  });

  it('lists what was disclosed of a member, each once, and nothing of others', async () => {
    const [log, views] = [openMemoryLog(), openMemoryViews()];
    const set = new ProjectionSet({ log, views, projections: [disclosures] });
    await set.start();
    const audit = new Audit({ log, clock });
    await audit.record(entry(['m1', 'm2', 'm1']));
    await audit.record({ ...entry([], 'c2'), outcome: 'refused', reason: 'not-attributed' });
    const reader = views.reader(disclosures);
    expect(await reader.waitFor(await log.head([PA_AUDIT]), 60_000)).toBe(true);
    expect(await disclosuresOf(reader, 'm1', 10)).toEqual([{ client: 'c1', action: 'read', outcome: 'released', resources: 1, types: ['Patient'], member: 'm1', at: '2026-01-01T00:00:00.000Z' }]);
    expect(await disclosuresOf(reader, 'm3', 10)).toEqual([]);
    expect(await reader.count()).toBe(2);
    await set.stop();
    await log.close();
  });
});
