import type { DomainEvent } from '@provider-access/events';
import { checkShape, type FhirResource, isObject, isServedType, KNOWN_R4_TYPES } from '@provider-access/fhir';
import { beforeFloor } from '@provider-access/domain/pdex';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from './draft.ts';
import { ledgerOf, type LedgerSummary, type MemberLedger } from './ledger.ts';
import { syntheticPayer } from './payer.ts';

/**
 * A second, independent implementation of the rules (docs/architecture.md#the-life-of-an-event). It folds the events as
 * they come and does not know how they were made. The ledger must agree about every event and every member.
 */
interface Version {
  readonly time: number;
  readonly sequence: number;
  readonly content?: string;
}
class Replayer {
  readonly held = new Map<string, Map<string, Version>>();
  readonly outcomes = new Map<string, Outcome>();
  readonly coverage = new Map<string, { from: number; to: number }>();
  readonly attributions = new Map<string, { from: number; to: number }>();
  readonly optOut = new Map<string, { targets?: string[] } | null>();
  readonly network = new Map<string, string>();
  readonly #owners = new Map<string, string>();
  readonly #seen = new Set<string>();

  read(event: DomainEvent): Outcome {
    const key = `${event.source} ${event.id}`;
    if (this.#seen.has(key)) return 'unchanged';
    this.#seen.add(key);
    return this.#apply(
      event.type,
      event.subject!,
      JSON.parse(JSON.stringify(event.data)) as Record<string, unknown>,
      Date.parse(event.time),
    );
  }

  #apply(type: string, subject: string, data: Record<string, unknown>, time: number): Outcome {
    const npi = (data['provider'] as { npi: string } | undefined)?.npi;
    const at = (name: string): number =>
      typeof data[name] === 'string' ? Date.parse(data[name]) : Number.POSITIVE_INFINITY;
    switch (type) {
      case 'payer.member-enrolled.v1':
        this.coverage.set(subject, { from: at('from'), to: at('to') });
        break;
      case 'payer.member-terminated.v1':
        this.coverage.set(subject, { ...this.coverage.get(subject)!, to: at('to') });
        break;
      case 'payer.attribution-asserted.v1':
        this.attributions.set(`${subject} ${npi}`, { from: at('from'), to: at('to') });
        break;
      case 'payer.attribution-ended.v1':
        this.attributions.set(`${subject} ${npi}`, { ...this.attributions.get(`${subject} ${npi}`)!, to: at('to') });
        break;
      case 'payer.member-opted-out.v1':
        if (typeof data['scope'] !== 'string') return 'parked';
        this.optOut.set(
          subject,
          data['targets'] === undefined ? {} : { targets: (data['targets'] as { npi: string }[]).map((t) => t.npi) },
        );
        break;
      case 'payer.member-opted-in.v1':
        this.optOut.set(subject, null);
        break;
      case 'payer.network-status-changed.v1':
        this.network.set(data['npi'] as string, data['status'] as string);
        break;
      case 'payer.provider-recorded.v1':
        break;
      case 'payer.resource-deleted.v1':
        this.#hold(subject, `${data['resourceType'] as string}/${data['id'] as string}`, { time, sequence: 0 });
        break;
      default:
        return this.#resource(subject, data, time);
    }
    return 'recorded';
  }

  #resource(subject: string, data: Record<string, unknown>, time: number): Outcome {
    const resource = data['resource'];
    if (
      !isObject(resource) ||
      typeof resource['resourceType'] !== 'string' ||
      !KNOWN_R4_TYPES.has(resource['resourceType'])
    )
      return 'parked';
    if (!isServedType(resource['resourceType'])) return 'not-served';
    if (typeof resource['id'] !== 'string' || checkShape(resource).length > 0) return 'parked';
    const patient =
      resource['resourceType'] === 'Patient'
        ? resource['id']
        : (
            (resource['subject'] ?? resource['patient'] ?? resource['beneficiary']) as { reference: string } | undefined
          )?.reference.slice('Patient/'.length);
    if (patient !== undefined && patient !== subject) return 'parked';
    const about = `${resource['resourceType']}/${resource['id']}`;
    if ((this.#owners.get(about) ?? subject) !== subject) return 'parked';
    if (beforeFloor(resource as FhirResource)) return 'before-floor';
    this.#owners.set(about, subject);
    return this.#hold(subject, about, {
      time,
      sequence: (data['sequence'] as number | undefined) ?? 0,
      content: JSON.stringify(resource),
    });
  }

  #hold(subject: string, about: string, next: Version): Outcome {
    if (!this.held.has(subject)) this.held.set(subject, new Map());
    const mine = this.held.get(subject)!;
    const current = mine.get(about);
    if (current !== undefined && next.content === current.content) return 'unchanged';
    if (
      current !== undefined &&
      (next.time < current.time || (next.time === current.time && next.sequence < current.sequence))
    )
      return 'superseded';
    mine.set(about, next);
    return 'recorded';
  }

  visibleTo(member: string, now: number, npis: readonly string[]): string[] {
    const within = (i: { from: number; to: number } | undefined): boolean =>
      i !== undefined && i.from <= now && now < i.to;
    const out = this.optOut.get(member);
    if (!within(this.coverage.get(member)) || (out !== undefined && out !== null && out.targets === undefined))
      return [];
    return npis.filter(
      (npi) =>
        within(this.attributions.get(`${member} ${npi}`)) &&
        this.network.get(npi) === 'in-network' &&
        out?.targets?.includes(npi) !== true,
    );
  }
}

