import { Inject, Injectable } from '@nestjs/common';
import { type Caller, Refusal } from '@provider-access/kernel';
import { type Session, Sessions, type SignedIn, STATIC_TOKENS, type StaticTokens } from '@provider-access/smart';

const PREFIX = 'administrator ';

/** Confirms what a session stands for. */
@Injectable()
export class Renewals {
  constructor(
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(STATIC_TOKENS) private readonly tokens: StaticTokens,
  ) {}

  /** The holder of an administrator's token. */
  ofToken({ name, mark }: Caller): SignedIn {
    return { name, mark, token: mark.slice(PREFIX.length) };
  }

  /** @throws Refusal 401 if the token was taken away. The session has ended then. */
  async renew(session: Session): Promise<Session> {
    if (session.token !== undefined && this.tokens.hasMark('administrator', session.token))
      return this.sessions.renew(session, session.roles);
    await this.sessions.end(session);
    throw new Refusal('invalid-token', 'The token that signed in is not accepted any more. Sign in again.');
  }
}
