import { deepStrictEqual } from 'node:assert/strict';

/** A member that is undefined counts as absent, as in the JSON that a decision becomes. */
const plain = (decision: unknown): unknown => JSON.parse(JSON.stringify(decision));

/** Tests a pure decision: given what is known, when an event comes, then the decision is the expected one. */
export const deciding = <Known, Event, Decision>(decide: (event: Event, known: Known) => Decision) => ({
  given: (known: Known) => ({
    when: (event: Event) => ({
      then: (expected: NoInfer<Decision>): void => deepStrictEqual(plain(decide(event, known)), plain(expected)),
    }),
  }),
});
