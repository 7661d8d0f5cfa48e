import { Controller, Get, Header, Inject, Param, Query, Req, UseGuards } from '@nestjs/common';
import type { FastifyRequest } from 'fastify';
import { auditEvent, auditEventKey, disclosures, findDisclosures, type StoredDisclosure } from '@provider-access/audit';
import type { Disclosure } from '@provider-access/events';
import type { ViewReader } from '@provider-access/engines/views';
import { Refusal } from '@provider-access/kernel';
import { searchsetBundle } from '@provider-access/kernel/fhir';
import { linkedQuery, PORTS, readGeneral, type ServicePorts, unknownParameter } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { readAuditSearch } from './audit-search.ts';
import { cursorOf } from './page-cursor.ts';

/** Members that the AuditEvents of one page name at most, but for those of its first AuditEvent. */
const MOST_MEMBERS = 5000;
const FHIR = 'application/fhir+json; charset=utf-8';

/**
 * The audit as AuditEvents, made from the view when they are read (ADR 0044, docs/disclosures.md). The path lies under
 * `/ops`, where no token of a provider is taken and which `INTERNAL_PORT` takes off the public port.
 */
@Controller('ops/audit/AuditEvent')
@UseGuards(StaticTokenGuard('administrator'))
export class AuditEventController {
  private readonly reader: ViewReader;
  private readonly base: string;
  constructor(@Inject(PORTS) ports: ServicePorts, @Inject(CONFIG) config: AttributionConfig) {
    this.reader = ports.views.reader(disclosures);
    this.base = config.publicUrl;
  }

  /** https://hl7.org/fhir/R4/http.html#search . The newest first. */
  @Get()
  @Header('content-type', FHIR)
  @Header('cache-control', 'no-store')
  async search(@Req() request: FastifyRequest, @Query() _all: unknown): Promise<Buffer> {
    const { own, format } = parametersOf(request);
    const { filter, count, after } = readAuditSearch(own, this.base);
    const parameters = linkedQuery(own, format);
    const { found, next } = await findDisclosures(this.reader, filter, { count, after });
    const page = bounded(found, filter.member);
    const rest = page.length < found.length ? page.at(-1)!.id : next;
    return searchsetBundle({
      selfUrl: this.url(parameters),
      ...(rest !== undefined && { nextUrl: this.url(parameters, cursorOf(rest)) }),
      entries: page.map((one) => {
        const resource = this.render(one, filter.member);
        return { fullUrl: `${this.base}/ops/audit/AuditEvent/${resource.id}`, line: JSON.stringify(resource) };
      }),
    });
  }

  /** https://hl7.org/fhir/R4/http.html#read */
  @Get(':id')
  @Header('content-type', FHIR)
  @Header('cache-control', 'no-store')
  async read(@Req() request: FastifyRequest, @Param('id') id: string, @Query() _all: unknown): Promise<string> {
    const [unknown] = parametersOf(request).own.keys();
    if (unknown !== undefined) throw unknownParameter('A read', unknown, []);
    const key = auditEventKey(id);
    const doc = key === undefined ? undefined : await this.reader.get(key.document);
    const disclosure = doc?.['disclosure'] as Disclosure | undefined;
    const known = key?.member === undefined || disclosure?.members[key.member] !== undefined;
    if (key === undefined || disclosure === undefined || !known)
      throw new Refusal('not-found', 'There is no such AuditEvent.');
    return JSON.stringify(auditEvent({ id: key.document, disclosure }, this.base, key.member));
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

/** `Accept` does not count under `/ops`. */
const parametersOf = ({ url }: FastifyRequest): ReturnType<typeof readGeneral> =>
  readGeneral(undefined, new URL(url, 'http://localhost').searchParams);

function bounded(found: readonly StoredDisclosure[], member: string | undefined): readonly StoredDisclosure[] {
  if (member !== undefined) return found;
  let members = 0;
  const end = found.findIndex((one) => (members += one.disclosure.members.length) > MOST_MEMBERS);
  return end < 0 ? found : found.slice(0, Math.max(1, end));
}
