import { hash } from 'node:crypto';
import { withoutEnd } from '@provider-access/kernel';
import { isObject } from '@provider-access/fhir';
import type { Label } from './names.ts';

/**
 * Labels of ours for the persons that a resource contains: the id of a contained Patient, and hashes of identifiers.
 * The resource is withheld while one of them is another member's (ADR 0057). No policy names them.
 */
const ID = 'urn:provider-access:person-id|';
const IDENTIFIER = 'urn:provider-access:person-identifier|';
/** What an operator reads instead of the labels above. */
export const ANOTHER_MEMBER: Label = 'urn:provider-access:label|another-member';

/** The persons whom a resource names inside: ids of Patients, and keys of identifiers. */
export interface Persons {
  readonly ids: readonly string[];
  readonly identifiers: readonly string[];
}

export const isPersonLabel = (label: Label): boolean => label.startsWith(ID) || label.startsWith(IDENTIFIER);

export const personLabels = ({ ids, identifiers }: Persons): readonly Label[] => [
  ...ids.map((id) => ID + id),
  ...identifiers.map((key) => IDENTIFIER + key),
];
/** Reads `personLabels`; undefined if there is none among the labels. */
export function personsOf(labels: readonly Label[]): Persons | undefined {
  if (!labels.some(isPersonLabel)) return undefined;
  const after = (prefix: string): string[] =>
    labels.flatMap((label) => (label.startsWith(prefix) ? [label.slice(prefix.length)] : []));
  return { ids: after(ID), identifiers: after(IDENTIFIER) };
}

/** One name for the spellings of a system. */
export const normalSystem = (system: unknown): string =>
  typeof system === 'string'
    ? withoutEnd(
        system
          .trim()
          .toLowerCase()
          .replace(/^https:/, 'http:'),
      )
    : '';
/** One value for the spellings of an identifier: `1EG4-TE5-MK73`, `1eg4te5mk73`. Empty if it has no value. */
export const normalValue = (value: unknown): string =>
  typeof value === 'string' ? value.replace(/[\s\p{P}\p{C}]/gu, '').toLowerCase() : '';
const keyOf = (system: string, value: string): string =>
  hash('sha256', JSON.stringify([system, value]), 'base64url').slice(0, 22);

/** The key by which an identifier is looked for. Undefined if it has no value. */
export function identifierKey(identifier: unknown): string | undefined {
  const { system, value } = isObject(identifier) ? identifier : {};
  const normal = normalValue(value);
  return normal === '' ? undefined : keyOf(normalSystem(system), normal);
}
/** A Patient has few identifiers; more would make a document that no view can keep. */
const MOST_KEYS = 500;
/** The keys under which the identifiers of a Patient are found: with their system, and without one. */
export function identifierKeys(identifiers: unknown): readonly string[] {
  const keys = (Array.isArray(identifiers) ? (identifiers as unknown[]) : []).flatMap((one) =>
    isObject(one) ? [identifierKey(one) ?? [], identifierKey({ value: one['value'] }) ?? []].flat() : [],
  );
  return [...new Set(keys)].slice(0, MOST_KEYS);
}