const asOf = '2026-11-24T12:00:00Z';
describe.each([
  ['ledger-1', 50],
  [4711, 12],
])('the ledger of seed %s', (seed, size) => {
  const payer = syntheticPayer({ seed, members: size, asOf });
  const members: MemberLedger[] = [];
  let summary: LedgerSummary;
  const replayer = new Replayer();
  const outcomes = { recorded: 0, unchanged: 0, superseded: 0, 'before-floor': 0, 'not-served': 0, parked: 0 };
  let streamed = 0;
  beforeAll(() => {
    summary = payer.ledger.summary();
    const remaining = new Map<string, { outcomes: Outcome[]; next: number }>();
    for (let n = 1; n <= size; n++) {
      const story = payer.memberEvents(n);
      members.push(ledgerOf(story, Date.parse(asOf)));
      remaining.set(story.member.id, { outcomes: story.expected.map((e) => e.outcome), next: 0 });
    }
    for (const event of payer.events()) {
      streamed++;
      const outcome = replayer.read(event);
      outcomes[outcome]++;
      const own = remaining.get(event.subject!);
      if (own === undefined) continue;
      const expected = own.outcomes[own.next++];
      if (outcome !== expected)
        throw new Error(`${event.id} ${event.type}: the ledger says ${expected}, the replay ${outcome}`);
    }
  });

  it('agrees with an independent replay about every event', () => {
    expect(summary.events).toBe(streamed);
    expect(summary.outcomes).toEqual(outcomes);
    if (size > 40) for (const n of Object.values(outcomes)) expect(n).toBeGreaterThan(0);
    expect(Object.values(summary.faults).reduce((a, b) => a + b, 0)).toBe(outcomes.parked);
  });

  it('agrees about what is held of every member, and in which version', () => {
    for (const m of members) {
      const replayed = [...(replayer.held.get(m.member) ?? [])].filter(([, v]) => v.content !== undefined);
      expect(replayed.map(([about]) => about).sort()).toEqual([...m.resources.keys()].sort());
      for (const [about, v] of replayed)
        if (JSON.stringify(m.resources.get(about)!.resource) !== v.content)
          throw new Error(`${about}: another version won`);
      expect(Object.values(m.perType).reduce((a, b) => a + b, 0)).toBe(m.resources.size);
    }
  });

  it('agrees about who may see whom', () => {
    const npis = payer.providerOrganizations.map((o) => o.npi);
    let hidden = 0;
    for (const m of members) {
      const visible = replayer.visibleTo(m.member, Date.parse(asOf), npis);
      expect([...m.visibleTo].sort()).toEqual(visible.sort());
      if (visible.length < m.attributedTo.length) hidden++;
    }
    if (size > 40) expect(hidden).toBeGreaterThan(0);
  });

  it('adds members up for each provider, and shows nobody to one that left the network', () => {
    const { providers } = summary;
    for (const o of payer.providerOrganizations) {
      const visible = members.filter((m) => m.visibleTo.includes(o.npi));
      const expected = providers.get(o.npi)!;
      expect(expected.members).toBe(visible.length);
      expect(expected.resources).toBe(visible.reduce((sum, m) => sum + m.resources.size, 0));
      if (!o.inNetwork) expect(expected.members).toBe(0);
    }
  });

  it('names what the resources of a member refer to, and nothing outside of the roster', () => {
    const own = new Set(payer.roster.resources.map((r) => `${r.resourceType}/${r.id}`));
    for (const { resources, supporting } of members) {
      const text = JSON.stringify([...resources.values()].map(({ resource }) => resource));
      const found = text.matchAll(/"reference":"((?:Organization|Practitioner|PractitionerRole|Location)\/[^"]*)"/g);
      expect([...supporting].sort()).toEqual([...new Set([...found].map(([, about]) => about!))].sort());
      expect(supporting).toContain('Organization/payer');
      for (const about of supporting) expect(own).toContain(about);
    }
  });
});

