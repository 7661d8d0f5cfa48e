import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { AUDIT_ACTIONS, type Disclosure, namesOf } from '@provider-access/events';
import { auditEvent } from './audit-event.ts';

/** A program that takes NDJSON files and prints a line of JSON for each resource with issues (HL7's validator). */
const validator = process.env['FHIR_VALIDATOR'] ?? '';

/** Entries of every action and outcome, about nobody, one member and two, of this release and of earlier ones. */
function* entries(): Generator<Disclosure> {
  for (const action of namesOf(AUDIT_ACTIONS))
    for (const outcome of ['released', 'refused'] as const)
      for (const members of [[], ['m1'], ['m1', 'm2']])
        for (const earlier of [false, true])
          yield {
            client: 'c1',
            action,
            outcome,
            ...(outcome === 'refused' && { reason: 'opted-out' }),
            ...(outcome === 'refused' && members.length === 0 && { count: 3 }),
            members,
            resources: members.length,
            types: [action.startsWith('group') ? 'Group' : 'Condition'],
            at: '2026-01-01T00:00:00.000Z',
            ...(!earlier && {
              perMember: members.map(() => 1),
              purpose: 'TREAT',
              agent: { name: 'Clinic', providers: ['npi|1999999984', 'tin|123456789', 'org|x'] },
              basis: ['g2'],
              query: 'category=laboratory&patient',
            }),
            ...((action.startsWith('group') || action === 'download') && { group: 'g1' }),
            ...(action === 'download' && { job: 'j1', file: 'Condition-0.ndjson' }),
          };
}

// The packages of BALP are no npm packages, so the profiles are taken out and the resources checked against R4. The
// spec of the search (services/attribution) compares them with the published tables of the profiles.
describe.skipIf(validator === '')('AuditEvents of every kind (needs FHIR_VALIDATOR)', () => {
  it('are valid R4 by the validator of HL7', () => {
    const folder = mkdtempSync(join(tmpdir(), 'provider-access-audit-events-'));
    try {
      const file = join(folder, 'events.ndjson');
      const lines = [...entries()].map((disclosure, n) => {
        const id = `2026-01-01T00:00:00.000Z/${String(n).padStart(36, '0')}/0`;
        const { meta: _meta, ...event } = auditEvent({ id, disclosure }, 'https://pa.example');
        return JSON.stringify(event);
      });
      writeFileSync(file, `${lines.join('\n')}\n`);
      // Exit code 1 means errors, and throws with the issues.
      const said = execFileSync(validator, [file], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
      expect(said).not.toContain('"sev":"error"');
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 900_000);
});
