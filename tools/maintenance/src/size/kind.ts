/** What a TypeScript file of the repository is, for the count of lines. */
export type Kind = 'product' | 'tools' | 'specs' | 'generated';

/** Folders of a library or a service that prove, measure or generate. Engines in memory are for tests (ADR 0034). */
const PROOFS = /\/(?:test|testing|contract|memory|bench|scripts)\//;
const GENERATED = /\/definitions\//;

/**
 * The kind of a file by its path. Product code is what a deployment runs: `libs` and `services` without specs, contract
 * suites, engines in memory, harnesses, models, oracles, rigs, benches, scripts and generated tables. Wherever a proof
 * lies, it counts as a tool, so moving it changes no figure.
 * @param path relative to the root of the repository
 * @returns undefined for a file that is no TypeScript
 */
export function kindOf(path: string): Kind | undefined {
  if (!path.endsWith('.ts')) return undefined;
  if (path.endsWith('.spec.ts')) return 'specs';
  if (!/^(?:libs|services)\//.test(path) || PROOFS.test(path)) return 'tools';
  return GENERATED.test(path) ? 'generated' : 'product';
}
