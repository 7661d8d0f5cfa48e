import { bufferOf, dataOf, PA_RECORDS, type RecordAccepted, type RecordDeleted, textOf } from '@provider-access/events';
import { authorizedUntil } from '@provider-access/domain/pdex';
import type { Projection, TopicEvolve, ViewReader } from '@provider-access/engines/views';
import { type AcceptedData, newerOf, OF_CLAIM, orderOf, ownData, recordKeys } from './record-events.ts';
import type { Ordered } from './record.ts';

/** When a prior authorization last changed. Times are ms since the epoch. */
export interface AuthorizationPart extends Ordered {
  readonly member: string;
  readonly id: string;
  /**
   * When its status changed last, or the end of what it authorizes if that is later. In records of earlier releases,
   * `meta.lastUpdated`. NEVER if the record is removed, or no prior authorization any more.
   */
  readonly changed: number;
}
const NEVER = Number.MAX_SAFE_INTEGER;
const MARK = '"use":"preauthorization"';
/** The mark in a line inside a record's JSON. */
const QUOTED_MARK = JSON.stringify(MARK).slice(1, -1);

const mentions = (value: string | Uint8Array, mark: string): boolean =>
  typeof value === 'string' ? value.includes(mark) : bufferOf(value).includes(mark);

/** A claim may contain a prior authorization, so the line is parsed where the text is found. */
function changedAt({ line, lastUpdated, statusChanged = lastUpdated }: AcceptedData): number | undefined {
  const resource = mentions(line, MARK) ? (JSON.parse(textOf({ value: line })) as { readonly use?: unknown }) : {};
  if (resource.use !== 'preauthorization') return undefined;
  return Math.max(Date.parse(statusChanged), authorizedUntil(resource) ?? Number.NEGATIVE_INFINITY);
}

const fromRecords: TopicEvolve<AuthorizationPart> = {
  part: 'authorization',
  keys: (record) => (record.key.includes(OF_CLAIM) ? recordKeys(record) : []),
  evolve(part, record) {
    // Claims have no document. Most records are claims, so they are not parsed.
    const own = ownData(record);
    if (part === undefined && own === undefined && !mentions(record.value, QUOTED_MARK)) return undefined;
    const data = own ?? dataOf<RecordAccepted | RecordDeleted>(record);
    const changed = 'line' in data ? changedAt(data) : undefined;
    if (part === undefined && changed === undefined) return undefined;
    const next = {
      member: data.member,
      id: data.id,
      versionId: data.versionId,
      ...orderOf(data),
      changed: changed ?? NEVER,
    };
    return newerOf(part, next);
  },
};

/** One document for each prior authorization, by which old ones are found and removed (ADR 0047). */
export const authorizations: Projection = {
  owner: 'resources',
  name: 'authorizations',
  version: 2,
  topics: { [PA_RECORDS]: fromRecords },
  commitMs: 100,
  indexes: [{ name: 'by_changed', fields: ['authorization.changed'] }],
};

/** Prior authorizations that have not changed since before a time, the oldest first. @throws EngineUnavailable */
export async function* authorizationsBefore(
  reader: Pick<ViewReader, 'scan'>,
  before: number,
  pageSize: number,
): AsyncGenerator<readonly AuthorizationPart[]> {
  let page: AuthorizationPart[] = [];
  for await (const document of reader.scan({ index: 'by_changed', range: { lt: before }, pageSize })) {
    page.push(document['authorization'] as AuthorizationPart);
    if (page.length < pageSize) continue;
    yield page;
    page = [];
  }
  if (page.length > 0) yield page;
}
