/** Injection tokens of this service. */
export const CONFIG = Symbol('AttributionConfig');
export const PROJECTIONS = Symbol('ProjectionSet');
