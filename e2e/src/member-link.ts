import { createPrivateKey, randomUUID, sign, type webcrypto } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type HttpAnswer, http, json } from './road.ts';

/** The payer's portal that signs links for members, and the browser that opens them. */

type PortalKey = webcrypto.JsonWebKey & { readonly kid: string };
/** The private keys of the portal of `npm start`. */
export const portalKeys = (dataDir: string): readonly PortalKey[] =>
  (JSON.parse(readFileSync(join(dataDir, 'member-portal-keys.json'), 'utf8')) as { readonly keys: PortalKey[] }).keys;

export interface LinkOf {
  readonly base: string;
  readonly dataDir: string;
  readonly member: string;
  readonly more?: Readonly<Record<string, unknown>>;
}
/** A link as a portal signs it, by docs/member-link.md and without code of the platform. */
export function linkOf({ base, dataDir, member, more = {} }: LinkOf): string {
  const [key] = portalKeys(dataDir);
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: 'member-portal',
    sub: 'member-portal',
    aud: `${base}/auth/member-session`,
    iat: now,
    exp: now + 600,
    jti: randomUUID(),
    member,
    ...more,
  };
  const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
  const signed = `${part({ alg: 'ES384', kid: key!.kid, typ: 'JWT' })}.${part(claims)}`;
  const by = { key: createPrivateKey({ key: key!, format: 'jwk' }), dsaEncoding: 'ieee-p1363' } as const;
  const jwt = `${signed}.${sign('sha384', Buffer.from(signed), by).toString('base64url')}`;
  return `${base}/portal/member#${jwt}`;
}

/** A browser with one cookie, as the page uses it. */
export class MemberBrowser {
  readonly #base: string;
  #cookie = '';
  #csrf = '';
  constructor(base: string) {
    this.#base = base;
  }

  async open(link: string): Promise<HttpAnswer> {
    const answer = await http(`${this.#base}/auth/member-session`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...(this.#cookie !== '' && { cookie: this.#cookie }) },
      body: JSON.stringify({ link: link.slice(link.indexOf('#') + 1) }),
    });
    const [cookie] = answer.headers['set-cookie'] ?? [];
    if (answer.status === 201) {
      this.#cookie = cookie!.split(';')[0]!;
      this.#csrf = json<{ csrf: string }>(answer).csrf;
    }
    return answer;
  }

  ask(method: string, path: string, body?: object, type = 'application/json'): Promise<HttpAnswer> {
    return http(this.#base + path, {
      method,
      headers: {
        cookie: this.#cookie,
        ...(method !== 'GET' && { 'x-csrf-token': this.#csrf }),
        ...(body !== undefined && { 'content-type': type }),
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
  }
}
