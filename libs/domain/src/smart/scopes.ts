import { SERVED_TYPES } from '@provider-access/fhir';
import { isWithin, MAX_RESTRICTED, readRestriction, type Restriction } from './restriction.ts';

/** SMART system scopes, v1 and v2 (docs/regulation.md#scopes). The API only reads, so only `r` and `s` are granted. */
export type Interaction = 'r' | 's';

/** Canonicals that permit the match operation. The text of PDex 2.2 has one, its OperationDefinition the other. */
export const MATCH_SCOPES = [
  'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/ProviderMemberMatch',
  'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/provider-member-match',
] as const;
/** Scopes of PDex 2.2 that break the SMART grammar, and the scopes that they mean. */
const ALIASES: Readonly<Record<string, string>> = {
  'system.Group.u?code=http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|pdexprovidergroup':
    'system/Group.rs',
};
const V1: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };
const GRANTABLE = 'rs';
const GRAMMAR = /^system\/([A-Z][A-Za-z]{1,63}|\*)\.(read|write|\*|[a-z]{1,5})(?:\?(.+))?$/;
/** Letters in this order, each at most once: `rs`, but not `sr` or `rr`. */
const CRUDS = /^(?=.)c?r?u?d?s?$/;

interface ResourceScope {
  readonly kind: 'resource';
  readonly version: 1 | 2;
  /** Resource type or `*`. */
  readonly type: string;
  /** In-order subset of `cruds`. */
  readonly interactions: string;
  /** The text after `?`, which restricts the scope to a part of the type (`readRestriction`). */
  readonly params?: string;
}
interface OperationScope {
  readonly kind: 'operation';
  readonly canonical: string;
}
export type Scope = ResourceScope | OperationScope;

/** One scope; undefined if it is malformed, out of order, or not a system scope. */
export function parseScope(text: string): Scope | undefined {
  if ((MATCH_SCOPES as readonly string[]).includes(text)) return { kind: 'operation', canonical: text };
  const match = GRAMMAR.exec(ALIASES[text] ?? text);
  if (match === null) return undefined;
  const [, type = '', suffix = '', params] = match;
  const v1 = Object.hasOwn(V1, suffix) ? V1[suffix] : undefined;
  // The grammar of v1 has no parameters.
  if (v1 !== undefined)
    return params === undefined ? { kind: 'resource', version: 1, type, interactions: v1 } : undefined;
  return CRUDS.test(suffix)
    ? { kind: 'resource', version: 2, type, interactions: suffix, ...(params !== undefined && { params }) }
    : undefined;
}

/** Scopes of a space-separated list (RFC 6749 §3.3); the malformed ones are dropped. */
export function parseScopes(list: string): readonly Scope[] {
  return list
    .split(' ')
    .filter((s) => s !== '')
    .map(parseScope)
    .filter((s) => s !== undefined);
}

const format = (version: 1 | 2, type: string, interactions: string, params?: string): string =>
  params === undefined
    ? `system/${type}.${version === 1 && interactions === 'rs' ? 'read' : interactions}`
    : `system/${type}.${interactions}?${params}`;
const common = (...sets: readonly string[]): string =>
  [...GRANTABLE].filter((i) => sets.every((s) => s.includes(i))).join('');

/** The restriction of a scope; `none` if it cannot be granted, undefined for a scope without one. */
function restrictionOf({ type, params }: ResourceScope): Restriction | 'none' | undefined {
  if (params === undefined) return undefined;
  const read = readRestriction(type, params);
  return read.ok ? read.restriction : 'none';
}
/** The narrower one of two restrictions; `none` if neither contains the other. A grant is never wider than either. */
function narrower(
  one: Restriction | 'none' | undefined,
  other: Restriction | 'none' | undefined,
): Restriction | 'none' | undefined {
  if (one === 'none' || other === 'none') return 'none';
  if (one === undefined || other === undefined) return one ?? other;
  return isWithin(one, other) ? one : isWithin(other, one) ? other : 'none';
}

/** The scope that both the asked and the registered scope cover, or undefined. */
function intersect(asked: ResourceScope, registered: ResourceScope): string | undefined {
  if (asked.type !== '*' && registered.type !== '*' && asked.type !== registered.type) return undefined;
  const restriction = narrower(restrictionOf(asked), restrictionOf(registered));
  if (restriction === 'none') return undefined;
  const interactions = common(asked.interactions, registered.interactions);
  return interactions === ''
    ? undefined
    : format(asked.version, asked.type === '*' ? registered.type : asked.type, interactions, restriction?.text);
}

/**
 * The scopes to grant, space separated: those that are asked for, registered and served, in the order and version of
 * the request. `''` if there is none. `served`: the resource types of this server; by default any.
 */
