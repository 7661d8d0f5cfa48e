import { Controller, Inject } from '@nestjs/common';
import { Facts } from '@provider-access/facts';
import { historyBundle, searchsetBundle } from '@provider-access/fhir';
import { Refusal, unknownResource } from '@provider-access/kernel';
import type { ViewReader } from '@provider-access/engines/views';
import {
  FHIR_TYPE,
  holds,
  linkedQuery,
  PORTS,
  queryOf,
  readGeneral,
  readHistoryQuery,
  type ServicePorts,
  urlWith,
} from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  type Entry,
  GENERAL_PARAMETERS,
  HISTORY_PARAMETERS,
  operation,
  Operation,
  PAGE_PARAMETER,
  ref,
} from '@provider-access/service/operation';
import { CONFIG, type ResourcesConfig } from '../../config.ts';
import { consentResource } from '../../consents/resource.ts';
import type { ConsentVersion } from '../../consents/statements.ts';
import { consents, consentsOf, consentWith, type FoundConsent } from '../../projections/consents.ts';
import { readForm } from '../search/search.controller.ts';
import { invalidLink, PAGE, PageLinks } from '../search/page-links.ts';
import { CONDITIONS, NOT_MODIFIED, versionAnswer } from '../read/texts.ts';
import { CONSENT_PARAMETERS, type ConsentSearch, readConsentSearch } from './search.ts';
import { FOR_MEMBERS, FOR_PORTAL, MEMBER_PORTAL, OF_A_CONSENT, ONLY_GENERAL, requireMember } from './texts.ts';

/** https://hl7.org/fhir/R4/http.html#read */
const READ = operation({
  ...OF_A_CONSENT,
  callers: FOR_MEMBERS.callers,
  route: 'GET /fhir/Consent/{id}',
  interaction: 'read',
  summary: 'Read a decision of a member',
  conditional: 'full-support',
  query: ONLY_GENERAL,
  headers: CONDITIONS,
  also: NOT_MODIFIED,
  answer: versionAnswer('The Consent, as PDex 2.2.0 defines it.'),
});
/** https://hl7.org/fhir/R4/http.html#vread */
const VREAD = operation({
  ...OF_A_CONSENT,
  route: 'GET /fhir/Consent/{id}/_history/{vid}',
  interaction: 'vread',
  summary: 'Read one version of a decision',
  conditional: 'full-support',
  query: ONLY_GENERAL,
  headers: CONDITIONS,
  also: NOT_MODIFIED,
  parameters: { ...OF_A_CONSENT.parameters, vid: 'The version, from `meta.versionId` or `ETag`.' },
  answer: versionAnswer('The version.'),
});
/** https://hl7.org/fhir/R4/http.html#history */
const HISTORY = operation({
  ...OF_A_CONSENT,
  route: 'GET /fhir/Consent/{id}/_history',
  interaction: 'history-instance',
  summary: 'List the versions of a decision, newest first',
  description:
    'A decision gets another version when a later one ends it: `provision.period.end` says when. The platform keeps ' +
    'the newest ten versions.',
  query: { parameters: [...HISTORY_PARAMETERS, PAGE_PARAMETER] },
  answer: { description: 'A Bundle of type `history`.', type: FHIR_TYPE, schema: ref('Bundle') },
});
/** https://hl7.org/fhir/R4/http.html#search */
const SEARCHED = {
  ...FOR_PORTAL,
  interaction: 'search-type',
  answer: { description: 'A searchset, newest decision first.', type: FHIR_TYPE, schema: ref('Bundle') },
} as const;
const SEARCH = operation({
  ...SEARCHED,
  callers: FOR_MEMBERS.callers,
  route: 'GET /fhir/Consent',
  summary: 'Search decisions of members',
  description:
    'Needs `patient` or `_id`, which the page of a member may leave out. No Consent means that the member ' +
    'permits. Decisions that have ended are in it, with `provision.period.end`. Of a member it has those that ' +
    'can still decide, and the last 40.',
  query: {
    parameters: [
      ...CONSENT_PARAMETERS.map(({ name, description }) => ({ name, description })),
      { name: '_count', description: 'Consents of a page, at most 200. Zero only counts.' },
      PAGE_PARAMETER,
      ...GENERAL_PARAMETERS,
    ],
  },
  refusals: [...FOR_PORTAL.refusals, 'required'],
});
const SEARCH_BY_POST = operation({
  ...SEARCHED,
  route: 'POST /fhir/Consent/_search',
  summary: 'Search decisions of members, with the parameters in the body',
  body: {
    content: { 'application/x-www-form-urlencoded': { schema: { type: 'object' }, example: { patient: 'm-000017' } } },
    parameters: readForm,
  },
  refusals: [...FOR_PORTAL.refusals, 'required', 'unsupported-media-type'],
});

