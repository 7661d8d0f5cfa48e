import { describe, expect, it } from 'vitest';
import { DanglingTally, mayDangle } from './dangling.ts';

describe('mayDangle', () => {
  it('names relative references to what may be missing, at any depth, by path without indexes', () => {
    const found = mayDangle({
      resourceType: 'ExplanationOfBenefit',
      patient: { reference: 'Patient/m1' },
      claim: { reference: 'Claim/c1' },
      provider: { reference: 'Practitioner/p1' },
      item: [
        { encounter: [{ reference: 'Encounter/e1' }] },
        { encounter: [{ reference: 'Encounter/e2/_history/3' }, { reference: '#inside' }] },
      ],
      contained: [{ resourceType: 'ServiceRequest', encounter: { reference: 'https://other.example/Encounter/e3' } }],
    });
    expect(found.toSorted()).toEqual([
      ['ExplanationOfBenefit.claim', 'Claim/c1'],
      ['ExplanationOfBenefit.item.encounter', 'Encounter/e1'],
      ['ExplanationOfBenefit.item.encounter', 'Encounter/e2'],
    ]);
  });
});

describe('DanglingTally', () => {
  it('counts references to care before the floor, whichever is settled first', () => {
    const tally = new DanglingTally();
    tally.settled('Observation/o1', 'recorded', [['Observation.encounter', 'Encounter/old']]);
    tally.settled('Encounter/old', 'before-floor', []);
    tally.settled('Encounter/new', 'recorded', []);
    tally.settled('Observation/o2', 'unchanged', [['Observation.encounter', 'Encounter/old']]);
    tally.settled('Observation/o3', 'recorded', [['Observation.encounter', 'Encounter/new']]);
    expect(tally.counts()).toEqual({ notServed: {}, beforeFloor: { 'Observation.encounter -> Encounter': 2 } });
  });

  it('counts references to types that are not served', () => {
    const tally = new DanglingTally();
    tally.settled('ExplanationOfBenefit/e1', 'recorded', [['ExplanationOfBenefit.claim', 'Claim/c1']]);
    expect(tally.counts()).toEqual({ notServed: { 'ExplanationOfBenefit.claim -> Claim': 1 }, beforeFloor: {} });
  });

  it.each(['before-floor', 'parked', 'not-served', 'refused', 'pending'])(
    'counts no reference of what is %s itself',
    (outcome) => {
      const tally = new DanglingTally();
      tally.settled('Encounter/old', 'before-floor', []);
      tally.settled('Observation/o1', outcome, [
        ['Observation.encounter', 'Encounter/old'],
        ['Observation.basedOn', 'Claim/c1'],
      ]);
      expect(tally.counts()).toEqual({ notServed: {}, beforeFloor: {} });
    },
  );
});
