import { MEMBERS } from './payer.ts';
import { JSON_TYPE } from './request-parts.ts';

/**
 * Questions about the past. They read the statements of the member, and of the parties that a decision may ask for, and
 * nothing of other members (APPS.md P13).
 */
export function pastInputs(client: string, member: string) {
  const now = Date.now();
  const at = new Date(now).toISOString();
  const from = new Date(now - 60_000).toISOString();
  const by = 'administrator' as const;
  // The first member has a thousand records, of which each answer counts the withheld ones.
  const other = MEMBERS.at(-1)!;
  const bytes = 20_000;
  const labels = { method: 'POST', headers: JSON_TYPE, body: '{"files":[]}', status: 400 } as const;
  return {
    'GET /ops/explain': [
      { url: `/ops/explain?client=${client}&member=${member}`, by, most: { rows: 1_200 } },
      { url: `/ops/explain?client=${client}&member=${other}&at=${at}&known=now`, by, most: { rows: 40 } },
      { url: `/ops/explain?client=${client}&member=${other}&at=${at}`, by, most: { rows: 40 } },
    ],
    'POST /ops/explain/labels': [{ url: '/ops/explain/labels', by, ...labels }],
    'GET /ops/explain/apps': [
      { url: `/ops/explain/apps?member=${member}&from=${from}`, by, most: { rows: 40, bytes } },
    ],
    'GET /ops/explain/timeline': [
      { url: `/ops/explain/timeline?member=${member}&from=${from}`, by, most: { rows: 40, bytes } },
    ],
    'GET /ops/evidence': [{ url: '/ops/evidence', by, most: { rows: 6_000, bytes: 100_000 } }],
    'GET /ops/evidence/apps/{client}': [{ url: `/ops/evidence/apps/${client}`, by, most: { rows: 10, bytes } }],
    'GET /ops/evidence/signatures/{sha256}': [
      { url: `/ops/evidence/signatures/${'0'.repeat(64)}`, by, status: 404, most: { bytes } },
    ],
    'GET /ops/explain/members': [
      { url: `/ops/explain/members?client=${client}&at=${at}`, by, most: { rows: 4 * MEMBERS.length, bytes } },
    ],
  };
}
