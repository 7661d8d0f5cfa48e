import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { Inject, Injectable } from '@nestjs/common';
import { type Caller, nameOfPerson, Refusal } from '@provider-access/kernel';
import { type Session, Sessions, type SignedIn, STATIC_TOKENS, type StaticTokens } from '@provider-access/smart';
import { PortalLinks } from '../../apps/portal-links.ts';
import type { Described, IdentityProvider } from '../../people/identity-provider.ts';

const PREFIX = 'administrator ';
/** The identity provider of the deployment; undefined without one. */
export const IDENTITY_PROVIDER = Symbol('IdentityProvider');

interface Sealed extends Pick<Described, 'tokens'> {
  readonly subject: string;
}

/** Begins sessions, and confirms what they stand for. */
@Injectable()
export class Renewals {
  constructor(
    @Inject(Sessions) private readonly sessions: Sessions,
    @Inject(STATIC_TOKENS) private readonly tokens: StaticTokens,
    @Inject(IDENTITY_PROVIDER) private readonly provider: IdentityProvider | undefined,
    @Inject(PortalLinks) private readonly links: PortalLinks,
  ) {}

  /** @throws Refusal 404 where the administrator's token signs in */
  requireProvider(): IdentityProvider {
    if (this.provider === undefined)
      throw new Refusal('not-found', 'There is no identity provider here. Sign in with POST /auth/session.');
    return this.provider;
  }

  /** The holder of an administrator's token. @throws Refusal 409 where people sign in by name */
  ofToken({ name, mark }: Caller): SignedIn {
    if (this.provider !== undefined)
      throw new Refusal('conflict', 'People sign in at the identity provider here: GET /auth/session/sign-in.');
    return { name, mark, token: mark.slice(PREFIX.length) };
  }

  /** @throws Refusal 403 without a role */
  begin({ subject, roles, tokens }: Described): Promise<Session> {
    if (roles.length === 0) throw noRole();
    const name = nameOfPerson(subject);
    return this.sessions.begin({ name, mark: name }, roles, (secret) => seal({ subject, tokens }, secret));
  }

  /**
   * The session with the roles of now. It ends if nothing stands for it any more.
   * @throws Refusal 401 if the token or the sign-in does not count any more, 403 without a role, 503 if the identity
   * provider does not answer
   */
  async renew(session: Session): Promise<Session> {
    if (session.member !== undefined) {
      if (this.links.isAccepted(session.member)) return this.sessions.renew(session, session.roles);
    } else if (session.token !== undefined) {
      if (this.provider === undefined && this.tokens.hasMark('administrator', session.token))
        return this.sessions.renew(session, session.roles);
    } else if (this.provider !== undefined && session.sealed !== undefined) {
      const person = await this.described(this.provider, session, session.sealed);
      if (person !== undefined) {
        const { subject, roles, tokens } = person;
        if (roles.length > 0) return this.sessions.renew(session, roles, seal({ subject, tokens }, session.secret));
        await this.sessions.end(session);
        throw noRole();
      }
    }
    await this.sessions.end(session);
    throw new Refusal('invalid-token', 'The sign-in does not count any more. Sign in again.');
  }

  /** Undefined if the provider does not answer for the person any more. @throws Refusal 503 */
  private async described(
    provider: IdentityProvider,
    { secret }: Session,
    sealed: string,
  ): Promise<Described | undefined> {
    const known = open(sealed, secret);
    if (known === undefined) return undefined;
    try {
      return await provider.again(known.subject, known.tokens);
    } catch (error) {
      if (error instanceof Refusal && error.kind === 'forbidden') return undefined;
      throw error;
    }
  }
}

export const NO_ROLE = 'The identity provider gives you no role here. Ask for one, and sign in again.';
const noRole = (): Refusal => new Refusal('forbidden', NO_ROLE);

/** The state store does not have the secret of the cookie, so it cannot read the tokens of the identity provider. */
const keyOf = (secret: string): Buffer => Buffer.from(hkdfSync('sha256', secret, '', 'people/sealed', 32));
function seal(known: Sealed, secret: string): string {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', keyOf(secret), iv);
  const sealed = Buffer.concat([cipher.update(JSON.stringify(known), 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), sealed]).toString('base64url');
}
function open(sealed: string, secret: string): Sealed | undefined {
  const all = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', keyOf(secret), all.subarray(0, 12));
    decipher.setAuthTag(all.subarray(12, 28));
    const text = Buffer.concat([decipher.update(all.subarray(28)), decipher.final()]).toString('utf8');
    return JSON.parse(text) as Sealed;
  } catch {
    return undefined;
  }
}
