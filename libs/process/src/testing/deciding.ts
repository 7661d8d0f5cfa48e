import { deepStrictEqual } from 'node:assert/strict';

/** Tests a pure decision: given what is known, when an event comes, then the decision is the expected one. */
export const deciding = <Known, Event, Decision>(decide: (event: Event, known: Known) => Decision) => ({
  given: (known: Known) => ({
    when: (event: Event) => ({
      then: (expected: NoInfer<Decision>): void => deepStrictEqual(decide(event, known), expected),
    }),
  }),
});
