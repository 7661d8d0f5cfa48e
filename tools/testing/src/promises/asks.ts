import type { Ask } from './export-operations.ts';
import { Broken, type Call } from './world.ts';

/**
 * What an export that asks for less, or in another form, may contain: docs/export-parameters.md and the rules E10 to
 * E16 (patients), E45 and E51 to E55 (the list), E60 to E63 (blocks), as a program. It imports no code of the platform.
 */

export const PLAIN: Ask = { form: 'files', davinci: false };
const FILES = ['Patient', 'Condition', 'Provenance', 'MedicationRequest', 'Medication'];
const LIST = ['Group', 'Patient', 'Coverage'];
const TYPES: Readonly<Record<Ask['form'], readonly string[]>> = {
  files: FILES,
  list: LIST,
  'files and list': ['Group', ...FILES],
  organized: FILES,
};

export const hasLine = ({ form }: Ask): boolean => form === 'list' || form === 'files and list';
/** Whether the export has what clinical resources say, and lists those that are deleted. */
export const hasConditions = ({ form }: Ask): boolean => form !== 'list';

/** The kick-off. Patients are asked for in a body, everything else on the URL. */
export function kickOffOf(
  ask: Ask,
  { group, since, patients }: { group: string; since: string | undefined; patients: readonly string[] | undefined },
): { readonly url: string; readonly call: Call } {
  const asked: readonly (readonly [string, string])[] = [
    ['_type', TYPES[ask.form].join(',')],
    ...(ask.form === 'list' ? [['exportType', 'hl7.fhir.us.davinci-atr'] as const] : []),
    ...(ask.form === 'organized' ? [['organizeOutputBy', 'Patient'] as const] : []),
    ...(since === undefined ? [] : [['_since', since] as const]),
  ];
  const path = `/fhir/Group/${group}/${ask.davinci ? '$davinci-data-export' : '$export'}`;
  const headers = { prefer: 'respond-async' };
  if (patients === undefined)
    return { url: `${path}?${new URLSearchParams(asked.map(([...pair]) => pair))}`, call: { headers } };
  const parameter = [
    ...asked.map(([name, value]) => ({ name, [name === '_since' ? 'valueInstant' : 'valueString']: value })),
    ...patients.map((patient) => ({ name: 'patient', valueReference: { reference: `Patient/${patient}` } })),
  ];
  const body = JSON.stringify({ resourceType: 'Parameters', parameter });
  return {
    url: path,
    call: { method: 'POST', headers: { ...headers, 'content-type': 'application/fhir+json' }, body },
  };
}

interface Line {
  readonly resourceType: string;
  readonly id?: string;
  readonly parameter?: readonly { readonly name: string; readonly valueReference: { readonly reference: string } }[];
  readonly quantity?: number;
  readonly member?: readonly {
    readonly entity: { readonly reference: string };
    readonly extension: readonly { readonly url: string; readonly valueCode?: string }[];
  }[];
}
const linesIn = (body: string): readonly string[] => body.split('\n').filter((line) => line !== '');
const idOf = (reference: string): string => reference.replace('Patient/', '');

/**
 * The member of each header of an organized file, which is complete.
 * @param members all whom the sequence has
 * @throws Broken if a line stands under the header of another member, or without one
 */
export function headersIn(body: string, members: readonly string[]): readonly string[] {
  const headers: string[] = [];
  let block = new Set<string>();
  const lines = linesIn(body);
  for (const [at, text] of lines.entries()) {
    const { resourceType, id, parameter } = JSON.parse(text) as Line;
    if (resourceType === 'Parameters') {
      const [header, ...others] = parameter!;
      if (header?.name !== 'header' || others.length > 0) throw new Broken(`a header of a block is ${text}`);
      const next = lines[at + 1];
      if (next === undefined || next.includes('"Parameters"')) throw new Broken(`nothing follows the header ${text}`);
      headers.push(idOf(header.valueReference.reference));
      block = new Set();
      continue;
    }
    const of = headers.at(-1);
    if (of === undefined) throw new Broken(`a file of blocks begins with ${text}`);
    const stranger = members.find((member) => member !== of && text.includes(member));
    if (stranger !== undefined) throw new Broken(`the block of ${of} has ${text}`);
    const name = `${resourceType}/${id}`;
    if (block.has(name)) throw new Broken(`the block of ${of} has ${name} twice`);
    block.add(name);
  }
  return headers;
}

/**
 * The members of the line of the Group, each with its change.
 * @throws Broken if it is no line of a Group, or does not count its members
 */
export function entriesIn(body: string): ReadonlyMap<string, string | undefined> {
  const [text, ...others] = linesIn(body);
  const group = text === undefined ? undefined : (JSON.parse(text) as Line);
  if (group?.resourceType !== 'Group' || others.length > 0) throw new Broken(`the list is not one line: ${body}`);
  const { member = [], quantity } = group;
  const entries = new Map(
    member.map(({ entity, extension }) => [
      idOf(entity.reference),
      extension.find(({ url }) => url.endsWith('/ext-changeType'))?.valueCode,
    ]),
  );
  if (quantity !== member.length || entries.size !== member.length || (member.length === 0 && 'member' in group))
    throw new Broken(`the list has ${member.length} entries and a quantity of ${quantity}`);
  return entries;
}

/** The patients of whom a file of errors says that nothing was released, and what it says beside their names. */
export function warnedIn(body: string): { readonly patients: readonly string[]; readonly texts: readonly string[] } {
  const lines = linesIn(body);
  return {
    patients: lines.map((text) => /Patient\/([^ :"]+)/.exec(text)?.[1] ?? text),
    texts: lines.map(anonymous),
  };
}
/** A text without the patient that it names, so that all such texts can be compared (E14). */
export const anonymous = (text: string): string => text.replace(/Patient\/[^ :"]+/g, 'Patient/…');
