export { patientOf, requestOf } from './bundles.ts';
export { Driver } from './driver.ts';
export { drawing, type Draw } from './drawing.ts';
export { reachOf, isWithin, identifiersOf, type ScopeRow, scopeTable, US, CARDIOLOGY, SURGERY } from './scopes.ts';
export { printed } from './printed.ts';
export { A_MONTH } from './match-operations.ts';
export type { Ask } from './export-operations.ts';
export { PRACTICES, PROVIDERS, sequenceOf, type Disturbance, type Operation } from './operations.ts';
export { type Answer, Broken, type Call, type Gate, json, World } from './world.ts';
