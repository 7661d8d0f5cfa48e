import { Controller, Inject } from '@nestjs/common';
import { allows } from '@provider-access/domain/smart';
import { operationOutcome } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { FHIR_TYPE, hasPreference } from '@provider-access/service/http';
import { SEPARATE_STATUS } from '@provider-access/jobs';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { CONFIG, type ExportConfig } from '../config.ts';
import { strictFault } from '../domain/request/strict.ts';
import { MOST_BUNDLES } from './match-limits.ts';
import { NewMatches } from './new-matches.ts';

/** The end of the path of the operation. */
export const MATCH_PATH = '/fhir/Group/$provider-member-match';

/** The handler writes the audit entry itself, because the entry must be durable before the job exists. */
const MATCH = operation({
  route: 'POST /fhir/Group/$provider-member-match',
  callers: 'app',
  refusedAs: 'export-requested',
  tag: 'Groups and exports',
  summary: 'Attest a treatment relationship, and get the Group of the members',
  description:
    'PDex 2.2.0. Each `MemberBundle` has a Patient, a Coverage and a Consent that attests the treatment. Poll ' +
    'the URL in `Content-Location` until it answers 200, as for an export. The files have Groups: the matched ' +
    `members, whom only this app can read for 30 days, and the others. At most ${MOST_BUNDLES} bundles.`,
  headers: [
    {
      name: 'Prefer',
      description: '`respond-async`; `separate-export-status` as for an export.',
    },
  ],
  body: {
    required: true,
    content: { [FHIR_TYPE]: { schema: { type: 'object' }, example: { resourceType: 'Parameters', parameter: [] } } },
  },
  answer: {
    status: 202,
    description: 'The match runs.',
    type: FHIR_TYPE,
    schema: ref('OperationOutcome'),
    headers: { 'Content-Location': 'The URL of its status.' },
  },
  refusals: ['invalid-request', 'too-large', 'too-costly', 'not-acceptable', 'too-many-requests'],
});

@Controller()
export class MatchController {
  constructor(
    @Inject(NewMatches) private readonly matches: NewMatches,
    @Inject(CONFIG) private readonly config: Pick<ExportConfig, 'strict'>,
  ) {}

  @Operation(MATCH)
  async match({ client, scopes, request }: Asked<typeof MATCH>): Promise<Answer> {
    if (this.config.strict) {
      const fault = strictFault(request.headers);
      if (fault !== undefined) throw fault;
    }
    if (!scopes.match && !(allows(scopes, 'Group', 'r') && allows(scopes, 'Group', 's')))
      throw new Refusal(
        'insufficient-scope',
        'A match needs the scope of the operation, http://hl7.org/fhir/us/davinci-pdex/OperationDefinition/' +
          'ProviderMemberMatch, or system/Group.rs.',
      );
    const prefer = request.headers['prefer'];
    const headers = await this.matches.start({
      client,
      url: request.url,
      body: request.body,
      separateStatus: hasPreference(Array.isArray(prefer) ? prefer.join(',') : prefer, SEPARATE_STATUS),
    });
    return {
      headers,
      json: operationOutcome(
        'information',
        'informational',
        'The match was accepted. Content-Location has the URL of its status.',
      ),
    };
  }
}
