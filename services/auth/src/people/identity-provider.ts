import { PERSON_ROLES, type PersonRole, Refusal } from '@provider-access/kernel';
import { ConfigurationError, readSecretFile } from '@provider-access/service/config';
import { issuerFetch, type IssuerFetchOptions, ProviderUnreachable } from '@provider-access/smart';
import * as oidc from 'openid-client';
import type { IdentityProviderConfig } from './settings.ts';
import type { SignIn } from './sign-in.ts';

/** ms: the document of the provider is fetched again after this time. */
const DISCOVERED_MS = 3_600_000;
const CALLBACK = '/auth/session/callback';
/** OpenID Connect Core, section 2: at most 255 ASCII characters. */
const SUBJECT = /^[\x21-\x7e]{1,255}$/;

type Claims = Readonly<Record<string, unknown>>;
/** A person, as the identity provider describes it now. */
export interface Described {
  readonly subject: string;
  readonly roles: readonly PersonRole[];
  /** What asks the provider again. */
  readonly tokens: { readonly access: string; readonly refresh?: string };
}
type Tokens = oidc.TokenEndpointResponse & oidc.TokenEndpointResponseHelpers;
export interface IdentityProviderOptions extends Pick<IssuerFetchOptions, 'allowInsecure' | 'timeoutMs' | 'resolve'> {
  readonly now: () => number;
  /** Gets why the provider could not be asked, without URLs and values. */
  readonly warn: (reason: string) => void;
}

/** The OpenID Connect provider at which people sign in (APPS.md P60): code flow with PKCE. */
export class IdentityProvider {
  readonly #config: IdentityProviderConfig;
  readonly #options: IdentityProviderOptions;
  #server: { readonly found: Promise<oidc.ServerMetadata>; readonly until: number } | undefined;
  #client:
    | { readonly of: oidc.ServerMetadata; readonly secret: string | undefined; readonly made: oidc.Configuration }
    | undefined;

  constructor(config: IdentityProviderConfig, options: IdentityProviderOptions) {
    this.#config = config;
    this.#options = options;
  }

