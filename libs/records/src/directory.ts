import {
  npiKey,
  PA_RECORDS,
  type ProviderKey,
  type RecordAccepted,
  type RecordDeleted,
  tinKey,
  dataOf,
} from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';
import { orderOf, recordKeys, replaces } from './record-events.ts';
import { type Ordered, SHARED } from './record.ts';

/** Types of the payer's directory that have a name and an identifier of a provider. */
const NAMED = [`${SHARED}/Practitioner/`, `${SHARED}/Organization/`];
/** Systems of the identifiers (HL7 Terminology: us-npi, us-ein). */
const KEY_OF: Readonly<Record<string, (value: string) => ProviderKey>> = {
  'http://hl7.org/fhir/sid/us-npi': npiKey,
  'urn:oid:2.16.840.1.113883.4.4': tinKey,
  'http://hl7.org/fhir/sid/us-ein': tinKey,
};
const MAX_NAME = 200;
/** The most entries of one identifier that a reviewer sees. */
const MAX_ENTRIES = 10;

/** The directory's entry of a practitioner or an organization. */
interface DirectoryPart extends Ordered {
  /** `Type/id` */
  readonly resource: string;
  readonly name: string;
  readonly providers: readonly ProviderKey[];
}

interface Named {
  readonly name?: unknown;
  readonly identifier?: readonly { readonly system?: string; readonly value?: string }[];
}
interface HumanName {
  readonly text?: string;
  readonly given?: readonly string[];
  readonly family?: string;
}

/** Organization.name, or the first Practitioner.name, without characters that hide or move others. */
function nameOf({ name }: Named): string {
  const human = Array.isArray(name) ? (name[0] as HumanName | undefined) : undefined;
  const text =
    typeof name === 'string' ? name : (human?.text ?? [...(human?.given ?? []), human?.family ?? ''].join(' '));
  return text
    .replace(/[\p{C}\p{Zl}\p{Zp}]/gu, '')
    .trim()
    .slice(0, MAX_NAME);
}
const providersOf = ({ identifier = [] }: Named): ProviderKey[] => [
  ...new Set(
    identifier.flatMap(({ system, value }) =>
      system === undefined || value === undefined || KEY_OF[system] === undefined ? [] : [KEY_OF[system](value)],
    ),
  ),
];

const isNamed = (record: LogRecord): boolean => NAMED.some((prefix) => record.key.startsWith(prefix));

const fromRecords: TopicEvolve<DirectoryPart> = {
  part: 'directory',
  keys: (record) => (isNamed(record) && recordKeys(record).length > 0 ? [record.key.slice(SHARED.length + 1)] : []),
  evolve(part, record) {
    const data = dataOf<RecordAccepted | RecordDeleted>(record);
    const order = { versionId: data.versionId, ...orderOf(data) };
    if (part !== undefined && !replaces(part, order)) return undefined;
    const resource = 'line' in data ? (JSON.parse(data.line) as Named) : {};
    const named = { name: nameOf(resource), providers: providersOf(resource) };
    return { resource: `${data.type}/${data.id}`, ...named, ...order };
  },
};

/**
 * The owner of an NPI or TIN in the payer's directory, for the reviewer of an app. There is one document for each
 * Practitioner or Organization.
 */
export const directory: Projection = {
  owner: 'resources',
  name: 'directory',
  version: 1,
  topics: { [PA_RECORDS]: fromRecords },
  commitMs: 100,
  indexes: [{ name: 'by_provider', fields: ['directory.providers'], array: true }],
};

export interface DirectoryEntry {
  readonly resource: string;
  readonly name: string;
}

/**
 * The directory's entries of a provider: at most ten, none if it does not know the identifier. @throws
 * EngineUnavailable
 */
export async function directoryEntries(
  reader: Pick<ViewReader, 'find'>,
  provider: ProviderKey,
): Promise<readonly DirectoryEntry[]> {
  const found = await reader.find({ index: 'by_provider', equals: [provider], limit: MAX_ENTRIES });
  return found
    .map((document) => document['directory'] as DirectoryPart)
    .map(({ resource, name }) => ({ resource, name }));
}
