import { createHmac, hash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { State } from '@provider-access/engines/state';
import {
  type Caller,
  type Clock,
  isPersonRole,
  MEMBER,
  type MemberRole,
  type PersonRole,
} from '@provider-access/kernel';
import type { RequestWithHeaders } from './authenticate.ts';

/** ms: the longest time from sign-in to the end. */
const LIFETIME_MS = 8 * 3_600_000;
/** ms: the longest time of a member who opened a link. Long enough to read, decide and print. */
const MEMBER_LIFETIME_MS = 15 * 60_000;
/** ms: a session that nobody renews ends. */
const IDLE_MS = 30 * 60_000;
/**
 * ms: how long services trust the roles of a session. Then auth asks the identity provider again, so that a role that
 * was taken away does not count for longer.
 */
const TRUSTED_MS = 5 * 60_000;
const ALIVE = 'people/sessions';
const groupOf = (id: string): string => `people/session/${id}`;
/** The sessions of a person, by the mark of the person. */
export const personGroup = (mark: string): string => `people/sessions-of/${hash('sha256', mark, 'hex')}`;
const HOLDER = 'roles';

/** Who signed in, and how. It never changes while the session lives. */
export interface SignedIn extends Omit<Caller, 'roles'> {
  /** The mark of the administrator's token that signed in. Absent for a person of the identity provider. */
  readonly token?: string;
}
/** What a renewal changes. */
interface Known {
  readonly roles: readonly (PersonRole | MemberRole)[];
  /** ms since the epoch: when the identity provider said the roles. */
  readonly at: number;
  /** What auth needs to ask the identity provider again, sealed with the secret of the cookie. */
  readonly sealed?: string;
}
export interface Session extends SignedIn, Known {
  /** The secret of the cookie. Only its hash is stored. */
  readonly secret: string;
  /** ms since the epoch: the end, however often the session is renewed. */
  readonly until: number;
}
export interface SessionsOptions {
  readonly state: Pick<State, 'claims' | 'presence'>;
  readonly clock: Clock;
  /** Whether people reach the platform by https. Otherwise the cookie cannot be `Secure`. */
  readonly isSecure: boolean;
}

const idOf = (secret: string): string => hash('sha256', secret, 'hex');
/** Characters of 32 bytes in base64url. */
const SECRET = /^[A-Za-z0-9_-]{43}$/;

/**
 * Sessions of people who signed in (APPS.md P60 to P62, ADR 0131). The cookie has a random secret. The state store has
 * what it stands for, by its hash, so every service sees the end of a session at once.
 *
 * A session is two records. The first is written at sign-in and removed at its end, and nothing writes it again. So a
 * renewal that runs during the sign-out cannot bring the session back. The second has what a renewal changes.
 */
export class Sessions {
  readonly cookieName: string;
  readonly #options: SessionsOptions;
  constructor(options: SessionsOptions) {
    this.#options = options;
    // A page of another host of the domain cannot set a cookie with this prefix (session fixation).
    this.cookieName = options.isSecure ? '__Host-pa-session' : 'pa-session';
  }

  /** A new session with a new secret, whatever cookie the browser had. */
  async begin(who: SignedIn, roles: Known['roles'], seal?: (secret: string) => string): Promise<Session> {
    const { claims } = this.#options.state;
    const now = this.#options.clock.now();
    const secret = randomBytes(32).toString('base64url');
    const sealed = seal?.(secret);
    const session: Session = {
      ...who,
      roles,
      at: now,
      secret,
      until: now + (who.member === undefined ? LIFETIME_MS : MEMBER_LIFETIME_MS),
      ...(sealed !== undefined && { sealed }),
    };
    await this.#announce(session);
    const { name, mark, token, member } = who;
    const { until } = session;
    await claims.claim(ALIVE, idOf(secret), JSON.stringify({ name, mark, token, member, until }), until);
    return session;
  }

  /** The session of the cookie of a request. Undefined for any other cookie, and after its end. */
  async find(request: RequestWithHeaders): Promise<Session | undefined> {
    const secret = this.secretOf(request);
    if (secret === undefined) return undefined;
    const id = idOf(secret);
    const { claims, presence } = this.#options.state;
    const [alive, [known]] = await Promise.all([claims.get(ALIVE, id), presence.list(groupOf(id))]);
    if (alive === undefined || known === undefined) return undefined;
    const { roles, ...rest } = known.data as Known;
    const who = JSON.parse(alive) as SignedIn & { until: number };
    // The session of a member has one role, whatever is stored. A release that knows fewer roles reads others as none.
    return { ...who, ...rest, roles: who.member === undefined ? roles.filter(isPersonRole) : [MEMBER], secret };
  }

  /**
   * Whether services still trust its roles. Otherwise it must be renewed. The clock of auth may be ahead of this one,
   * so the roles of a process with a slow clock count for ten minutes at most.
   */
  isTrusted({ at }: Session): boolean {
    return Math.abs(this.#options.clock.now() - at) < TRUSTED_MS;
  }

  /** Stores what the identity provider says now. Does nothing for a session that has ended meanwhile. */
  async renew(session: Session, roles: Known['roles'], sealed = session.sealed): Promise<Session> {
    const renewed = { ...session, roles, at: this.#options.clock.now(), ...(sealed !== undefined && { sealed }) };
    await this.#announce(renewed);
    return renewed;
  }

  /** When it resolves, no service accepts the session. */
  async end({ secret, mark }: Session): Promise<void> {
    await this.#end(idOf(secret), mark);
  }

  /**
   * Ends all sessions of a person (ADR 0146). When it resolves, no service accepts one that had begun before the call.
   * @param mark of the person, or of the administrator's token that signed in. Sessions of members have no such list.
   * @returns how many sessions lived
   */
  async endAll(mark: string): Promise<number> {
    const all = await this.#options.state.presence.list(personGroup(mark));
    const ended = await Promise.all(all.map(({ holder }) => this.#end(holder, mark)));
    return ended.filter(Boolean).length;
  }

  /** @returns whether the session lived */
  async #end(id: string, mark: string): Promise<boolean> {
    const { claims, presence } = this.#options.state;
    const alive = await claims.get(ALIVE, id);
    // One that is just beginning keeps its place in the list, so that the next call finds it.
    if (alive === undefined) return false;
    await claims.release(ALIVE, id, alive);
    await presence.leave(groupOf(id), HOLDER);
    await presence.leave(personGroup(mark), id);
    return true;
  }

  /** `Set-Cookie` of a session, or the one that removes it. */
  cookie(session: Session | undefined): string {
    const value = session?.secret ?? '';
    const seconds =
      session === undefined ? 0 : Math.max(0, Math.floor((session.until - this.#options.clock.now()) / 1000));
    const secure = this.#options.isSecure ? '; Secure' : '';
    return `${this.cookieName}=${value}; Path=/; Max-Age=${seconds}; HttpOnly; SameSite=Strict${secure}`;
  }

  /** The secret in the cookie of a request; undefined without one, or if another page has set a second one. */
  secretOf(request: RequestWithHeaders): string | undefined {
    const value = cookieOf(request, this.cookieName);
    return value !== undefined && SECRET.test(value) ? value : undefined;
  }

  async #announce({ secret, roles, at, sealed, until, mark, member }: Session): Promise<void> {
    const { presence } = this.#options.state;
    const known: Known = { roles, at, ...(sealed !== undefined && { sealed }) };
    const left = Math.max(1, Math.min(IDLE_MS, until - this.#options.clock.now()));
    const id = idOf(secret);
    await presence.announce(groupOf(id), HOLDER, known, left);
    // All members have one mark, so their list would have all of them.
    if (member === undefined) await presence.announce(personGroup(mark), id, {}, left);
  }
}

/** The value of a cookie that the request has exactly once. */
export function cookieOf({ headers }: RequestWithHeaders, name: string): string | undefined {
  const header = headers['cookie'];
  if (typeof header !== 'string' || header.length > 8192) return undefined;
  const values = header
    .split(';')
    .map((pair) => pair.trim())
    .filter((pair) => pair.startsWith(`${name}=`))
    .map((pair) => pair.slice(name.length + 1));
  return values.length === 1 ? values[0] : undefined;
}

/**
 * The token that each unsafe request of a session has in `X-CSRF-Token`. It follows from the secret of the cookie.
 * Pages of others can neither read it nor send the header.
 */
export const csrfOf = ({ secret }: Pick<Session, 'secret'>): string =>
  createHmac('sha256', secret).update('csrf').digest('base64url');

/** Whether a request comes from our own page. A safe request has no effect, and needs no proof. */
export function isOwnRequest(
  { method, headers }: RequestWithHeaders & { readonly method?: string | undefined },
  session: Session,
): boolean {
  if (method === 'GET' || method === 'HEAD') return true;
  // A browser says where a request comes from. Scripts of others cannot change it.
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  const given = Buffer.from(String(headers['x-csrf-token'] ?? ''));
  const expected = Buffer.from(csrfOf(session));
  return given.length === expected.length && timingSafeEqual(given, expected);
}