  /** The page of the provider to which the browser goes. @throws Refusal 503 */
  signInUrl({ state, nonce, verifier }: SignIn): Promise<string> {
    return this.#asking(async () => {
      const client = await this.#configuration();
      this.#requirePage(client.serverMetadata().authorization_endpoint, 'sign-in');
      const url = oidc.buildAuthorizationUrl(client, {
        redirect_uri: this.#redirect(),
        scope: this.#config.scopes,
        code_challenge: await oidc.calculatePKCECodeChallenge(verifier),
        code_challenge_method: 'S256',
        state,
        nonce,
      });
      return url.href;
    });
  }

  /**
   * The page of the provider that signs the browser out there (OpenID Connect RP-Initiated Logout 1.0), or our own one
   * if it has none. Without an ID token in the URL the provider asks the person first. So the page of a stranger that
   * leads here signs nobody out, and nobody's subject stands in an address. @throws Refusal 503
   */
  signOutUrl(): Promise<string> {
    return this.#asking(async () => {
      const client = await this.#configuration();
      const { end_session_endpoint: page } = client.serverMetadata();
      const back = `${this.#config.base}/portal`;
      if (page === undefined) return back;
      this.#requirePage(page, 'sign-out');
      return oidc.buildEndSessionUrl(client, { post_logout_redirect_uri: back }).href;
    });
  }

  /** @throws ProviderUnreachable for a page to which no browser may be led, such as a script */
  #requirePage(page: string | undefined, what: 'sign-in' | 'sign-out'): void {
    const protocol = URL.parse(page ?? '')?.protocol;
    if (protocol !== 'https:' && !(this.#options.allowInsecure && protocol === 'http:'))
      throw new ProviderUnreachable(`its page for the ${what} is not https`);
  }

  /** Who has come back from the provider. `query`: the parameters of the callback. @throws Refusal 403, 503 */
  signedIn(query: URLSearchParams, { state, nonce, verifier }: SignIn): Promise<Described> {
    return this.#asking(async () => {
      const client = await this.#configuration();
      // From the configuration, never from the headers of the request.
      const url = new URL(`${this.#redirect()}?${query}`);
      const tokens = await oidc.authorizationCodeGrant(client, url, {
        expectedState: state,
        expectedNonce: nonce,
        pkceCodeVerifier: verifier,
        idTokenExpected: true,
      });
      return this.#described(client, tokens, tokens.claims()!.sub);
    });
  }

  /** The same person now. @throws Refusal 403 if the provider does not answer for the person any more, 503 */
  again(subject: string, { access, refresh }: Described['tokens']): Promise<Described> {
    return this.#asking(async () => {
      const client = await this.#configuration();
      if (refresh !== undefined) {
        const tokens = await oidc.refreshTokenGrant(client, refresh);
        return this.#described(client, tokens, subject, refresh);
      }
      const claims = await oidc.fetchUserInfo(client, access, subject);
      return { subject, roles: this.#rolesOf(claims), tokens: { access } };
    });
  }

  /** Takes the roles from the ID token, or from the user info if that has none. */
  async #described(client: oidc.Configuration, tokens: Tokens, subject: string, refresh?: string): Promise<Described> {
    const claims: Claims | undefined = tokens.claims();
    if (!SUBJECT.test(subject) || (claims !== undefined && claims['sub'] !== subject)) throw notThis();
    const { access_token: access, refresh_token: next = refresh } = tokens;
    const told =
      claims !== undefined && this.#valueOf(claims) !== undefined
        ? claims
        : client.serverMetadata().userinfo_endpoint === undefined
          ? {}
          : await oidc.fetchUserInfo(client, access, subject);
    return { subject, roles: this.#rolesOf(told), tokens: { access, ...(next !== undefined && { refresh: next }) } };
  }

  #valueOf(claims: Claims): unknown {
    let value: unknown = claims;
    for (const name of this.#config.claim)
      value =
        typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? (value as Claims)[name] : undefined;
    return value;
  }
  #rolesOf(claims: Claims): readonly PersonRole[] {
    const value = this.#valueOf(claims);
    const values: readonly unknown[] = Array.isArray(value) ? value : [value];
    const found = new Set(
      values.flatMap((one) => (typeof one === 'string' ? (this.#config.roles.get(one) ?? []) : [])),
    );
    return PERSON_ROLES.filter((role) => found.has(role));
  }

  #redirect(): string {
    return `${this.#config.base}${CALLBACK}`;
  }

  async #configuration(): Promise<oidc.Configuration> {
    const { clientId, secretFile } = this.#config;
    const of = await this.#discovered();
    // The file may have been replaced.
    const secret = secretFile === undefined ? undefined : readSecretFile('OIDC_CLIENT_SECRET_FILE', secretFile);
    if (this.#client?.of === of && this.#client.secret === secret) return this.#client.made;
    const made = new oidc.Configuration(
      of,
      clientId,
      secret,
      secret === undefined ? oidc.None() : authentication(of, secret),
    );
    this.#prepare(made);
    this.#client = { of, secret, made };
    return made;
  }
  #prepare(client: oidc.Configuration): void {
    client[oidc.customFetch] = this.#fetch();
    client.timeout = this.#options.timeoutMs / 1000;
    if (this.#options.allowInsecure) oidc.allowInsecureRequests(client);
    // TLS to the token endpoint would do for OpenID Connect. The signature is checked all the same.
    oidc.enableNonRepudiationChecks(client);
  }
  #fetch(): oidc.CustomFetch {
    return issuerFetch({ ...this.#options, issuer: this.#config.issuer }) as oidc.CustomFetch;
  }

  /** Requests at the same time share one fetch of the document. One that failed is not kept. */
  #discovered(): Promise<oidc.ServerMetadata> {
    const now = this.#options.now();
    const known = this.#server;
    if (known !== undefined && now < known.until && known.until <= now + DISCOVERED_MS) return known.found;
    const { issuer, clientId } = this.#config;
    const found = oidc
      .discovery(new URL(issuer), clientId, undefined, oidc.None(), {
        [oidc.customFetch]: this.#fetch(),
        timeout: this.#options.timeoutMs / 1000,
        ...(this.#options.allowInsecure && { execute: [oidc.allowInsecureRequests] }),
      })
      .then(
        (client) => client.serverMetadata(),
        (error: unknown) => {
          throw new ProviderUnreachable(reasonOf(error) ?? 'its document cannot be used');
        },
      );
    this.#server = { found, until: now + DISCOVERED_MS };
    found.catch(() => (this.#server = undefined));
    return found;
  }

  /** No text of the provider reaches the browser or the log. */
  async #asking<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (error instanceof Refusal) throw error;
      const reason = reasonOf(error);
      if (reason === undefined) throw notThis();
      this.#options.warn(reason);
      throw new Refusal('unavailable', 'The identity provider cannot be asked at the moment. Try again.', {
        retryAfter: 5,
      });
    }
  }
}

const notThis = (): Refusal => new Refusal('forbidden', 'The identity provider did not sign you in. Start again.');

/** How the client proves itself at the token endpoint. */
const authentication = ({ token_endpoint_auth_methods_supported: methods }: oidc.ServerMetadata, secret: string) =>
  methods?.includes('client_secret_post') === true && !methods.includes('client_secret_basic')
    ? oidc.ClientSecretPost(secret)
    : oidc.ClientSecretBasic(secret);

/** Why the provider cannot be asked; undefined if it answered, and the answer signs nobody in. */
function reasonOf(error: unknown): string | undefined {
  for (let cause = error; cause instanceof Error; cause = cause.cause)
    if (cause instanceof ProviderUnreachable || cause instanceof ConfigurationError) return cause.message;
  return undefined;
}
