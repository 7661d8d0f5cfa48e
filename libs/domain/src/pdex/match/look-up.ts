import { isObject } from '@provider-access/fhir';
import { type Described, describedBy, listOf } from './described.ts';
import { nameKeys, submittedIds } from './keys.ts';
import { foldGiven, givenAgree } from './names.ts';

/** What somebody says who calls. A number of a card says nothing about its system. */
export type Asked =
  { readonly family: string; readonly birthDate: string; readonly given?: string } | { readonly identifier: string };

/** How the members are found whom a caller may be. Nothing is decided by it: a person asks the caller for more. */
export interface LookUp {
  /** Of the index of members. Empty if nothing of what was said can be compared. */
  readonly keys: readonly string[];
  /** Whether what the payer knows about a person agrees. Undefined: the payer sent no Patient. */
  readonly fits: (known: Described | undefined) => boolean;
}

/** Names are compared as those of a match (docs/matching.md), so accents, case and hyphens do not count. */
export function lookUpOf(asked: Asked): LookUp {
  if ('identifier' in asked)
    return {
      keys: submittedIds({ memberIds: [{ system: '', value: asked.identifier }] }, []).flat(),
      fits: () => true,
    };
  const { birthDate, family, given } = asked;
  const said = describedBy({ birthDate, family, given: [], memberIds: [] });
  const first = given === undefined ? undefined : foldGiven([given]);
  return {
    keys: nameKeys(said),
    fits: (known) =>
      known !== undefined &&
      known.birthDate === said.birthDate &&
      known.families.some((one) => said.families.includes(one)) &&
      (first === undefined || known.givens.some((one) => givenAgree(first, one))),
  };
}

/** The name of a Patient to read out: not a former one, if there is another. */
export function nameOf(patient: unknown): string | undefined {
  const names = listOf(isObject(patient) ? patient['name'] : undefined);
  const name = names.find(({ use }) => use === undefined || use === 'official' || use === 'usual') ?? names[0];
  if (name === undefined) return undefined;
  const { text, given, family } = name;
  if (typeof text === 'string' && text !== '') return text;
  const parts = [...(Array.isArray(given) ? (given as unknown[]) : []), family].filter(
    (one) => typeof one === 'string',
  );
  return parts.length === 0 ? undefined : parts.join(' ');
}
