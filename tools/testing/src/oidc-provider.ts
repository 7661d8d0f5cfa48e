import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { Provider } from 'oidc-provider';

export const CLIENT_ID = 'provider-access';
export const CLIENT_SECRET = 's'.repeat(43);

/** What a browser keeps of the provider. */
export interface Browser {
  readonly cookies: Map<string, string>;
  /** The names of the forms of the provider that the person filled in. */
  readonly asked: string[];
}
export const newBrowser = (): Browser => ({ cookies: new Map(), asked: [] });

/** An OpenID Connect provider of others, with people whose roles a test sets. */
export interface RealProvider {
  readonly issuer: string;
  /** Roles by login name. */
  readonly roles: Map<string, readonly string[]>;
  /** Signs a person in as a browser does, and returns the URL to which the browser is led back. */
  signIn(url: string, login: string, browser?: Browser): Promise<string>;
  /** People whose account was removed. */
  readonly gone: Set<string>;
  close(): Promise<void>;
}

export async function realProvider(redirectUri: string): Promise<RealProvider> {
  const server = createServer((request, response) => void provider.callback()(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const issuer = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const roles = new Map<string, readonly string[]>();
  const gone = new Set<string>();
  const { privateKey } = await generateKeyPair('RS256', { extractable: true });
  const provider = new Provider(issuer, {
    clients: [
      {
        client_id: CLIENT_ID,
        client_secret: CLIENT_SECRET,
        redirect_uris: [redirectUri],
        post_logout_redirect_uris: [new URL('/portal', redirectUri).href],
        grant_types: ['authorization_code', 'refresh_token'],
        response_types: ['code'],
      },
    ],
    jwks: { keys: [{ ...(await exportJWK(privateKey)), alg: 'RS256', use: 'sig', kid: 'k1' }] },
    cookies: { keys: ['cookie'] },
    claims: { openid: ['sub', 'roles'] },
    findAccount: (_context, sub) =>
      gone.has(sub)
        ? undefined
        : { accountId: sub, claims: () => ({ sub, ...(roles.has(sub) && { roles: roles.get(sub) }) }) },
    pkce: { required: () => true },
    // A short time of its own, so that the platform has to use its refresh token or the user info.
    ttl: { AccessToken: 3600, AuthorizationCode: 60, IdToken: 3600, Grant: 3600, Interaction: 3600, Session: 3600 },
  });
  return {
    issuer,
    roles,
    gone,
    signIn: (url, login, browser = newBrowser()) => asBrowser(url, login, issuer, browser),
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Follows redirects and fills in the forms of the provider, with cookies. */
async function asBrowser(start: string, login: string, issuer: string, browser: Browser): Promise<string> {
  const { cookies, asked } = browser;
  let url = start;
  let form: Record<string, string> | undefined;
  for (let step = 0; step < 12; step++) {
    const answer = await fetch(url, {
      method: form === undefined ? 'GET' : 'POST',
      redirect: 'manual',
      headers: {
        cookie: Array.from(cookies, ([name, value]) => `${name}=${value}`).join('; '),
        ...(form !== undefined && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      ...(form !== undefined && { body: new URLSearchParams(form).toString() }),
    });
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name, value] = /^([^=]+)=([^;]*)/.exec(cookie)!;
      if (value === '') cookies.delete(name!);
      else cookies.set(name!, value!);
    }
    form = undefined;
    const location = answer.headers.get('location');
    if (location !== null) {
      url = new URL(location, url).href;
      if (!url.startsWith(issuer)) return url;
      continue;
    }
    const page = await answer.text();
    const [, prompt] = /name="prompt" value="(\w+)"/.exec(page) ?? [];
    const [, xsrf] = /name="xsrf" value="(\w+)"/.exec(page) ?? [];
    asked.push(prompt ?? 'sign-out');
    if (xsrf !== undefined) {
      form = { xsrf, logout: 'yes' };
      url = new URL(/action="([^"]+)"/.exec(page)![1]!, url).href;
      continue;
    }
    if (answer.status !== 200 || prompt === undefined) throw new Error(`${answer.status} ${page.slice(0, 300)}`);
    form = prompt === 'login' ? { prompt, login, password: 'any' } : { prompt };
    url = new URL(/action="([^"]+)"/.exec(page)![1]!, url).href;
  }
  throw new Error('the sign-in at the provider does not end');
}
