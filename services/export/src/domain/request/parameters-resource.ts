import { exportParameter } from '@provider-access/domain/pdex';
import { isObject, printable } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { type GivenParameter, refusal } from './given.ts';

/** The text of each `value[x]` that a kick-off may have. Undefined if the value is not of that type, or is empty. */
const READERS: Readonly<Record<string, (value: unknown) => string | undefined>> = {
  valueString: textOf,
  valueCode: textOf,
  valueUri: textOf,
  valueCanonical: textOf,
  valueInstant: textOf,
  valueBoolean: (value) => (typeof value === 'boolean' ? String(value) : undefined),
  valueCoding: (value) => (isObject(value) ? textOf(value['code']) : undefined),
  // A Reference with only an identifier names no patient of ours, so it has no text.
  valueReference: (value) =>
    isObject(value) ? (textOf(value['reference']) ?? (isObject(value['identifier']) ? '' : undefined)) : undefined,
};
const KINDS = 'a Reference, canonical, uri, code, string, instant, boolean or Coding';

function textOf(value: unknown): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/**
 * Reads the Parameters resource of a POST body. Guides and clients differ in the type of a value, so each parameter
 * takes each type that a guide uses; only a Reference is for `patient` alone.
 * @throws Refusal that names the parameter
 */
export function readParametersResource(body: unknown): readonly GivenParameter[] {
  const parameters = isObject(body) && body['resourceType'] === 'Parameters' ? (body['parameter'] ?? []) : undefined;
  if (!Array.isArray(parameters)) throw new Refusal('invalid-request', 'The body must be a Parameters resource.');
  return parameters.map(readParameter);
}

function readParameter(parameter: unknown): GivenParameter {
  const name = isObject(parameter) ? parameter['name'] : undefined;
  if (!isObject(parameter) || typeof name !== 'string' || name === '')
    throw new Refusal('invalid-request', 'The body must be a Parameters resource in which each parameter has a name.');
  const shown = printable(name);
  const invalid = (text: string): Refusal => refusal('invalid-request', shown, `${shown} ${text}`);
  if ('part' in parameter || 'resource' in parameter)
    throw invalid('has a part or a resource. A parameter of an export has a value.');
  const values = Object.keys(parameter).filter((key) => key.startsWith('value'));
  if (values.length !== 1) throw invalid(`has ${values.length === 0 ? 'no value' : 'several values'}. Give one.`);
  const key = values[0]!;
  const reader = Object.hasOwn(READERS, key) ? READERS[key] : undefined;
  if (reader === undefined) throw invalid(`has a value of another type. Give ${KINDS}.`);
  const value = reader(parameter[key]);
  if (value === undefined) throw invalid('has an empty value, or one that does not have the type of its name.');
  const known = exportParameter(name);
  if (known !== undefined && (known.value === 'Reference') !== (key === 'valueReference'))
    throw invalid(known.value === 'Reference' ? 'must be a Reference.' : 'must not be a Reference.');
  return { name, value };
}
