/** CPU time of one check of a resource against one profile, in µs. See docs/performance/README.md. */
import { lacksOf, profilesNamed } from '../src/profiles/index.ts';
import type { FhirResource } from '../src/types.ts';
import { CARIN, CLAIMS, CLINICAL, US_CORE } from '../test/profiles/samples.ts';

const ROUNDS = 5;
const CHECKS = 20_000;

/** A claim with this many lines, each with an adjudication where the sample has one. */
const longer = (claim: FhirResource, lines: number): FhirResource => ({
  ...claim,
  item: Array.from({ length: lines }, () => (claim['item'] as object[])[0]),
});
const basis = (kind: string) => `${CARIN}C4BB-ExplanationOfBenefit-${kind}-Basis|2.2.0`;
const subjects: [name: string, canonical: string, resource: FhirResource][] = [
  ...Object.entries(CLINICAL).map(([name, r]): [string, string, FhirResource] => [name, `${US_CORE}${name}|6.1.0`, r]),
  ...Object.entries(CLAIMS).flatMap(([kind, claim]): [string, string, FhirResource][] => [
    [`${kind}, 1 line`, basis(kind), claim],
    [`${kind}, 20 lines`, basis(kind), longer(claim, 20)],
  ]),
];
for (const [name, canonical, resource] of subjects) {
  const [profile] = profilesNamed(canonical);
  const times = Array.from({ length: ROUNDS }, () => {
    const start = process.cpuUsage();
    for (let n = 0; n < CHECKS; n++)
      if (lacksOf(profile!, resource).length > 0) throw new Error(`${name} lacks something`);
    const { user, system } = process.cpuUsage(start);
    return (user + system) / CHECKS;
  });
  process.stdout.write(`${name.padEnd(48)} ${Math.min(...times).toFixed(2)}\n`);
}
