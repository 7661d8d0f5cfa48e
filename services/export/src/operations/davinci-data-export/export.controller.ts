import { Controller, Inject } from '@nestjs/common';
import { Audit, auditedQuery } from '@provider-access/audit';
import { allows } from '@provider-access/domain/smart';
import { absentGroup, Facts, GroupLists, type OwnedGroup } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { operationOutcome } from '@provider-access/fhir';
import { FHIR_TYPE } from '@provider-access/service/http';
import {
  type Answer,
  type Asked,
  GENERAL_PARAMETERS,
  operation,
  Operation,
  ref,
} from '@provider-access/service/operation';
import { EXPORT_PARAMETERS, type ExportOperation as Name, type ExportParameter } from '@provider-access/domain/pdex';
import { CONFIG, type ExportConfig } from '../../config.ts';
import type { GivenParameter } from '../../domain/request/given.ts';
import { readParametersResource } from '../../domain/request/parameters-resource.ts';
import { strictFault } from '../../domain/request/strict.ts';
import { KickOffs } from './kick-off.ts';
import { givenOf } from './new-jobs.ts';

const OFFERED: readonly ExportParameter[] = EXPORT_PARAMETERS.filter(({ offered }) => offered);
/** The parameters that the operation takes on the URL. */
const parametersOf = (operation: Name) =>
  OFFERED.filter(({ operations, where }) => operations.includes(operation) && where !== 'body').map(
    ({ name, description }) => ({ name, description }),
  );

/** The handler writes the audit entry itself, because the entry must be durable before the job exists. */
const kickOff = (method: 'GET' | 'POST', name: Name) =>
  operation({
    route: `${method} /fhir/Group/{id}/${name}`,
    head: false,
    callers: 'app',
    refusedAs: 'export-requested',
    tag: 'Groups and exports',
    summary: `Start an export of a Group with ${name}${method === 'GET' ? ', by GET' : ''}`,
    description:
      'Bulk Data kick-off. Poll the URL in `Content-Location` until it answers 200. Each accepted request starts a ' +
      'new export.',
    parameters: { id: 'The id of the Group, from `GET /fhir/Group`.' },
    query: {
      parameters: [...parametersOf(name), ...GENERAL_PARAMETERS],
      read: (own) => [...own].map(([name, value]): GivenParameter => ({ name, value })),
    },
    headers: [
      {
        name: 'Prefer',
        description:
          '`respond-async`; `handling=lenient` ignores parameters that restrict nothing and cannot be applied; ' +
          '`separate-export-status`: status requests answer 200 and have the status of the export in a header.',
      },
    ],
    ...(method === 'POST' && { body: { content: { [FHIR_TYPE]: { schema: { type: 'object' }, example: EXAMPLE } } } }),
    answer: {
      status: 202,
      description: 'The export runs.',
      type: FHIR_TYPE,
      schema: ref('OperationOutcome'),
      headers: { 'Content-Location': 'The URL of its status.' },
    },
    refusals: [
      'invalid-request',
      'invalid-value',
      'required',
      'not-supported',
      'not-found',
      'method-not-allowed',
      'not-acceptable',
      'too-many-requests',
    ],
  });
const EXAMPLE = {
  resourceType: 'Parameters',
  parameter: [{ name: '_since', valueInstant: '2027-01-04T12:00:00Z' }],
};
const EXPORT = [kickOff('GET', '$export'), kickOff('POST', '$export')] as const;
const DAVINCI = [kickOff('GET', '$davinci-data-export'), kickOff('POST', '$davinci-data-export')] as const;
type AskedExport = Asked<(typeof EXPORT)[number]>;

@Controller()
export class ExportController {
  constructor(
    @Inject(GroupLists) private readonly lists: GroupLists,
    @Inject(Facts) private readonly facts: Facts,
    @Inject(Audit) private readonly audit: Audit,
    @Inject(KickOffs) private readonly kickOffs: KickOffs,
    @Inject(CONFIG) private readonly config: Pick<ExportConfig, 'strict' | 'manifest'>,
  ) {}

  @Operation(...EXPORT)
  export(asked: AskedExport): Promise<Answer> {
    return this.accept('$export', asked);
  }
  @Operation(...DAVINCI)
  davinciDataExport(asked: AskedExport): Promise<Answer> {
    return this.accept('$davinci-data-export', asked);
  }

  private async accept(name: Name, { client, scopes, params, query, request }: AskedExport): Promise<Answer> {
    if (this.config.manifest === 4 && request.method === 'GET')
      throw new Refusal('method-not-allowed', 'An export starts by POST (Bulk Data 4).', {
        headers: { allow: 'POST' },
      });
    if (this.config.strict) {
      const fault = strictFault(request.headers);
      if (fault !== undefined) throw fault;
    }
    const body = request.method === 'POST' ? bodyOf(request.body) : [];
    if (!allows(scopes, 'Group', 'r'))
      throw new Refusal(
        'insufficient-scope',
        'An export needs the scope system/Group.rs, and a scope for each type that it exports.',
      );
    const list = await this.assertOwn(client, params.id, givenOf({ query, body }));
    const prefer = request.headers['prefer'];
    const headers = await this.kickOffs.start({
      operation: name,
      group: params.id,
      list,
      url: request.url,
      query,
      body,
      prefer: Array.isArray(prefer) ? prefer.join(',') : prefer,
      client,
      scopes,
    });
    return {
      headers,
      json: operationOutcome(
        'information',
        'informational',
        'The export was accepted. Content-Location has the URL of its status.',
      ),
    };
  }

  /**
   * Gives one answer for every Group that does not exist for the client: unknown, of another provider, out of network.
   * Every refusal is audited, so that the time of the answer does not tell them apart either.
   * @throws FactsStale, or Refusal 404
   */
  private async assertOwn(client: string, id: string, query: ReturnType<typeof givenOf>): Promise<OwnedGroup> {
    this.facts.access.assertFresh();
    const list = await this.lists.one(client, id);
    if (!('denied' in list)) return list;
    const { denied: reason } = list;
    const about = reason === 'group-unknown' ? {} : { group: id };
    await this.audit.refuse({ client, action: 'export-requested', reason, ...about, ...auditedQuery(query) });
    throw absentGroup(list);
  }
}

function bodyOf(body: unknown): readonly GivenParameter[] {
  if (body === undefined || body === null || body === '') return [];
  return readParametersResource(body);
}
