import { type AnyRole, type Caller, isPersonRole, MEMBER, Refusal, type Role } from '@provider-access/kernel';
import { bearerToken, type RequestWithHeaders } from './authenticate.ts';
import { isOwnRequest, type Session, type Sessions } from './sessions.ts';
import { type StaticTokens, tokenMark } from './static-tokens.ts';

interface Request extends RequestWithHeaders {
  readonly method?: string | undefined;
}

/**
 * The kinds of token that have one of the roles. The administrator's token has every role of people, and no token is a
 * member.
 */
const tokensOf = (roles: readonly AnyRole[]): readonly Role[] => [
  ...new Set(roles.flatMap((role) => (role === MEMBER ? [] : isPersonRole(role) ? 'administrator' : role))),
];
const ended = (text: string): Refusal => new Refusal('invalid-token', text);

/** Who has one of the roles of an operation: the holder of a token, or a person with a session. */
export class Callers {
  readonly #tokens: StaticTokens;
  readonly #sessions: Sessions;
  constructor(tokens: StaticTokens, sessions: Sessions) {
    this.#tokens = tokens;
    this.#sessions = sessions;
  }

  /**
   * `known` gets a caller who proved who it is, before a refusal for want of a role. So the refusal can be audited. A
   * request with a token is decided by its token alone, because no browser adds one.
   * @throws Refusal 401 without a token or session that is in force; 403 for a person without any of the roles, and for
   * an unsafe request that does not come from our own page
   */
  async admit(request: Request, roles: readonly AnyRole[], known?: (caller: Caller) => void): Promise<Caller> {
    const isForPeople = roles.some(isPersonRole);
    const token = bearerToken(request);
    if (token !== undefined || this.#sessions.secretOf(request) === undefined) {
      const name = this.#tokens.require(request, tokensOf(roles));
      return { name, mark: `${name} ${tokenMark(token!)}` };
    }
    const session = await this.#sessions.find(request);
    if (session === undefined) throw ended('The session has ended. Sign in again.');
    known?.(session);
    if (!isOwnRequest(request, session))
      throw new Refusal('forbidden', 'The header X-CSRF-Token must have the value of csrf of GET /auth/session.');
    const isOfOne = roles.some((role) => (isPersonRole(role) || role === MEMBER) && session.roles.includes(role));
    // One text for all that a member cannot do.
    if (!isOfOne && session.member !== undefined)
      throw new Refusal('forbidden', 'The session of a member is for the decisions of this member alone.');
    if (!isOfOne)
      throw new Refusal(
        'forbidden',
        isForPeople
          ? `This needs one of the roles ${roles.filter(isPersonRole).join(', ')}.`
          : `This needs the ${tokensOf(roles).join(' or ')} token in the header Authorization: Bearer.`,
      );
    if (!this.#sessions.isTrusted(session))
      throw ended('The roles of the session must be confirmed: POST /auth/session/renew.');
    return session;
  }

  /**
   * The session of a request to renew or end it, whether its roles are trusted or not.
   * @throws Refusal 401 without a session, 403 for an unsafe request that does not come from our own page
   */
  async session(request: Request, known?: (caller: Caller) => void): Promise<Session> {
    const session = await this.#sessions.find(request);
    if (session === undefined) throw ended('There is no session, or it has ended. Sign in.');
    known?.(session);
    if (!isOwnRequest(request, session))
      throw new Refusal('forbidden', 'The header X-CSRF-Token must have the value of csrf of GET /auth/session.');
    return session;
  }
}
