import { createHmac, hash, randomBytes } from 'node:crypto';

/** Seconds that a person has to sign in at the identity provider. */
export const SIGN_IN_SECONDS = 600;

/** A sign-in that a browser has begun. Everything follows from the value of its cookie. */
export interface SignIn {
  /** The value of the cookie. */
  readonly cookie: string;
  /** The path to which the person returns. */
  readonly to: string;
  /** ms since the epoch. */
  readonly begunAt: number;
  readonly state: string;
  readonly nonce: string;
  readonly verifier: string;
}

/** Pages of ours. Nothing else may follow a sign-in, so that nobody can make it lead to another server. */
export const isOwnPage = (path: string): boolean =>
  path.length <= 200 && /^\/portal(\/[A-Za-z0-9_~-]+)*\/?$/.test(path);

const COOKIE = /^([A-Za-z0-9_-]{43})\.(\d{1,15})\.([A-Za-z0-9_-]{1,300})$/;

/** A new sign-in with a new secret. */
export function begin(to: string, now: number): SignIn {
  const secret = randomBytes(32).toString('base64url');
  return read(`${secret}.${now}.${Buffer.from(to).toString('base64url')}`)!;
}

/**
 * The sign-in of a cookie; undefined for any other text. State, nonce and verifier follow from the whole text. So a
 * cookie with another path or time has another state than the one that the identity provider returns.
 */
export function read(cookie: string): SignIn | undefined {
  const [, secret, time, path] = COOKIE.exec(cookie) ?? [];
  if (secret === undefined) return undefined;
  const to = Buffer.from(path!, 'base64url').toString('utf8');
  if (!isOwnPage(to)) return undefined;
  const derived = (name: string): string =>
    createHmac('sha256', secret).update(`${name} ${time} ${path}`).digest('base64url');
  return {
    cookie,
    to,
    begunAt: Number(time),
    state: derived('state'),
    nonce: derived('nonce'),
    // RFC 7636: 43 characters or more.
    verifier: derived('verifier'),
  };
}

/** The key under which a sign-in is used once. */
export const onceOf = ({ cookie }: SignIn): string => hash('sha256', cookie, 'hex');
