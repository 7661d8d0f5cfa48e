import { isId, isObject } from '@provider-access/fhir';
import type { Item } from '../client/sources.ts';

export interface WrongResource {
  readonly member: string;
  readonly type: string;
  readonly id: string;
}
/** An attribution to a provider, or the enrolment of a coverage. */
export type WrongStatement = { readonly member: string; readonly from: string } & (
  | { readonly provider: { readonly npi?: string; readonly tin?: string; readonly contract?: string } }
  | { readonly coverageId: string }
);
/** What wrong events said, by member. */
export interface Wrong {
  /** Types of the resources that were wrong, by member. */
  readonly data: Map<string, Set<string>>;
  /** Members of whom an event gave somebody access. */
  readonly access: Set<string>;
  /** The resources, by member, type and id. */
  readonly resources: Map<string, WrongResource>;
  /** Attributions and enrolments, which an event takes back. */
  readonly statements: readonly WrongStatement[];
  /** Events that give nobody anything about a member, by type. */
  readonly without: Map<string, number>;
  /** Places that hold no event, or one that names no member. */
  readonly unread: { readonly place: string; readonly reason: string }[];
}

const DATA = new Set(['payer.resource-recorded.v1', 'payer.prior-authorization-changed.v1']);
const ACCESS = new Set([
  'payer.attribution-asserted.v1',
  'payer.member-enrolled.v1',
  'payer.member-changed.v1',
  'payer.members-merged.v1',
  'payer.member-opted-in.v1',
  'payer.member-opted-in.v2',
  'payer.opt-out-withdrawn.v1',
]);

/**
 * The members and types of wrong events. Only names are kept, so memory grows with members and not with data.
 * A merge is about the member who stays, and about the one whose id it retired.
 */
export async function wrongIn(items: AsyncIterable<Item>): Promise<Wrong> {
  const statements: WrongStatement[] = [];
  const wrong: Wrong = {
    data: new Map(),
    access: new Set(),
    resources: new Map(),
    statements,
    without: new Map(),
    unread: [],
  };
  for await (const item of items) {
    if (item.ok) add(wrong, statements, item.line, item.place ?? item.event);
    else wrong.unread.push({ place: item.place, reason: item.reason });
  }
  return wrong;
}

function add(wrong: Wrong, statements: WrongStatement[], line: string, place: string): void {
  const { type, subject, data } = JSON.parse(line) as { type?: unknown; subject?: unknown; data?: unknown };
  const unread = (reason: string): void => void wrong.unread.push({ place, reason });
  if (typeof type !== 'string') return unread('an event without type');
  if (!DATA.has(type) && !ACCESS.has(type)) {
    wrong.without.set(type, (wrong.without.get(type) ?? 0) + 1);
    return;
  }
  if (typeof subject !== 'string' || !isId(subject)) return unread('an event whose subject is no member id');
  if (ACCESS.has(type)) {
    wrong.access.add(subject);
    const from = isObject(data) ? data['from'] : undefined;
    if (type === 'payer.members-merged.v1' && typeof from === 'string' && isId(from)) wrong.access.add(from);
    if (!isObject(data) || typeof from !== 'string') return;
    const { provider, coverageId } = data;
    if (type === 'payer.attribution-asserted.v1' && isObject(provider))
      statements.push({ member: subject, from, provider });
    if (type === 'payer.member-enrolled.v1' && typeof coverageId === 'string')
      statements.push({ member: subject, from, coverageId });
    return;
  }
  const resource = isObject(data) ? data['resource'] : undefined;
  const resourceType = isObject(resource) ? resource['resourceType'] : undefined;
  if (typeof resourceType !== 'string') return unread('an event without a resource');
  const id = isObject(resource) ? resource['id'] : undefined;
  if (typeof id === 'string' && isId(id))
    wrong.resources.set(`${subject}/${resourceType}/${id}`, { member: subject, type: resourceType, id });
  wrong.data.set(subject, (wrong.data.get(subject) ?? new Set()).add(resourceType));
}
