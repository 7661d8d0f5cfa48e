import { type Given, refusal } from './given.ts';

/** `latest`: the newest Provenance of each exported resource. `relevant`: each that is about an exported resource. */
export type AskedProvenance = 'latest' | 'relevant';

const NAME = 'includeAssociatedData';
const VALUES: Readonly<Record<string, AskedProvenance>> = {
  LatestProvenanceResources: 'latest',
  RelevantProvenanceResources: 'relevant',
};

/** With several values, the larger set. @throws Refusal */
export function readAssociatedData(given: Given): AskedProvenance | undefined {
  if (!given.names().has(NAME)) return undefined;
  const codes = given.values(NAME).flatMap((list) => list.split(','));
  const asked = codes.map((code) => (Object.hasOwn(VALUES, code.trim()) ? VALUES[code.trim()] : undefined));
  if (asked.includes(undefined))
    throw refusal('invalid-value', NAME, `${NAME} takes: ${Object.keys(VALUES).join(', ')}.`);
  return asked.includes('relevant') ? 'relevant' : 'latest';
}
