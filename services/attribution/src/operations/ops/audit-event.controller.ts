import { Controller, Inject } from '@nestjs/common';
import { auditEvent, auditEventKey, disclosures, findDisclosures, type StoredDisclosure } from '@provider-access/audit';
import type { Disclosure } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import { searchsetBundle } from '@provider-access/fhir';
import { FHIR_TYPE, linkedQuery, PORTS, type ServicePorts, unknownParameter } from '@provider-access/service/http';
import { type Asked, type Audited, operation, Operation } from '@provider-access/service/operation';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { readAuditSearch } from './audit-search.ts';
import { cursorOf } from './page-cursor.ts';

/** Members that the AuditEvents of one page name at most, but for those of its first AuditEvent. */
const MOST_MEMBERS = 5000;

/**
 * The audit as AuditEvents, made from the view when they are read (ADR 0044, docs/disclosures.md). The path lies under
 * `/ops`, where no token of a provider is taken and which `INTERNAL_PORT` takes off the public port.
 */
const COMMON = { callers: ['auditor'], audit: 'explain', tag: 'Operations' } as const;
const answers = (description: string) => ({ description, type: FHIR_TYPE, schema: { type: 'object' } });
/** https://hl7.org/fhir/R4/http.html#search */
const SEARCH = operation({
  ...COMMON,
  route: 'GET /ops/audit/AuditEvent',
  summary: 'Search the audit as AuditEvents',
  description: 'It needs `patient`, `agent`, `date`, `outcome` or `entity`. No token of an app is taken here.',
  query: {
    parameters: [
      { name: 'patient', description: '`Patient/<id>`. The AuditEvents name this member alone.' },
      { name: 'agent', description: 'A `client_id`; `agent:identifier` takes it with its system.' },
      { name: 'date', description: 'A day or an instant, with eq, gt, ge, lt, le, sa or eb before it. Repeatable.' },
      { name: 'outcome', description: '0 (released) or 4 (refused).' },
      { name: 'entity', description: '`Patient/<id>` or `Group/<id>`.' },
      { name: '_count', description: 'At most 200 in a page. Default: 50.' },
      { name: '_page', description: 'From the `next` link of a Bundle.' },
    ],
    read: (own: URLSearchParams) => own,
  },
  answer: answers('A searchset Bundle, the newest first.'),
  refusals: ['required', 'invalid-value', 'not-supported', 'not-acceptable'],
});
/** https://hl7.org/fhir/R4/http.html#read */
const READ = operation({
  ...COMMON,
  route: 'GET /ops/audit/AuditEvent/{id}',
  summary: 'Read an AuditEvent',
  parameters: { id: 'As a search names it.' },
  query: { parameters: [], read: readNone },
  answer: answers('The AuditEvent.'),
  refusals: ['not-found'],
});

@Controller()
export class AuditEventController {
  private readonly reader: ViewReader;
  private readonly base: string;
  constructor(@Inject(PORTS) ports: ServicePorts, @Inject(CONFIG) config: AttributionConfig) {
    this.reader = ports.views.reader(disclosures);
    this.base = config.publicUrl;
  }

  @Operation(SEARCH)
  async search({ query: own, format }: Asked<typeof SEARCH>): Promise<Audited> {
    const { filter, count, after } = readAuditSearch(own, this.base);
    const parameters = linkedQuery(own, format);
    const { found, next } = await findDisclosures(this.reader, filter, { count, after });
    const page = bounded(found, filter.member);
    const rest = page.length < found.length ? page.at(-1)!.id : next;
    const body = searchsetBundle({
      selfUrl: this.url(parameters),
      ...(rest !== undefined && { nextUrl: this.url(parameters, cursorOf(rest)) }),
      entries: page.map((one) => {
        const resource = this.render(one, filter.member);
        return { fullUrl: `${this.base}/ops/audit/AuditEvent/${resource.id}`, line: JSON.stringify(resource) };
      }),
    });
    const shown = filter.member === undefined ? page.flatMap(({ disclosure }) => disclosure.members) : [filter.member];
    return { audit: [{ hourly: { members: [...new Set(shown)], resources: 0 } }], answer: { body } };
  }

  @Operation(READ)
  async read({ params: { id } }: Asked<typeof READ>): Promise<Audited> {
    const key = auditEventKey(id);
    const doc = key === undefined ? undefined : await this.reader.get(key.document);
    const disclosure = doc?.['disclosure'] as Disclosure | undefined;
    const known = key?.member === undefined || disclosure?.members[key.member] !== undefined;
    if (key === undefined || disclosure === undefined || !known)
      throw new Refusal('not-found', 'There is no such AuditEvent.');
    const members = key.member === undefined ? disclosure.members : [disclosure.members[key.member]!];
    return {
      audit: [{ released: { members, resources: 0 } }],
      answer: { json: auditEvent({ id: key.document, disclosure }, this.base, key.member) },
    };
  }

  /** A search for a member tells of this member alone, because the answer may be handed to the member. */
  private render(one: StoredDisclosure, member: string | undefined): ReturnType<typeof auditEvent> {
    const { members } = one.disclosure;
    const at = member === undefined || members.length === 1 ? undefined : members.indexOf(member);
    return auditEvent(one, this.base, at);
  }

  private url(parameters: URLSearchParams, page?: string): string {
    const own = new URLSearchParams(parameters);
    if (page !== undefined) own.set('_page', page);
    return `${this.base}/ops/audit/AuditEvent?${own}`;
  }
}

/** @throws Refusal */
function readNone(own: URLSearchParams): void {
  const [unknown] = own.keys();
  if (unknown !== undefined) throw unknownParameter('A read', unknown, []);
}

function bounded(found: readonly StoredDisclosure[], member: string | undefined): readonly StoredDisclosure[] {
  if (member !== undefined) return found;
  let members = 0;
  const end = found.findIndex((one) => (members += one.disclosure.members.length) > MOST_MEMBERS);
  return end < 0 ? found : found.slice(0, Math.max(1, end));
}