const VERSION = /^[1-9][0-9]{0,8}$/;
const newestOf = ({ consent: { versions } }: FoundConsent): ConsentVersion => versions.at(-1)!;
const released = (members: readonly string[], resources: number): Entry => ({
  released: { members: [...members], resources },
});
const unknown = (): Audited => ({ audit: [{ refused: { reason: 'unknown-resource' } }], answer: unknownResource() });
/** @throws Refusal 403 if it names another member than that of the session */
function ofCaller(query: ConsentSearch, caller: Asked<typeof SEARCH>['caller']): ConsentSearch {
  for (const member of query.patients ?? []) requireMember(caller, member);
  return query;
}

/** Decisions of members, for the payer's portal (PEOPLE.md N20 to N22). */
@Controller()
export class ConsentsController {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) ports: ServicePorts,
    @Inject(CONFIG) private readonly config: ResourcesConfig,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(PageLinks) private readonly links: PageLinks,
  ) {
    this.reader = ports.views.reader(consents);
  }

  @Operation(READ)
  async read({ params, caller }: Asked<typeof READ>): Promise<Audited> {
    const found = await this.find(params.id);
    const isForeign = caller?.member !== undefined && found?.member !== caller.member.id;
    return found === undefined || isForeign ? unknown() : this.versionOf(found, newestOf(found));
  }

  @Operation(VREAD)
  async vread({ params: { id, vid } }: Asked<typeof VREAD>): Promise<Audited> {
    const found = await this.find(id);
    const version = VERSION.test(vid) ? found?.consent.versions.find(({ n }) => n === Number(vid)) : undefined;
    return found === undefined || version === undefined ? unknown() : this.versionOf(found, version);
  }

  @Operation(HISTORY)
  async history({ params: { id }, base, given, request }: Asked<typeof HISTORY>): Promise<Audited> {
    const path = `Consent/${id}/_history`;
    const { own, first, format, after } = this.understand(request.headers.accept, given, path);
    const query = readHistoryQuery(first);
    const found = await this.find(id);
    if (found === undefined) return unknown();
    const { versions } = found.consent;
    const fitting = versions
      .map((version, i) => ({
        version,
        lastUpdated: Date.parse(version.at),
        supersededAt: i + 1 < versions.length ? Date.parse(versions[i + 1]!.at) : Infinity,
      }))
      .filter((one) => (query.since === undefined || one.lastUpdated >= query.since) && holds(query, one))
      .filter(({ version }) => after === undefined || version.n < Number(after))
      .toReversed();
    const page = fitting.slice(0, query.count);
    const text = linkedQuery(queryOf(query), format).toString();
    const next =
      page.length < fitting.length ? this.nextOf(path, path, text, String(page.at(-1)!.version.n)) : undefined;
    const fullUrl = `${base}/Consent/${id}`;
    const body = historyBundle({
      selfUrl: urlWith(`${base}/${path}`, linkedQuery(own, format)),
      nextUrl: next,
      total: after === undefined && next === undefined ? page.length : undefined,
      entries: page.map(({ version }) => ({
        fullUrl,
        url: `Consent/${id}`,
        versionId: version.n,
        lastModified: version.at,
        line: this.lineOf(found, version),
      })),
    });
    return { audit: [released([found.member], page.length)], answer: { body } };
  }

  @Operation(SEARCH)
  search(asked: Asked<typeof SEARCH>): Promise<Audited> {
    return this.searched(asked, 'Consent');
  }
  @Operation(SEARCH_BY_POST)
  searchByPost(asked: Asked<typeof SEARCH_BY_POST>): Promise<Audited> {
    return this.searched(asked, 'Consent/_search');
  }

  private async searched(
    { base, given, request, caller }: Pick<Asked<typeof SEARCH>, 'base' | 'given' | 'request' | 'caller'>,
    path: 'Consent' | 'Consent/_search',
  ): Promise<Audited> {
    const { own, first, format, after } = this.understand(request.headers.accept, given, 'Consent');
    const query = ofCaller(readConsentSearch(first, base, caller.member?.id), caller);
    const found = (await this.searchedFor(query)).map((one) => ({ ...one, line: this.lineOf(one, newestOf(one)) }));
    const fitting = found.filter(({ line }) => query.holds(JSON.parse(line) as Readonly<Record<string, unknown>>));
    const from = after === undefined ? 0 : fitting.findIndex(({ consent }) => consent.id === after) + 1;
    const page = fitting.slice(from, from + query.count);
    const hasMore = query.count > 0 && from + page.length < fitting.length;
    const text = linkedQuery(first, format).toString();
    const body = searchsetBundle({
      // The link of a search by POST shows no parameter of the body.
      selfUrl: path === 'Consent' ? urlWith(`${base}/${path}`, linkedQuery(own, format)) : `${base}/${path}`,
      nextUrl: hasMore ? this.nextOf('Consent', 'Consent', text, page.at(-1)!.consent.id) : undefined,
      total: fitting.length,
      entries: page.map(({ consent, line }) => ({ fullUrl: `${base}/Consent/${consent.id}`, line })),
    });
    const members = [...new Set([...(query.patients ?? []), ...page.map(({ member }) => member)])];
    return { audit: [released(members, page.length)], answer: { body } };
  }

  /** Newest first. */
  private async searchedFor({ patients, ids }: ConsentSearch): Promise<readonly FoundConsent[]> {
    this.facts.access.assertFresh();
    const found =
      ids === undefined
        ? (await Promise.all(patients!.map((member) => consentsOf(this.reader, member)))).flat()
        : (await Promise.all(ids.map((id) => consentWith(this.reader, id)))).flatMap((one) => one ?? []);
    return found
      .filter(({ member }) => patients?.includes(member) !== false)
      .toReversed()
      .toSorted((a, b) =>
        a.consent.recordedAt < b.consent.recordedAt ? 1 : a.consent.recordedAt > b.consent.recordedAt ? -1 : 0,
      );
  }

  private find(id: string): Promise<FoundConsent | undefined> {
    this.facts.access.assertFresh();
    return consentWith(this.reader, id);
  }

  private lineOf({ member, consent }: FoundConsent, version: ConsentVersion): string {
    return JSON.stringify(consentResource(consent, version, { member, payer: this.config.payer }));
  }

  private versionOf(found: FoundConsent, version: ConsentVersion): Audited {
    const members = [found.member];
    return {
      audit: [released(members, 1)],
      unchanged: () => [{ released: { members, resources: 0, reason: 'not-modified' } }],
      answer: {
        version: { tag: version.n, lastUpdated: Date.parse(version.at) },
        body: this.lineOf(found, version),
      },
    };
  }

  /** The parameters of a request, or of the first request of a page link. `path`: what the link is for. */
  private understand(accept: string | undefined, given: URLSearchParams, path: string) {
    const link = given.get(PAGE);
    const token = link === null ? undefined : this.links.read(link, MEMBER_PORTAL, path);
    const linked = new URLSearchParams(token?.query);
    const { own, format } = readGeneral(accept, given, linked);
    if (link !== null && (token?.after === undefined || own.size > 1)) throw invalidLink();
    const first = token === undefined ? own : readGeneral(undefined, linked).own;
    return { own, first, format, after: token?.after?.id };
  }

  /** @throws Refusal if the link would be too long */
  private nextOf(path: string, type: string, query: string, id: string): string {
    const link = this.links.write({ client: MEMBER_PORTAL, type, query, after: { member: '', id }, sealed: true });
    if (link === undefined) throw new Refusal('invalid-value', 'The search is too long for a link to its next page.');
    return `${this.config.publicUrl}/fhir/${path}?${PAGE}=${link}`;
  }
}
