import { Controller, Get, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit } from '@provider-access/audit';
import { bufferOf } from '@provider-access/events';
import { instant, Refusal } from '@provider-access/kernel';
import { historyBundle, type HistoryEntryLine } from '@provider-access/kernel/fhir';
import type { VersionsReader } from '@provider-access/facts/records';
import {
  type HistoryQuery,
  holds,
  linkedQuery,
  PORTS,
  queryOf,
  readGeneral,
  readHistoryQuery,
  readShape,
  SearchTurns,
  type ServicePorts,
  urlWith,
} from '@provider-access/service/http';
import { requireScope, SmartGuard, type SmartRequest } from '@provider-access/smart';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { VERSIONS } from '../../projections/index.ts';
import { FHIR_JSON, parametersOf, servedType } from '../fhir-request.ts';
import { ResourceFinder, type Seen } from '../find-resource.ts';
import { answerRemoved, answerVersion, type Asked, recordRelease, refuse } from '../release.ts';
import { PageLinks } from '../search/page-links.ts';
import { type ReadableVersion, storedRules, VersionsOf } from './versions-of.ts';

const PAGE = '_page';
/** A page ends with the entry that exceeds this size, although _count allows more entries. */
const MAX_PAGE_BYTES = 8 * 1024 * 1024;
const VERSION = /^[1-9][0-9]{0,8}$/;

/** A history that was understood, or one page of it. */
interface AskedHistory {
  readonly query: HistoryQuery;
  /** The query as text, with the `_format` of the client, for the links. */
  readonly text: string;
  /** The versionId of the last entry of the page before. */
  readonly before?: number;
  readonly self: string;
}
interface Page {
  readonly entries: readonly ReadableVersion[];
  /** The versionId of the last entry, if there are more. */
  readonly next?: number;
}

/** vread and history of one resource. https://hl7.org/fhir/R4/http.html#vread, …#history */
@Controller('fhir')
@UseGuards(SmartGuard)
export class HistoryController {
  private readonly base: string;
  private readonly versions: VersionsOf;
  constructor(
    @Inject(ResourceFinder) private readonly finder: ResourceFinder,
    @Inject(VERSIONS) versions: VersionsReader,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(PageLinks) private readonly links: PageLinks,
    @Inject(SearchTurns) private readonly turns: SearchTurns,
    @Inject(CONFIG) config: ResourcesConfig,
    @Inject(PORTS) { clock }: ServicePorts,
  ) {
    this.base = `${config.publicUrl}/fhir`;
    this.versions = new VersionsOf(finder, versions, storedRules(config, clock));
  }

  @Get(':type/:id/_history/:vid')
  async vread(
    @Param('type') type: string,
    @Param('id') id: string,
    @Param('vid') vid: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const about = this.asked('vread', type, request);
    const { own } = readGeneral(request.headers.accept, parametersOf(request.url));
    const asked = { ...about, shape: readShape(type, own, this.base) };
    const found = await this.finder.find(request.smart.client, type, id);
    if (found.kind === 'refused') return refuse(this.audit, asked, found);
    const version = VERSION.test(vid) ? await this.versions.one(found, Number(vid)) : undefined;
    if (version === undefined) return refuse(this.audit, asked, { ...found, reason: 'unknown-resource' });
    const { line } = version;
    if (line === undefined) return answerRemoved(this.audit, asked, found);
    return answerVersion(this.audit, asked, found, { ...version, line }, reply);
  }

  @Get(':type/:id/_history')
  async history(
    @Param('type') type: string,
    @Param('id') id: string,
    @Req() request: SmartRequest,
    @Res() reply: FastifyReply,
  ): Promise<void> {
    const asked = this.asked('history', type, request);
    const url = `${this.base}/${type}/${id}/_history`;
    const understood = this.understand(request, `${type}/${id}`, url);
    const { client } = request.smart;
    return this.turns.take(client, reply.raw, () => this.answer(asked, id, { url, ...understood }, reply));
  }

  private async answer(
    asked: Asked,
    id: string,
    { url, query, text, before, self }: AskedHistory & { readonly url: string },
    reply: FastifyReply,
  ): Promise<void> {
    const { type, request } = asked;
    const found = await this.finder.find(request.smart.client, type, id);
    if (found.kind === 'refused') return refuse(this.audit, asked, found);
    const { entries, next } = await this.page(found, query, before);
    await recordRelease(this.audit, asked, found, entries.filter(({ line }) => line !== undefined).length);
    const lines = entries.map(({ versionId, lastUpdated, line }): HistoryEntryLine => {
      const text = line === undefined ? {} : { line: bufferOf(line).toString('utf8') };
      const url = `${type}/${id}`;
      return { fullUrl: `${this.base}/${url}`, url, versionId, lastModified: instant(lastUpdated), ...text };
    });
    void reply
      .header('content-type', FHIR_JSON)
      .header('cache-control', 'no-store')
      .send(
        historyBundle({
          selfUrl: self,
          nextUrl: next === undefined ? undefined : `${url}?${PAGE}=${this.link(request, found, text, next)}`,
          total: before === undefined && next === undefined ? entries.length : undefined,
          entries: lines,
        }),
      );
  }

  private asked(action: 'vread' | 'history', type: string, request: SmartRequest): Asked {
    servedType(type);
    requireScope(request.smart.scopes, type, 'r');
    return { action, type, request };
  }

  private async page(seen: Seen, query: HistoryQuery, before: number | undefined): Promise<Page> {
    const entries: ReadableVersion[] = [];
    let bytes = 0;
    for await (const version of this.versions.newestFirst(seen, before)) {
      // Versions come newest first, so nothing behind this one is newer.
      if (query.since !== undefined && version.lastUpdated < query.since) break;
      if (!holds(query, version)) continue;
      const size = version.line?.byteLength ?? 0;
      const last = entries.at(-1);
      if (last !== undefined && (entries.length >= query.count || bytes + size > MAX_PAGE_BYTES))
        return { entries, next: last.versionId };
      entries.push(version);
      bytes += size;
    }
    return { entries };
  }

  /** Parses the request or its page link, which is bound to the client and the resource. */
  private understand({ url: asked, headers, smart }: SmartRequest, resource: string, url: string): AskedHistory {
    const given = parametersOf(asked);
    const link = given.get(PAGE);
    const token = link === null ? undefined : this.links.read(link, smart.client, `${resource}/_history`);
    const linked = new URLSearchParams(token?.query);
    const { own, format } = readGeneral(headers.accept, given, linked);
    if (link !== null && (token?.after === undefined || own.size > 1))
      throw new Refusal(
        'invalid-value',
        'This page link is not valid: follow the links of a Bundle unchanged, with the client that they were given to.',
        { expression: PAGE },
      );
    const query = readHistoryQuery(token === undefined ? own : readGeneral(undefined, linked).own);
    const text = linkedQuery(queryOf(query), format);
    const self = urlWith(url, link === null ? text : linkedQuery(own, format));
    return {
      query,
      text: text.toString(),
      self,
      ...(token?.after !== undefined && { before: Number(token.after.id) }),
    };
  }

  private link(request: SmartRequest, { head }: Seen, query: string, next: number): string | undefined {
    const { client } = request.smart;
    const type = `${head.type}/${head.id}/_history`;
    return this.links.write({ client, type, query, after: { member: head.member, id: String(next) } });
  }
}
