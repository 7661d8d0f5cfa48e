import { isId, isObject, patientReference } from '@provider-access/fhir';
import { CliError, EXIT } from '../output.ts';
import { type Attesting, bundleOf, type Submitted } from './submitted.ts';

type Json = Readonly<Record<string, unknown>>;

/**
 * The people of a FHIR file: Parameters with `MemberBundle` parts, or NDJSON of Patients and their Coverages.
 * @throws CliError with the line of the first fault
 */
export function fhirPeople(
  text: string,
  name: string,
  of: Attesting & { readonly note: (line: string) => void },
): readonly Submitted[] {
  const whole = parsed(text);
  if (isObject(whole) && whole['resourceType'] === 'Parameters') return parametersOf(whole, name);
  return ndjsonOf(text, name, of);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function parametersOf({ parameter }: Json, name: string): readonly Submitted[] {
  const bundles = (Array.isArray(parameter) ? (parameter as unknown[]) : []).filter(
    (one): one is Json => isObject(one) && (one['name'] === 'MemberBundle' || one['name'] === 'MembersToMatch'),
  );
  if (bundles.length === 0)
    throw new CliError(EXIT.usage, `${name} has no parameter with the name MemberBundle, so it names nobody`);
  return bundles.map((bundle, at) => ({ from: `MemberBundle ${at + 1}`, bundle }));
}

function ndjsonOf(
  text: string,
  name: string,
  { npi, now, note }: Attesting & { readonly note: (line: string) => void },
): readonly Submitted[] {
  if (npi === undefined)
    throw new CliError(EXIT.usage, `${name} has no attestations: name the provider who attests with --npi`);
  const patients = new Map<string, Json & { readonly id: string }>();
  const coverages: { readonly resource: Json; readonly of: string; readonly line: number }[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    if (line.trim() === '') continue;
    const place = `${name} line ${at + 1}`;
    const resource = parsed(line);
    if (!isObject(resource))
      throw new CliError(EXIT.usage, `${place}: is no JSON object. NDJSON has a resource a line`);
    const { resourceType, id, beneficiary } = resource;
    if (resourceType === 'Patient') {
      if (!isId(id)) throw new CliError(EXIT.usage, `${place}: the Patient has no id`);
      if (patients.has(id)) throw new CliError(EXIT.usage, `${place}: there are two Patients with this id`);
      patients.set(id, { ...resource, id });
    } else if (resourceType === 'Coverage') {
      const owner = patientReference(beneficiary)?.id;
      if (owner === undefined) throw new CliError(EXIT.usage, `${place}: Coverage.beneficiary is no Patient/<id>`);
      coverages.push({ resource, of: owner, line: at + 1 });
    } else throw new CliError(EXIT.usage, `${place}: is neither a Patient nor a Coverage`);
  }
  const people = coverages.map(({ resource, of, line }) => {
    const patient = patients.get(of);
    if (patient === undefined)
      throw new CliError(EXIT.usage, `${name} line ${line}: the file has no Patient that this Coverage is of`);
    // The bundle has its references in its own parts, so an absolute one would lead elsewhere.
    const coverage = { ...resource, beneficiary: { reference: `Patient/${of}` } };
    return { from: `line ${line}`, bundle: bundleOf(patient, coverage, npi, now) };
  });
  const covered = new Set(coverages.map(({ of }) => of));
  const without = [...patients.keys()].filter((id) => !covered.has(id)).length;
  if (without > 0) note(`${without} Patients have no Coverage in ${name}, so they are not sent.`);
  if (people.length === 0) throw new CliError(EXIT.usage, `${name} names nobody`);
  return people;
}
