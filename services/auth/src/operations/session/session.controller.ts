import { Controller, Inject } from '@nestjs/common';
import { PERSON_ROLES, Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { Callers, type Session, Sessions } from '@provider-access/smart';
import { z } from 'zod';
import { Renewals } from './renewals.ts';
import { shownSession } from './shown-session.ts';

const COMMON = { tag: 'People who sign in' } as const;
/** The handler asks for the session itself, because one whose roles are no longer trusted may be renewed and ended. */
const OF_SESSION = { ...COMMON, callers: 'anybody', security: ['person'] } as const;
const ANSWER = { description: 'The person, the roles and the CSRF token.', type: JSON_TYPE, schema: ref('Session') };

const ROLES_TEXT = `roles is a list of ${PERSON_ROLES.join(', ')}.`;
const SIGN_IN = z.strictObject({
  roles: z
    .array(z.enum(PERSON_ROLES as [string, ...string[]], ROLES_TEXT), ROLES_TEXT)
    .min(1, ROLES_TEXT)
    .optional(),
});
const BEGIN = operation({
  ...COMMON,
  route: 'POST /auth/session',
  callers: ['administrator'],
  summary: "Sign in with the administrator's token",
  description:
    'Sets the cookie of a session, for a browser. Without `roles` the session has every role. Refused where people ' +
    'sign in at an identity provider (docs/signing-in.html).',
  body: {
    content: {
      [JSON_TYPE]: { schema: SIGN_IN, fields: { roles: 'Only these roles, to see what each of them may do.' } },
    },
  },
  answer: { ...ANSWER, status: 201 },
  refusals: ['invalid-request', 'conflict'],
});
const SHOW = operation({
  ...OF_SESSION,
  route: 'GET /auth/session',
  summary: 'Tell who has signed in',
  answer: ANSWER,
  refusals: ['invalid-token'],
});
const RENEW = operation({
  ...OF_SESSION,
  route: 'POST /auth/session/renew',
  summary: 'Confirm the roles of a session',
  description:
    'Asks the identity provider again. Services trust the roles of a session for five minutes. A person who has no ' +
    'role any more gets 403, and the session ends.',
  answer: ANSWER,
  refusals: ['invalid-token', 'forbidden', 'unavailable'],
});
const END = operation({
  ...OF_SESSION,
  route: 'DELETE /auth/session',
  summary: 'Sign out',
  description: 'When this answers, every process refuses the session.',
  answer: { status: 204, description: 'The session has ended.' },
  refusals: ['invalid-token', 'forbidden', 'unavailable'],
});

/** Sessions of people (docs/signing-in.md, ADR 0131). */
@Controller()
export class SessionController {
  constructor(
    @Inject(Callers) private readonly callers: Callers,
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(Renewals) private readonly renewals: Renewals,
  ) {}

  @Operation(BEGIN)
  async begin({ request, body, caller }: Asked<typeof BEGIN>): Promise<Answer> {
    const read = SIGN_IN.safeParse(body ?? {});
    if (!read.success) throw new Refusal('invalid-request', read.error.issues[0]!.message);
    const roles = PERSON_ROLES.filter((role) => read.data.roles?.includes(role) ?? true);
    const who = this.renewals.ofToken(caller);
    // The secret is always a new one. A session that the browser had before ends.
    const before = await this.sessions.find(request);
    if (before !== undefined) await this.sessions.end(before);
    return this.shown(await this.sessions.begin(who, roles));
  }

  @Operation(SHOW)
  async show({ request }: Asked<typeof SHOW>): Promise<Answer> {
    return this.shown(await this.callers.session(request));
  }

  @Operation(RENEW)
  async renew({ request }: Asked<typeof RENEW>): Promise<Answer> {
    const session = await this.callers.session(request, (caller) => (request.caller = caller));
    return this.shown(await this.renewals.renew(session));
  }

  @Operation(END)
  async end({ request }: Asked<typeof END>): Promise<Answer> {
    const session = await this.callers.session(request, (caller) => (request.caller = caller));
    await this.sessions.end(session);
    return { headers: { 'set-cookie': this.sessions.cookie(undefined), 'cache-control': 'no-store' } };
  }

  private shown(session: Session): Answer {
    return shownSession(this.sessions, session);
  }
}
