import { isDeepStrictEqual } from 'node:util';
import type { DomainEvent, PayerEvent } from '@provider-access/events';
import { type FhirResource, ownerOf } from '@provider-access/fhir';
import { cases, Random, seed } from '@provider-access/testing/search';
import { describe, expect, it } from 'vitest';
import { generated, mutated } from '../../test/walk/generate.ts';
import { BASE, found } from '../../test/walk/oracle.ts';
import { synthetic, verdicts } from '../../test/walk/verdicts.ts';
import { judge } from './judge.ts';
import { scanned } from '../../test/walk/scanned.ts';
import { readByFunctions } from './read-resource.ts';

describe('one walk decides as checkShape, redact, insideOf and carriedReferencesOf, or passes on', () => {
  it('for resources of the synthetic payer, nearly all of which it decides', () => {
    const { equal, passedOn } = verdicts(synthetic(4));
    expect(equal).toBeGreaterThan(1_000);
    expect(passedOn / (equal + passedOn)).toBeLessThan(0.02);
  });

  it('for resources with random elements of R4', () => {
    const random = new Random(seed);
    const { equal, passedOn } = verdicts(Array.from({ length: cases(2_000) }, () => generated(random)));
    expect(equal).toBeGreaterThan(passedOn);
    expect(found.tagged).toBeGreaterThan(equal / 20);
    expect(found.labelled).toBeGreaterThan(equal / 50);
  });

  it('for resources with changes that make most of them invalid', () => {
    const random = new Random(seed + 1);
    const given = synthetic(1);
    const resources = Array.from({ length: cases(2_000) }, () =>
      mutated(random, random.chance(0.5) ? random.one(given) : generated(random), random.one(given)),
    );
    const { equal, passedOn } = verdicts(resources);
    expect(Math.min(equal, passedOn)).toBeGreaterThan(resources.length / 10);
  });
});

/** Ways to write an event's data. `judge` gets all of them, and writes the resource itself where it has to. */
const TEXTS_OF: readonly ((data: unknown) => string)[] = [
  JSON.stringify,
  JSON.stringify,
  (data) => JSON.stringify(data, undefined, 1),
  (data) => JSON.stringify(data).replaceAll('/', '\\/'),
  (data) => JSON.stringify({ sequence: 3, ...(data as object) }),
  (data) => JSON.stringify({ ...(data as object), sequence: 3 }),
];

describe('judge', () => {
  const eventOf = (resource: FhirResource, random: Random): PayerEvent & DomainEvent => {
    const owner = ownerOf(resource);
    const subject = owner.kind === 'patient' && random.chance(0.9) ? owner.id : 'm1';
    const provider = owner.kind === 'none' && random.chance(0.7);
    const type = provider ? 'payer.provider-recorded.v1' : 'payer.resource-recorded.v1';
    const event = { id: 'e', source: '/payer', type, time: '2026-10-01T00:00:00Z', subject, data: { resource } };
    return event as unknown as PayerEvent & DomainEvent;
  };

  it('comes to the same judgement with the walk as without it, under all policies', () => {
    const random = new Random(seed + 2);
    const given = synthetic(1);
    const kinds: Record<string, number> = {};
    for (let n = 0; n < cases(3_000); n++) {
      const usual = random.chance(0.5) ? random.one(given) : generated(random);
      const resource = random.chance(0.3) ? mutated(random, usual, random.one(given)) : usual;
      const event = eventOf(resource, random);
      const options = {
        now: Date.UTC(2026, 10, 1),
        floor: '2016-01-01',
        publicUrl: random.chance(0.8) ? BASE.replace(/\/fhir$/, '') : undefined,
        attachmentsAbove: random.chance(0.3) ? 4 : undefined,
        excludesDrugs: random.chance(0.3),
        profiles: { '*': random.one(['keep', 'unmark', 'refuse'] as const) },
      };
      // The oracle writes the resource again; most texts here spare that.
      const judgement = judge(event, options, { data: scanned(random.one(TEXTS_OF)(event.data)) });
      const oracle = judge(event, options, {}, readByFunctions);
      if (!isDeepStrictEqual(judgement, oracle)) expect(judgement).toEqual(oracle);
      kinds[judgement.kind] = (kinds[judgement.kind] ?? 0) + 1;
    }
    expect(Math.min(kinds['accept']!, kinds['dead-letter']!, kinds['remove']!)).toBeGreaterThan(5);
  });
});
