import { Controller, Inject } from '@nestjs/common';
import { countedBy, membersOf } from '@provider-access/audit';
import { absentGroup } from '@provider-access/facts';
import type { RefusalReason } from '@provider-access/events';
import { instant, Refusal, unknownResource } from '@provider-access/kernel';
import { historyBundle, type Subset } from '@provider-access/fhir';
import {
  FHIR_TYPE,
  holds,
  linkedQuery,
  queryOf,
  readHistoryQuery,
  readShape,
  SHAPES,
  unknownParameter,
  urlWith,
} from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  type Entry,
  HISTORY_PARAMETERS,
  type InTurn,
  inTurn,
  operation,
  Operation,
  ref,
  SHAPE,
} from '@provider-access/service/operation';
import { shaped, showsMembers } from '../group-query.ts';
import { GroupView, type VisibleGroup } from '../group-view.ts';

/** The list of one provider, as this client sees it now. docs/regulation.md#groups */
const COMMON = { callers: 'app', scope: 'r', audit: 'group-read', tag: 'Groups and exports' } as const;
const GROUP = { id: 'The id of the Group, from `GET /fhir/Group`.' };
const OF_ONE = {
  ...COMMON,
  conditional: 'not-match',
  query: {
    parameters: SHAPE.parameters,
    read: (own: URLSearchParams, { base }: { readonly base: string }): Subset => readGroupShape(own, base),
  },
  headers: [
    { name: 'If-None-Match', description: 'The `ETag` of the Group that the app has: 304 if it is the newest.' },
  ],
  answer: {
    description: 'The Group.',
    type: FHIR_TYPE,
    schema: ref('Resource'),
    headers: { 'Content-Location': 'The URL of the Group, if it was found by the id that it had before.' },
  },
} as const;
/** https://hl7.org/fhir/R4/http.html#read */
const READ = operation({
  ...OF_ONE,
  route: 'GET /fhir/Group/{id}',
  interaction: 'read',
  summary: 'Read a Group',
  parameters: GROUP,
  refusals: ['invalid-value', 'not-supported', 'not-found', 'too-costly', 'too-many-requests'],
});
/** Only the version that the client sees now is one: ADR 0054. https://hl7.org/fhir/R4/http.html#vread */
const VREAD = operation({
  ...OF_ONE,
  route: 'GET /fhir/Group/{id}/_history/{vid}',
  interaction: 'vread',
  summary: 'Read the version of a Group that the app sees now',
  parameters: { ...GROUP, vid: 'The version, from `meta.versionId` or `ETag`.' },
  refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable', 'too-costly', 'too-many-requests'],
});
/** https://hl7.org/fhir/R4/http.html#history */
const HISTORY = operation({
  ...COMMON,
  route: 'GET /fhir/Group/{id}/_history',
  interaction: 'history-instance',
  summary: 'Read the history of a Group',
  description:
    'The version that the app sees now, if it fits the parameters. No former version is kept, because its members ' +
    'may have opted out since.',
  parameters: GROUP,
  query: { parameters: HISTORY_PARAMETERS, read: readHistoryQuery },
  answer: { description: 'A Bundle of type `history`.', type: FHIR_TYPE, schema: ref('Bundle') },
  refusals: ['invalid-value', 'not-supported', 'not-found', 'not-acceptable', 'too-costly', 'too-many-requests'],
});

type AskedGroup = Pick<Asked<typeof READ>, 'client' | 'params' | 'query' | 'base'>;

/** A Group has as many decisions as members, so it waits in turn as a search does (ADR 0055). */
@Controller()
export class GroupReadController {
  constructor(@Inject(GroupView) private readonly view: GroupView) {}

  @Operation(READ)
  read(asked: Asked<typeof READ>): InTurn<Audited> {
    return inTurn(() => this.answer(asked));
  }

  @Operation(VREAD)
  vread(asked: Asked<typeof VREAD>): InTurn<Audited> {
    return inTurn(() => this.answer(asked, asked.params.vid));
  }

  @Operation(HISTORY)
  history(asked: Asked<typeof HISTORY>): InTurn<Audited> {
    return inTurn(() => this.answerHistory(asked));
  }

  private async answerHistory({ client, params, query, base, format }: Asked<typeof HISTORY>): Promise<Audited> {
    const { id } = params;
    const visible = await this.visible(client, id, false);
    if ('audit' in visible) return visible;
    const { resource, lastUpdated, members } = visible;
    const isIn = (query.since === undefined || lastUpdated >= query.since) && holds(query, { lastUpdated });
    const url = `Group/${visible.id}`;
    const fullUrl = `${base}/${url}`;
    const entry = { fullUrl, url, versionId: lastUpdated, lastModified: instant(lastUpdated) };
    const body = historyBundle({
      selfUrl: urlWith(`${base}/Group/${id}/_history`, linkedQuery(queryOf(query), format)),
      total: isIn ? 1 : 0,
      entries: isIn ? [{ ...entry, line: JSON.stringify(resource) }] : [],
    });
    return { audit: [released(id, isIn ? members : undefined)], answer: { body } };
  }

  /** `vid`: the version that the client asks for; undefined for the current one. */
  private async answer({ client, params: { id }, query: shape, base }: AskedGroup, vid?: string): Promise<Audited> {
    const visible = await this.visible(client, id, !showsMembers(shape));
    if ('audit' in visible) return visible;
    const isFormer = visible.id !== id;
    const { resource, lastUpdated, members } = visible;
    if (vid !== undefined && vid !== String(lastUpdated)) return refused('unknown-resource');
    return {
      audit: [released(id, members)],
      unchanged: () => [released(id, undefined)],
      answer: {
        ...(isFormer && { headers: { 'content-location': `${base}/Group/${visible.id}` } }),
        version: { tag: lastUpdated, lastUpdated },
        body: () => JSON.stringify(shaped(resource, shape)),
      },
    };
  }

  /** The Group, or one answer for every denial. @throws FactsStale */
  private async visible(client: string, id: string, summary: boolean): Promise<VisibleGroup | Audited> {
    const group = await this.view.one(client, id);
    if ('denied' in group) return refused(group.denied, absentGroup(group));
    return this.view.render(client, group, summary).catch((error: unknown) => {
      if (error instanceof Refusal) return refused(error.kind, error);
      throw error;
    });
  }
}

const refused = (reason: RefusalReason, answer = unknownResource()): Audited => ({
  audit: [{ refused: { reason } }],
  answer,
});

/** `members`: undefined if the Group itself did not leave. */
const released = (group: string, members: readonly string[] | undefined): Entry => ({
  hourly: {
    resources: members === undefined ? 0 : 1,
    ...(members === undefined ? { members: [] } : membersOf(countedBy(members))),
    group,
  },
});

/** As in a search; any other parameter is refused. */
function readGroupShape(parameters: URLSearchParams, base: string): Subset {
  for (const name of parameters.keys())
    if (!SHAPES.includes(name)) throw unknownParameter('A read of a Group', name, SHAPES);
  return readShape('Group', parameters, base);
}