export function grantScopes(requested: string, registered: string, served?: ReadonlySet<string>): string {
  const allowed = parseScopes(registered);
  const granted = new Set<string>();
  for (const asked of parseScopes(requested)) {
    for (const own of allowed) {
      if (asked.kind === 'operation') {
        // Both canonicals are the same permission.
        if (own.kind === 'operation') granted.add(asked.canonical);
      } else if (own.kind === 'resource') {
        const text = intersect(asked, own);
        const type = asked.type === '*' ? own.type : asked.type;
        if (text !== undefined && (type === '*' || served === undefined || served.has(type))) granted.add(text);
      }
    }
  }
  return [...granted].join(' ');
}

/** Types that a scope may name on this platform. */
export const SCOPE_TYPES: ReadonlySet<string> = new Set([...SERVED_TYPES, 'Group', 'Consent']);
/** Every scope that an app can register. */
const EVERYTHING = ['system/*.cruds', ...MATCH_SCOPES].join(' ');
/** The longest list of scopes that a registration may have. */
export const MAX_SCOPE_LENGTH = 4000;
/** What this platform registers of a list of scopes, space separated. `''` if there is nothing. */
export const registrable = (list: string): string => grantScopes(list, EVERYTHING, SCOPE_TYPES);

/** What is wrong with the restricted scopes of a list. The texts name types and parameters, and repeat no value. */
export interface ScopeFaults {
  /** Each restricted scope that is not granted (P52). */
  readonly refused: readonly string[];
  /** The list is beyond a bound, so nothing of it is granted (P54). */
  readonly tooMuch?: string;
}
export function scopeFaults(list: string): ScopeFaults {
  if (list.length > MAX_SCOPE_LENGTH)
    return { refused: [], tooMuch: `the list is longer than ${MAX_SCOPE_LENGTH} characters` };
  const refused = new Set<string>();
  let restricted = 0;
  for (const scope of parseScopes(list)) {
    if (scope.kind !== 'resource' || scope.params === undefined) continue;
    restricted += 1;
    if (restricted > MAX_RESTRICTED)
      return { refused: [], tooMuch: `the list has more than ${MAX_RESTRICTED} scopes with parameters` };
    const read = readRestriction(scope.type, scope.params);
    if (read.ok) continue;
    if (read.tooMuch === true) return { refused: [], tooMuch: read.fault };
    refused.add(read.fault);
  }
  return { refused: [...refused] };
}

/** A restricted scope of a token. */
interface GrantedPart {
  /** In-order subset of `cruds`. */
  readonly interactions: string;
  readonly restriction: Restriction;
}
/** Granted scopes, parsed once so that the check of each request is cheap. */
export interface GrantedScopes {
  /** As in the token, space separated. */
  readonly text: string;
  readonly all: string;
  readonly types: ReadonlyMap<string, string>;
  /** By type, the parts of it that a restricted scope covers. */
  readonly parts: ReadonlyMap<string, readonly GrantedPart[]>;
  /** May call `$provider-member-match`. */
  readonly match: boolean;
}

/** Reads the scope of an access token. A restriction that this build cannot read permits nothing. */
export function readGranted(text: string): GrantedScopes {
  let all = '';
  let match = false;
  const types = new Map<string, string>();
  const parts = new Map<string, GrantedPart[]>();
  for (const scope of parseScopes(text)) {
    if (scope.kind === 'operation') match = true;
    else if (scope.params !== undefined) {
      const read = readRestriction(scope.type, scope.params);
      if (!read.ok) continue;
      const part = { interactions: scope.interactions, restriction: read.restriction };
      parts.set(scope.type, [...(parts.get(scope.type) ?? []), part]);
    } else if (scope.type === '*') all += scope.interactions;
    else types.set(scope.type, (types.get(scope.type) ?? '') + scope.interactions);
  }
  return { text, all, types, parts, match };
}

/** Whether the scopes permit reading by id (`r`) or searching (`s`) the whole type. */
export function allows(scopes: GrantedScopes, type: string, interaction: Interaction): boolean {
  return scopes.all.includes(interaction) || (scopes.types.get(type)?.includes(interaction) ?? false);
}
/**
 * The restrictions of which a resource of the type must satisfy one (P53). Undefined if the scopes permit the whole
 * type, empty if they permit none of it.
 */
export function restrictionsOf(
  scopes: GrantedScopes,
  type: string,
  interaction: Interaction,
): readonly Restriction[] | undefined {
  if (allows(scopes, type, interaction)) return undefined;
  return (scopes.parts.get(type) ?? NO_PARTS)
    .filter(({ interactions }) => interactions.includes(interaction))
    .map(({ restriction }) => restriction);
}
const NO_PARTS: readonly GrantedPart[] = [];
/**
 * Whether the scopes permit the type or a part of it. A caller must then apply `restrictionsOf`; one that does not asks
 * `allows`.
 */
export const reaches = (scopes: GrantedScopes, type: string, interaction: Interaction): boolean =>
  restrictionsOf(scopes, type, interaction)?.length !== 0;
