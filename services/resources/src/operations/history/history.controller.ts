import { Controller, Inject } from '@nestjs/common';
import { bufferOf } from '@provider-access/events';
import { instant } from '@provider-access/kernel';
import { historyBundle, type HistoryEntryLine } from '@provider-access/fhir';
import {
  FHIR_TYPE,
  type HistoryQuery,
  holds,
  linkedQuery,
  queryOf,
  readGeneral,
  readHistoryQuery,
  urlWith,
} from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  HISTORY_PARAMETERS,
  type InTurn,
  inTurn,
  operation,
  Operation,
  PAGE_PARAMETER,
  ref,
} from '@provider-access/service/operation';
import { ResourceFinder, type Seen } from '../find-resource.ts';
import { OF_A_RESOURCE, OF_A_VERSION, RESOURCE, versionAnswer } from '../read/texts.ts';
import { refused, released, removed, versionOf } from '../release.ts';
import { invalidLink, PAGE, PageLinks } from '../search/page-links.ts';
import { type ReadableVersion, VersionsOf } from './versions-of.ts';

/** https://hl7.org/fhir/R4/http.html#vread */
const VREAD = operation({
  ...OF_A_VERSION,
  route: 'GET /fhir/{type}/{id}/_history/{vid}',
  audit: 'vread',
  interaction: 'vread',
  summary: 'Read one version of a resource',
  parameters: { ...RESOURCE, vid: 'The version, from `meta.versionId` or `ETag`.' },
  answer: versionAnswer('The version.'),
});
/** https://hl7.org/fhir/R4/http.html#history */
const HISTORY = operation({
  ...OF_A_RESOURCE,
  route: 'GET /fhir/{type}/{id}/_history',
  audit: 'history',
  interaction: 'history-instance',
  summary: 'List the versions of a resource, newest first',
  description:
    'Versions stay readable for 400 days after they were replaced, or as long as the payer configured. They pass ' +
    "today's rules: what is redacted or withheld today is so in old versions. A removal is an entry with `DELETE`.",
  parameters: RESOURCE,
  query: { parameters: [...HISTORY_PARAMETERS, PAGE_PARAMETER] },
  answer: { description: 'A Bundle of type `history`.', type: FHIR_TYPE, schema: ref('Bundle') },
  refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable', 'too-many-requests'],
});

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

@Controller()
export class HistoryController {
  constructor(
    @Inject(ResourceFinder) private readonly finder: ResourceFinder,
    @Inject(VersionsOf) private readonly versions: VersionsOf,
    @Inject(PageLinks) private readonly links: PageLinks,
  ) {}

  @Operation(VREAD)
  async vread({ client, scopes, type, params: { id, vid }, query: shape }: Asked<typeof VREAD>): Promise<Audited> {
    const found = await this.finder.find({ client, scopes }, type, id);
    if (found.kind === 'refused') return refused(found);
    const version = VERSION.test(vid) ? await this.versions.one(found, Number(vid)) : undefined;
    if (version === undefined) return refused({ ...found, reason: 'unknown-resource' });
    const { line } = version;
    return line === undefined ? removed(found) : versionOf(found, { ...version, line }, shape);
  }

  @Operation(HISTORY)
  history(asked: Asked<typeof HISTORY>): InTurn<Audited> {
    const understood = this.understand(asked);
    return inTurn(() => this.answer(asked, understood));
  }

  private async answer(
    { client, scopes, type, params: { id }, base }: Asked<typeof HISTORY>,
    { query, text, before, self }: AskedHistory,
  ): Promise<Audited> {
    const found = await this.finder.find({ client, scopes }, type, id);
    if (found.kind === 'refused') return refused(found);
    const { entries, next } = await this.page(found, query, before);
    const url = `${type}/${id}`;
    const fullUrl = `${base}/${url}`;
    const body = historyBundle({
      selfUrl: self,
      nextUrl: next === undefined ? undefined : `${fullUrl}/_history?${PAGE}=${this.link(client, found, text, next)}`,
      total: before === undefined && next === undefined ? entries.length : undefined,
      entries: entries.map(({ versionId, lastUpdated, line }): HistoryEntryLine => {
        const text = line === undefined ? {} : { line: bufferOf(line).toString('utf8') };
        return { fullUrl, url, versionId, lastModified: instant(lastUpdated), ...text };
      }),
    });
    return { audit: [released(found, entries.filter(({ line }) => line !== undefined).length)], answer: { body } };
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
  private understand({ client, type, params, base, given, request }: Asked<typeof HISTORY>): AskedHistory {
    const path = `${type}/${params.id}/_history`;
    const link = given.get(PAGE);
    const token = link === null ? undefined : this.links.read(link, client, path);
    const linked = new URLSearchParams(token?.query);
    const { own, format } = readGeneral(request.headers.accept, given, linked);
    if (link !== null && (token?.after === undefined || own.size > 1)) throw invalidLink();
    const query = readHistoryQuery(token === undefined ? own : readGeneral(undefined, linked).own);
    const text = linkedQuery(queryOf(query), format);
    const self = urlWith(`${base}/${path}`, link === null ? text : linkedQuery(own, format));
    return {
      query,
      text: text.toString(),
      self,
      ...(token?.after !== undefined && { before: Number(token.after.id) }),
    };
  }

  private link(client: string, { head }: Seen, query: string, next: number): string | undefined {
    const type = `${head.type}/${head.id}/_history`;
    return this.links.write({ client, type, query, after: { member: head.member, id: String(next) } });
  }
}
