import { AUDIT_ACTIONS, type AuditAction } from '@provider-access/events';
import { describe, expect, it } from 'vitest';
import { accountingDocument } from './accounting.ts';
import type { DisclosureOf } from './disclosures.ts';

const one = (changes: Partial<DisclosureOf>): DisclosureOf => ({
  id: 'one',
  client: 'c1',
  action: 'read',
  outcome: 'released',
  member: 'm1',
  resources: 1,
  types: ['Condition'],
  purpose: 'TREAT',
  agent: { name: 'Clinic', providers: ['npi|1999999984'] },
  at: '2026-01-02T03:04:05.678Z',
  ...changes,
});
const page = (...disclosures: readonly DisclosureOf[]): string =>
  accountingDocument({ member: 'm1', payer: 'A & B', madeAt: '2026-02-01T00:00:00.000Z', disclosures });

describe('the accounting of disclosures', () => {
  it('has date, recipient, content and purpose of each release, and nothing that was refused', () => {
    const text = page(one({}), one({ outcome: 'refused', reason: 'opted-out' }), one({ action: 'explain' }));
    for (const part of ['2026-01-02 03:04:05', 'Clinic', 'NPI 1999999984', 'Condition (1), read', 'Treatment (TREAT)'])
      expect(text).toContain(part);
    expect(text.match(/<tr><td>/g)).toHaveLength(1);
    expect(text).not.toContain('opted-out');
  });

  it('says which releases had wrong data, by the name of the recall', () => {
    const text = page(one({ recalled: ['recall.<1>', 'recall.2'] }), one({}));
    expect(text.match(/Had wrong data: recall recall\.&#60;1&#62;, recall\.2/g)).toHaveLength(1);
    expect(text.match(/<tr><td>/g)).toHaveLength(2);
  });

  it('has every way in which a member is given to somebody, and none in which nothing leaves', () => {
    const outside = ['read', 'vread', 'history', 'search', 'group-read', 'group-search', 'download'] as const;
    const inside = ['export-requested', 'token', 'explain'] as const;
    const text = page(...[...outside, ...inside].map((action) => one({ action })));
    expect(text.match(/<tr><td>/g)).toHaveLength(outside.length);
  });

  it('tells that a search asked about the member and found nothing', () => {
    expect(page(one({ action: 'search', resources: 0 }))).toContain('Condition (0), asked about by a search');
    expect(page(one({ action: 'search' }))).toContain('Condition (1), found by a search');
  });

  it('escapes every text, whoever wrote it', () => {
    const evil = `"><script>alert(1)</script>&'\u0000\u202e\``;
    const text = accountingDocument({
      member: evil,
      payer: evil,
      madeAt: '2026-02-01T00:00:00.000Z',
      disclosures: [
        one({
          client: evil,
          types: [evil],
          job: evil,
          purpose: evil,
          agent: { name: evil, providers: [evil] },
        }),
        one({ client: evil, agent: undefined }),
      ],
    });
    expect(text).not.toMatch(/<script|alert\(1\)<\//);
    // No tag and no attribute but those of the page itself.
    const tags = new Set(text.match(/<\/?[a-z0-9]+/g));
    const own = new Set(page(one({})).match(/<\/?[a-z0-9]+/g));
    expect([...tags].filter((tag) => !own.has(tag))).toEqual([]);
    expect(text.split('\u0000')).toHaveLength(1);
  });

  it('is wholly Spanish on request, but for types, codes and names', () => {
    const actions = Object.keys(AUDIT_ACTIONS) as readonly AuditAction[];
    const disclosures = [
      ...actions.map((action) => one({ action, job: 'j1', types: [] })),
      one({ action: 'search', resources: 0, recalled: ['r1'], agent: { name: 'Clinic', providers: [], more: 3 } }),
      one({ agent: undefined, purpose: 'HOPERAT' }),
      one({ purpose: undefined as never }),
    ];
    const of = (language: 'en' | 'es', listed = disclosures): readonly string[] =>
      accountingDocument({
        member: 'm1',
        payer: 'P',
        language,
        madeAt: '2026-02-01T00:00:00.000Z',
        disclosures: listed,
      })
        .replace(/<style>[^]*<\/style>/, '')
        .replaceAll(/<[^>]*>/g, '\n')
        .replaceAll(/\(TREAT\)|\(HOPERAT\)|\b(?:m1|c1|j1|r1|UTC|NPI|Clinic|Condition|P|[\d:-]+)\b/g, '')
        .split(/[\n,()]/)
        .map((part) => part.trim())
        .filter((part) => /\p{L}/u.test(part));
    const [english, spanish] = [of('en'), of('es')];
    expect(spanish).toHaveLength(english.length);
    expect(english.filter((part, i) => part === spanish[i])).toEqual([]);
    expect(of('es', []).at(-1)).toBe('No se divulgó nada en este período.');
    expect(page(one({}))).toContain('<html lang="en">');
  });

  it('needs nothing from outside', () => {
    expect(page(one({})).match(/(?:src=|href=|url\(|@import)/g)).toBeNull();
    expect(page()).toContain('Nothing was disclosed');
  });
});
