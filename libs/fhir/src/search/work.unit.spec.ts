import { describe, expect, it } from 'vitest';

import { Matcher } from './evaluate.ts';
import { parseQuery, type SearchQuery } from './query.ts';
import { COST, MOST_EVALUATIONS, nextTurn, OverBudget, SearchWork } from './work.ts';

const query = (type: string, text: string): SearchQuery => {
  const parsed = parseQuery(type, new URLSearchParams(text), { base: 'http://x/fhir', lenient: false });
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.issue));
  return parsed.query;
};
const evaluations = (text: string): number => new Matcher(query('Observation', text).filters).evaluations;

/** An Observation that notes how often a search looks at its date. */
function watched(): {
  readonly observation: Readonly<Record<'resourceType' | 'effectiveDateTime', string>>;
  readonly reads: () => number;
} {
  let reads = 0;
  return {
    observation: {
      resourceType: 'Observation',
      get effectiveDateTime() {
        reads++;
        return '2024-01-01';
      },
    },
    reads: () => reads,
  };
}

// N1
describe('the conditions of a search', () => {
  it.each([
    ['one', 'date=ne2001', 1],
    ['equal ones', Array.from({ length: 900 }, () => 'date=ne2001').join('&'), 1],
    ['equal values of a list', 'date=ne2001,ne2001,ne2001', 1],
    ['different ones', 'date=ne2001&date=ne2002', 2],
    ['the values of a list, which are compared one by one', 'date=2001,2002,2003', 3],
    ['a list of codes, which are looked up', 'code=a,b,c,urn:x|d', 1],
    ['codes that differ in their system alone', 'code=urn:x|a,urn:y|a,urn:z|a,b', 3],
    ['conditions with modifiers', 'code:not=a&code:missing=false&code:text=a,b&status=final', 5],
  ])('count as evaluations of a resource: %s', (_what, text, expected) => {
    expect(evaluations(text)).toBe(expected);
  });

  it('read the values of a parameter once for each resource', () => {
    const one = watched();
    expect(new Matcher(query('Observation', 'date=ne2001').filters).matches(one.observation)).toBe(true);
    const many = watched();
    const text = Array.from({ length: 990 }, (_, i) => `date=ne${1000 + i}`).join('&');
    expect(new Matcher(query('Observation', `${text}&date:missing=false`).filters).matches(many.observation)).toBe(
      true,
    );
    expect(many.reads()).toBe(one.reads());
  });

  it('that are repeated in includes and sorts are followed once', () => {
    const include = '_include=MedicationRequest:medication';
    expect(query('MedicationRequest', Array(500).fill(include).join('&')).include).toHaveLength(1);
    const sort = Array(250).fill('date,-date,_id,-_id').join(',');
    expect(query('Observation', `_sort=${sort}`).sort).toEqual([
      { by: 'date', descending: false },
      { by: '_id', descending: false },
    ]);
    expect(query('Observation', Array(900).fill('_lastUpdated=ne2001').join('&')).updated).toHaveLength(1);
    expect(query('Coverage', Array(900).fill('patient.identifier=1').join('&')).patientFilters).toHaveLength(1);
    expect(query('PractitionerRole', Array(900).fill('practitioner.name=a').join('&')).chains).toHaveLength(1);
  });

  it('must be given once, where two of them contradict each other', () => {
    for (const text of ['_count=1&_count=1', '_sort=date&_sort=date'])
      expect(parseQuery('Observation', new URLSearchParams(text), { base: 'x', lenient: false })).toMatchObject({
        ok: false,
        issue: { code: 'invalid' },
      });
  });
});

// N1
describe('the work of a search', () => {
  it('ends above the budget, which the text names', () => {
    const work = new SearchWork(10, async () => undefined);
    work.evaluate(6);
    work.evaluate(4);
    expect(work.evaluations).toBe(10);
    expect(() => work.evaluate(1)).toThrow(OverBudget);
    expect(() => work.evaluate(1)).toThrow(/ 10 /);
    expect(MOST_EVALUATIONS).toBe(200_000);
  });

  it('pauses after a slice, whatever it consists of, and then has a new slice', () => {
    const SLICE_MS = 20;
    const units = (SLICE_MS * 1_000_000) / 10;
    for (const step of Object.values(COST)) {
      let rests = 0;
      const work = new SearchWork(Number.MAX_SAFE_INTEGER, async () => void rests++);
      for (let i = 0; i < Math.ceil((3 * units) / step); i++) {
        work.count(step);
        void work.pause();
      }
      expect(rests).toBe(3);
    }
  });

  it('goes on one search at a time, in the order of the pauses, with a turn of the event loop for others', async () => {
    const order: string[] = [];
    const search = async (name: string): Promise<void> => {
      for (let i = 0; i < 3; i++) {
        order.push(name);
        await nextTurn();
      }
    };
    let done = false;
    const other = (): void => {
      order.push('-');
      if (!done) setImmediate(other);
    };
    setImmediate(other);
    await Promise.all([search('a'), search('b')]);
    done = true;
    const steps = order.join('');
    expect(steps.replaceAll('-', '')).toBe('ababab');
    // The first step of each runs at once. Then something else runs between two steps.
    expect(steps.slice(2)).not.toMatch(/[ab]{2}/);
  });
});
