import type { DisclosureFilter } from '@provider-access/audit';
import { instant, Refusal } from '@provider-access/kernel';
import { isId, parseDateSearch, parseToken } from '@provider-access/fhir';
import { unknownParameter } from '@provider-access/service/http';
import { documentOf, isCursor } from './page-cursor.ts';

/** The parameters of a search for AuditEvents: https://hl7.org/fhir/R4/auditevent.html#search */
export interface AuditSearch {
  readonly filter: DisclosureFilter;
  readonly count: number;
  readonly after: string | undefined;
}

const DEFAULT_COUNT = 50;
const MAX_COUNT = 200;
const OUTCOMES = { '0': 'released', '4': 'refused' } as const;
const OUTCOME_SYSTEM = 'http://terminology.hl7.org/CodeSystem/audit-event-outcome';
/** A client id is chosen by the platform, or by the payer for a client of a sandbox. */
const CLIENT = /^[\x21-\x7e]{1,200}$/;
const PARAMETERS = new Set(['patient', 'agent', 'agent:identifier', 'date', 'outcome', 'entity', '_count', '_page']);

const invalid = (name: string, text: string): Refusal => new Refusal('invalid-value', text, { expression: name });

/** @throws Refusal */
export function readAuditSearch(parameters: URLSearchParams, base: string): AuditSearch {
  for (const name of parameters.keys()) {
    if (!PARAMETERS.has(name)) throw unknownParameter('A search for AuditEvents', name, [...PARAMETERS]);
    if (name !== 'date' && parameters.getAll(name).length > 1) throw invalid(name, `${name} may be there once.`);
  }
  const one = <T>(name: string, read: (value: string) => T): T | undefined => {
    const value = parameters.get(name);
    return value === null ? undefined : read(value);
  };
  const entity = one('entity', (value) => readEntity(value, base));
  const patient = one('patient', (value) => readReference('patient', 'Patient', value, base));
  if (entity?.member !== undefined && patient !== undefined && entity.member !== patient)
    throw invalid('entity', 'patient and entity name two members. Search for each.');
  const member = patient ?? entity?.member;
  const agent = one('agent', readAgent);
  const identified = one('agent:identifier', (value) => readAgentIdentifier(value, base));
  if (agent !== undefined && identified !== undefined) throw invalid('agent', 'Give agent or agent:identifier.');
  const client = agent ?? identified;
  const period = readPeriod(parameters.getAll('date'));
  const outcome = one('outcome', readOutcome);
  const isBounded = [member, client, outcome, entity, period.from, period.before].some((one) => one !== undefined);
  // Each of them has an index. Without any, the whole audit would be listed.
  if (!isBounded)
    throw new Refusal('required', 'This search needs patient, agent, date, outcome or entity.', {
      expression: 'patient',
    });
  const after = one('_page', (value) => {
    if (!isCursor(value)) throw invalid('_page', 'The page link is not valid. Repeat the search from its first page.');
    return documentOf(value);
  });
  return {
    filter: { member, client, outcome, group: entity?.group, ...period },
    count: one('_count', readCount) ?? DEFAULT_COUNT,
    after,
  };
}

function readReference(name: string, type: string, value: string, base: string): string {
  const local = value.startsWith(`${base}/fhir/`) ? value.slice(base.length + '/fhir/'.length) : value;
  const id = local.startsWith(`${type}/`) ? local.slice(type.length + 1) : local;
  if (!isId(id)) throw invalid(name, `${name} must be ${type}/<id>.`);
  return id;
}
function readEntity(value: string, base: string): { readonly member?: string; readonly group?: string } {
  if (/(?:^|\/)Patient\/[^/]+$/.test(value)) return { member: readReference('entity', 'Patient', value, base) };
  if (/(?:^|\/)Group\/[^/]+$/.test(value)) return { group: readReference('entity', 'Group', value, base) };
  throw invalid('entity', 'entity must be Patient/<id> or Group/<id>. The audit keeps no id of other resources.');
}
function readAgent(value: string): string {
  if (!CLIENT.test(value)) throw invalid('agent', 'agent must be a client id.');
  return value;
}
function readAgentIdentifier(value: string, base: string): string {
  const token = parseToken(value);
  if (
    token?.code === undefined ||
    token.system === null ||
    (token.system ?? `${base}/auth/clients`) !== `${base}/auth/clients`
  )
    throw invalid('agent', `agent:identifier must be ${base}/auth/clients|<client id>.`);
  return readAgent(token.code);
}
function readOutcome(value: string): DisclosureFilter['outcome'] {
  const token = parseToken(value);
  const code = token?.system === undefined || token.system === OUTCOME_SYSTEM ? token?.code : undefined;
  const outcome = code === '0' || code === '4' ? OUTCOMES[code] : undefined;
  if (outcome === undefined) throw invalid('outcome', 'outcome must be 0 (released) or 4 (refused).');
  return outcome;
}
function readCount(value: string): number {
  if (!/^[1-9]\d{0,8}$/.test(value)) throw invalid('_count', '_count must be a whole number above 0.');
  return Math.min(Number(value), MAX_COUNT);
}

/** The instants between which all `date` parameters hold: [from, before). */
function readPeriod(values: readonly string[]): Pick<DisclosureFilter, 'from' | 'before'> {
  let [from, before] = [-Infinity, Infinity];
  for (const value of values) {
    const { prefix, range } = parseDateSearch(value) ?? {};
    if (prefix === undefined || range === undefined || prefix === 'ne' || prefix === 'ap')
      throw invalid('date', 'date must be a day or an instant, with eq, gt, ge, lt, le, sa or eb before it.');
    if (prefix === 'eq' || prefix === 'ge') from = Math.max(from, range.start);
    if (prefix === 'gt' || prefix === 'sa') from = Math.max(from, range.end);
    if (prefix === 'lt' || prefix === 'eb') before = Math.min(before, range.start);
    if (prefix === 'eq' || prefix === 'le') before = Math.min(before, range.end);
  }
  return {
    from: from > -Infinity ? instant(from) : undefined,
    before: before < Infinity ? instant(before) : undefined,
  };
}