describe('the ledger', () => {
  it('hides a member whose opt-out nobody can read, and changes nothing else', () => {
    const plain = syntheticPayer({ seed: 'u', members: 3, asOf }).ledger;
    const shown = [1, 2, 3].find((n) => plain.member(n).visibleTo.length > 0)!;
    const held = syntheticPayer({ seed: 'u', members: 3, asOf, unreadableOptOuts: [shown] }).ledger.member(shown);
    expect(held).toMatchObject({ onHold: true, visibleTo: [], optedOut: false });
    expect(held.parked.at(-1)).toMatchObject({ fault: 'unreadable-opt-out', outcome: 'parked' });
    expect([...held.resources.keys()]).toEqual([...plain.member(shown).resources.keys()]);
  });

  it('walks the members that a provider may see', () => {
    const { ledger, providerOrganizations } = syntheticPayer({ seed: 'u', members: 5, asOf });
    const walked = providerOrganizations.flatMap((o) =>
      [...ledger.visibleMembers(o.npi)].map((m) => `${o.npi} ${m.member}`),
    );
    expect(walked.sort()).toEqual(
      [...ledger.members()].flatMap((m) => m.visibleTo.map((npi) => `${npi} ${m.member}`)).sort(),
    );
  });

  it('outlines each member as the ledger has it, one with an unreadable opt-out too', () => {
    const { ledger } = syntheticPayer({ seed: 'u', members: 60, asOf, unreadableOptOuts: [2] });
    const outlines = [...ledger.outlines()];
    expect(outlines.some((m) => m.onHold) && outlines.some((m) => m.optedOut)).toBe(true);
    expect(outlines).toHaveLength(60);
    for (const outline of outlines) expect(ledger.member(outline.n)).toMatchObject(outline);
  });

  it('adds up the same members while their events are taken as in a pass of its own', () => {
    const published = syntheticPayer({ seed: 'u', members: 9, asOf });
    const partly = syntheticPayer({ seed: 'u', members: 9, asOf });
    expect([...published.events()].length).toBe(published.ledger.summary().events);
    partly.events().next();
    expect(partly.ledger.summary()).toEqual(published.ledger.summary());
    expect(published.ledger.summary()).toEqual(syntheticPayer({ seed: 'u', members: 9, asOf }).ledger.summary());
  });

  it('gives the events as text, in the same order, and adds up the same members', () => {
    const options = { seed: 'u', members: 9, asOf, window: 4 };
    const [plain, texts] = [syntheticPayer(options), syntheticPayer(options)];
    const text = (event: DomainEvent): string => JSON.stringify(event);
    expect([...texts.eventsAs(text)]).toEqual([...plain.events()].map(text));
    expect(texts.ledger.summary()).toEqual(plain.ledger.summary());
  });

  it('hands over the events of a member when the story is told, and not when it is their turn', () => {
    const payer = syntheticPayer({ seed: 'u', members: 6, asOf, window: 3 });
    const made = new Set<string>();
    for (const subject of payer.eventsAs((event) => {
      made.add(event.subject!);
      return event.subject!;
    }))
      if (subject.startsWith('m-')) break;
    expect([...made].filter((subject) => subject.startsWith('m-')).sort()).toEqual([
      'm-000001',
      'm-000002',
      'm-000003',
    ]);
  });

  it('knows no provider outside the roster', () =>
    expect(() => syntheticPayer({ seed: 'u', members: 1, asOf }).ledger.expectedForProvider('1234567893')).toThrow());
});
