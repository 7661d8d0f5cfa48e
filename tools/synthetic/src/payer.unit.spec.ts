import { PAYER_EVENTS, type PayerEventType } from '@provider-access/events';
import { checkShape, type FhirResource, FHIR_ID } from '@provider-access/fhir';
import { findMoney, redact } from '@provider-access/domain/pdex';
import { describe, expect, it } from 'vitest';
import { syntheticPayer } from './payer.ts';

const asOf = '2026-11-24T12:00:00Z';
const payer = (members: number, seed: string | number = 's1') => syntheticPayer({ seed, members, asOf });
const json = <T>(value: T): T => JSON.parse(JSON.stringify(value)) as T;

describe('syntheticPayer', () => {
  it('tells the same story of a member whatever the number of members, and in whatever order it is asked', () => {
    const few = payer(10);
    const many = payer(50_000_000);
    many.memberEvents(41_234_567);
    for (const n of [7, 3, 10]) expect(many.memberEvents(n)).toEqual(few.memberEvents(n));
  });

  it('tells another story for another seed and another member', () => {
    expect(json(payer(10, 's2').memberEvents(7).events)).not.toEqual(json(payer(10).memberEvents(7).events));
    expect(payer(10, 1).memberEvents(7).member.mbi).not.toBe(payer(10, 2).memberEvents(7).member.mbi);
    expect(payer(10).memberEvents(8).member.mbi).not.toBe(payer(10).memberEvents(7).member.mbi);
  });

  it('streams any number of members a window at a time', () => {
    const stream = payer(50_000_000).events();
    const seen = new Set<string>();
    for (let i = 0; i < 1_500; i++) seen.add(stream.next().value!.subject!);
    expect(seen).toContain('m-000010');
    expect(seen).not.toContain('m-000021');
  });

  it('streams what the members say, each in its order, and lets members overlap', () => {
    const p = payer(25);
    const events = [...p.events()];
    const roster = [...p.providerEvents()];
    expect(events.slice(0, roster.length)).toEqual(roster);
    let switches = 0;
    for (let i = roster.length + 1; i < events.length; i++)
      if (events[i]!.subject !== events[i - 1]!.subject) switches++;
    expect(switches).toBeGreaterThan(events.length / 5);
    const ofOne = events.filter((e) => e.subject === 'm-000013');
    expect(ofOne).toEqual(p.memberEvents(13).events);
    expect(new Set(events.slice(roster.length).map((e) => e.subject)).size).toBe(25);
  });

  it('is the payer of the chosen members only, when their numbers are given', () => {
    const whole = payer(25);
    const some = syntheticPayer({ seed: 's1', members: [13, 4], asOf });
    const events = [...some.events()];
    expect(events).toHaveLength(
      [...whole.providerEvents()].length + whole.memberEvents(13).events.length + whole.memberEvents(4).events.length,
    );
    for (const n of [13, 4])
      expect(events.filter((e) => e.subject === whole.memberEvents(n).member.id)).toEqual(whole.memberEvents(n).events);
    expect([...some.ledger.members()].map((m) => m.n)).toEqual([13, 4]);
    expect(some.ledger.summary().members).toBe(2);
    const chosen = (npi: string) =>
      [...whole.ledger.visibleMembers(npi)].map((m) => m.n).filter((n) => n === 13 || n === 4);
    for (const { npi } of whole.providerOrganizations)
      expect([...some.ledger.visibleMembers(npi)].map((m) => m.n).sort()).toEqual(chosen(npi).sort());
  });

  it('streams nothing but the roster for no members', () => {
    const p = payer(0);
    expect([...p.events()]).toEqual([...p.providerEvents()]);
    expect(p.ledger.summary()).toMatchObject({ members: 0, resources: 0 });
  });

  it.each([
    ['half a member', { members: 1.5 }],
    ['less than none', { members: -1 }],
    ['no instant', { asOf: 'today' }],
    ['a past before CMS-0057', { asOf: '2010-01-01T00:00:00Z' }],
    ['an empty window', { window: 0 }],
  ])('refuses %s', (_, wrong) =>
    expect(() => syntheticPayer({ seed: 1, members: 1, asOf, ...wrong })).toThrow(RangeError),
  );
  it('has no member 0', () => expect(() => payer(1).memberEvents(0)).toThrow(RangeError));

  it('publishes events that keep the contract, none of the future; only what is meant to be broken is broken', () => {
    const p = syntheticPayer({ seed: 's1', members: 25, asOf, unreadableOptOuts: [5] });
    const ids = new Set<string>();
    const check = (type: string, data: unknown): boolean =>
      PAYER_EVENTS[type as PayerEventType].schema.safeParse(json(data)).success;
    for (const e of p.providerEvents()) expect(check(e.type, e.data)).toBe(true);
    for (let n = 1; n <= 25; n++) {
      const story = p.memberEvents(n);
      story.events.forEach((e, i) => {
        const expected = story.expected[i]!;
        const unreadable = expected.fault === 'resource-not-an-object' || expected.fault === 'unreadable-opt-out';
        if (check(e.type, e.data) === unreadable) throw new Error(`${e.id} ${e.type} ${expected.fault ?? 'no fault'}`);
        expect(Date.parse(e.time)).toBeLessThan(Date.parse(asOf));
        expect(e.subject).toBe(story.member.id);
        if (expected.outcome !== 'unchanged') ids.add(`${e.source} ${e.id}`);
      });
      expect(story.published).toEqual([...story.published].sort((a, b) => a - b));
    }
    expect(ids.size).toBeGreaterThan(5_000);
  });

  it('writes resources of base R4 with ids of FHIR, claims and coverages full of money that redaction finds', () => {
    const p = payer(10);
    const all: FhirResource[] = p.roster.resources.map(json);
    for (let n = 1; n <= 10; n++) for (const { resource } of p.memberEvents(n).held.values()) all.push(json(resource));
    for (const resource of all) {
      expect(checkShape(resource)).toEqual([]);
      expect(resource.id).toMatch(FHIR_ID);
      if (resource.resourceType !== 'ExplanationOfBenefit' && resource.resourceType !== 'Coverage') continue;
      expect(findMoney(resource).length).toBeGreaterThan(0);
      const kept = redact(resource).resource;
      expect(findMoney(kept)).toEqual([]);
      expect(checkShape(kept)).toEqual([]);
    }
  });
});
