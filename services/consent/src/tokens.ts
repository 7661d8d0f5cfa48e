/** Injection tokens of this service. */
export const FACTS = Symbol('Facts');
