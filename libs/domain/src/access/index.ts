export * from './facts.ts';
export * from './decide.ts';
export * from './group.ts';
export * from './known.ts';
export * from './lines.ts';
export * from './opt-outs.ts';
export * from './payer-identifier.ts';
export { isPurposeOfUse } from './purposes-of-use.ts';
export * from './specialties.ts';
