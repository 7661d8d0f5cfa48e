import { Controller, Inject } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { Sessions } from '@provider-access/smart';
import { z } from 'zod';

const PERSON_TEXT = 'person must be a name as the audit has it, such as "person u-17" or "administrator 1a2b3c4d".';
const BODY = z.strictObject({
  // A subject of an identity provider has at most 255 characters.
  person: z.string(PERSON_TEXT).regex(/^[\x20-\x7e]{1,300}$/, PERSON_TEXT),
});
const END_ALL = operation({
  route: 'POST /auth/session/end-all',
  callers: ['operator', 'compliance'],
  tag: 'People who sign in',
  summary: 'End all sessions of a person at once',
  description:
    'For a person who has left, or whose role or device must not count any longer. When this answers, every process ' +
    'refuses the sessions that had begun. It keeps nobody from a new sign-in: take the role or the account away at ' +
    'the identity provider first. The audit records it with the person.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: BODY,
        fields: {
          person: '`person` and the subject, or `administrator` and the mark of a token, as decisions name it.',
        },
        example: { person: 'person u-17' },
      },
    },
  },
  answer: jsonObject('The number of sessions that ended.'),
  refusals: ['invalid-request', 'unavailable'],
});

/** Ends the sessions of somebody else (docs/signing-in.md, ADR 0146). */
@Controller()
export class EndAllController {
  constructor(
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  @Operation(END_ALL)
  async end({ body, caller }: Asked<typeof END_ALL>): Promise<Answer> {
    const read = BODY.safeParse(body ?? {});
    if (!read.success) throw new Refusal('invalid-request', read.error.issues[0]!.message);
    const { person } = read.data;
    // First the end: if the audit is away, the answer is 503, and the sessions have ended all the same.
    const ended = await this.sessions.endAll(person);
    await this.audit.record({
      client: caller.name,
      action: 'explain',
      outcome: 'released',
      operation: END_ALL.route,
      person,
      members: [],
      resources: 0,
    });
    return { json: { person, ended } };
  }
}
