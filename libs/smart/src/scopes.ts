/**
 * SMART system scopes, v1 and v2 (docs/regulation.md#scopes). Pure.
 * Only reading is served: whatever is asked for beyond `r` and `s` is never granted.
 */
export type Interaction = 'r' | 's';

/**
 * Canonicals of the match operation: PDex 2.2 writes one, its OperationDefinition the other. Opaque: "may call match".
 */
export const MATCH_SCOPES = [
  'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/ProviderMemberMatch',
  'http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/provider-member-match',
] as const;
/** Strings that PDex 2.2 publishes and that are no SMART grammar, and what they mean. */
const ALIASES: Readonly<Record<string, string>> = {
  'system.Group.u?code=http://hl7.org/fhir/us/davinci-pdex/ValueSet/PDexMultiMemberMatchResultVS|pdexprovidergroup':
    'system/Group.rs',
};
const V1: Readonly<Record<string, string>> = { read: 'rs', write: 'cud', '*': 'cruds' };
const GRANTABLE = 'rs';
const GRAMMAR = /^system\/([A-Z][A-Za-z]{1,63}|\*)\.(read|write|\*|[a-z]{1,5})(\?(.+))?$/;
/** In order, each once: `rs` yes, `sr` and `rr` no. */
const CRUDS = /^(?=.)c?r?u?d?s?$/;

interface ResourceScope {
  readonly kind: 'resource';
  readonly version: 1 | 2;
  /** Resource type or `*`. */
  readonly type: string;
  /** In-order subset of `cruds`. */
  readonly interactions: string;
  /** What follows `?`: the scope covers only a part of the type. */
  readonly params?: string;
}
interface OperationScope {
  readonly kind: 'operation';
  readonly canonical: string;
}
export type Scope = ResourceScope | OperationScope;

/** One scope, or undefined for what is malformed, out of order, or not a system scope. */
export function parseScope(text: string): Scope | undefined {
  if ((MATCH_SCOPES as readonly string[]).includes(text)) return { kind: 'operation', canonical: text };
  const match = GRAMMAR.exec(ALIASES[text] ?? text);
  if (match === null) return undefined;
  const [, type, suffix, , params] = match as unknown as [
    string,
    string,
    string,
    string | undefined,
    string | undefined,
  ];
  const v1 = Object.hasOwn(V1, suffix) ? V1[suffix] : undefined;
  // A v1 scope has no parameters in its grammar.
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

const format = (version: 1 | 2, type: string, interactions: string): string =>
  `system/${type}.${version === 1 && interactions === 'rs' ? 'read' : interactions}`;
const common = (...sets: readonly string[]): string =>
  [...GRANTABLE].filter((i) => sets.every((s) => s.includes(i))).join('');

/** One asked scope against one registered: what both cover, or undefined. */
function intersect(asked: ResourceScope, registered: ResourceScope): string | undefined {
  // A restricted scope is granted as it is or not at all, and restrictions are not evaluated here: never wider than
  // asked or registered.
  if (asked.params !== undefined || registered.params !== undefined) return undefined;
  if (asked.type !== '*' && registered.type !== '*' && asked.type !== registered.type) return undefined;
  const interactions = common(asked.interactions, registered.interactions);
  return interactions === ''
    ? undefined
    : format(asked.version, asked.type === '*' ? registered.type : asked.type, interactions);
}

/**
 * The scopes to grant, space separated: what is asked for and registered and served, in the order asked, in the version
 * asked (v1 is echoed as v1). `''` when nothing is grantable. `served`: resource types that exist here; without it any.
 */
export function grantScopes(requested: string, registered: string, served?: ReadonlySet<string>): string {
  const allowed = parseScopes(registered);
  const granted = new Set<string>();
  for (const asked of parseScopes(requested)) {
    for (const own of allowed) {
      if (asked.kind === 'operation') {
        // Either spelling of the canonical is the same permission.
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

/** Granted scopes, prepared for the hot path. */
export interface GrantedScopes {
  /** As in the token, space separated. */
  readonly text: string;
  readonly all: string;
  readonly types: ReadonlyMap<string, string>;
  /** May call `$provider-member-match`. */
  readonly match: boolean;
}

/** Reads the scope of an access token. Restricted scopes permit nothing. */
export function readGranted(text: string): GrantedScopes {
  let all = '';
  let match = false;
  const types = new Map<string, string>();
  for (const scope of parseScopes(text)) {
    if (scope.kind === 'operation') match = true;
    else if (scope.params !== undefined) continue;
    else if (scope.type === '*') all += scope.interactions;
    else types.set(scope.type, (types.get(scope.type) ?? '') + scope.interactions);
  }
  return { text, all, types, match };
}

/** Whether the scopes permit reading by id (`r`) or searching (`s`) this type. */
export function allows(scopes: GrantedScopes, type: string, interaction: Interaction): boolean {
  return scopes.all.includes(interaction) || (scopes.types.get(type)?.includes(interaction) ?? false);
}
