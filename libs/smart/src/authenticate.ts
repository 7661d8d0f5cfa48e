import type { ClientFacts } from '@provider-access/domain/access';
import { Refusal } from '@provider-access/kernel';
import type { AccessToken, AccessTokens } from './access-tokens.ts';
import { addressBlock } from './address-block.ts';
import { RequestLimits } from './request-limits.ts';

/** The authenticated client of a request, as `request.smart`. */
export type SmartContext = Pick<AccessToken, 'client' | 'scopes'>;
/** The part of a request that authentication reads. Requests of Node and of Fastify have it. */
export interface RequestWithHeaders {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Address of the sender, for limits. */
  readonly ip?: string;
}
/** The part of `PartyFacts` that authentication reads. */
export interface Clients {
  client(id: string): ClientFacts | undefined;
  /** False while this process may have missed an acknowledged decision. All requests are then refused. */
  current?(): boolean;
}

/** The token of `Authorization: Bearer …` (RFC 6750 §2.1), with the scheme in any case. */
export function bearerToken(request: RequestWithHeaders): string | undefined {
  const header = request.headers['authorization'];
  if (typeof header !== 'string') return undefined;
  if (header.startsWith('Bearer ')) return header.slice(7).trim();
  return header.slice(0, 7).toLowerCase() === 'bearer ' ? header.slice(7).trim() : undefined;
}

/** How often the client was approved. A token has the number of the approval under which it was issued. */
export const approvals = (client: ClientFacts): number =>
  client.history.filter((change) => change.status === 'approved').length;

/** Names the token that the route needs, because there are four kinds. */
const noToken = (): Refusal =>
  new Refusal(
    'invalid-token',
    'This route needs an access token in the header Authorization: Bearer. An app gets one from POST /auth/token.',
    { headers: { 'www-authenticate': 'Bearer' } },
  );
const badToken = (): Refusal =>
  new Refusal(
    'invalid-token',
    'This is no valid access token, or it has expired. An app gets a new one from POST /auth/token.',
    {
      headers: { 'www-authenticate': 'Bearer error="invalid_token"' },
    },
  );

/** Limit of tokens with a wrong signature for each minute, client and address block. An honest client sends none. */
const FORGED_PER_MINUTE = 60;

/**
 * Authenticates a client by its access token. The client must be approved, and the token must be of this approval. So a
 * token from before a suspension stays invalid after the client is approved again.
 */
export class Authenticator {
  readonly #tokens: AccessTokens;
  readonly #clients: Clients;
  readonly #forged: RequestLimits;
  /** Signature checks that run, by token: requests that come together with a new token share one. */
  readonly #checks = new Map<string, Promise<AccessToken | undefined>>();
  constructor(tokens: AccessTokens, clients: Clients) {
    this.#tokens = tokens;
    this.#forged = new RequestLimits(tokens.clock, FORGED_PER_MINUTE);
    this.#clients = clients;
  }

  /**
   * Returns no promise for a cached token. Throws Refusal: 401, 429 after many forged tokens, or 503 while the clients
   * may be stale.
   */
  authenticate(request: RequestWithHeaders): SmartContext | Promise<SmartContext> {
    const token = bearerToken(request);
    if (token === undefined) throw noToken();
    const known = this.#tokens.cached(token);
    if (known !== undefined) return this.#admit(known);
    // A forger can hardly guess the random id of a client, so refuse a token without an approved client before its
    // signature is checked.
    const claimed = this.#tokens.claimedBy(token);
    if (claimed === undefined || this.#clients.client(claimed)?.status !== 'approved') return this.#admit(undefined);
    return this.#verified(token, `${addressBlock(request.ip ?? '')} ${claimed}`);
  }

  /**
   * A caller who knows the id of an approved client can forge tokens for it. The limit bounds how many of them from one
   * address cost a signature check.
   */
  async #verified(token: string, sender: string): Promise<SmartContext> {
    const running = this.#checks.get(token);
    if (running !== undefined) return this.#admit(await running);
    const wait = this.#forged.take(sender);
    if (wait > 0)
      throw new Refusal('too-many-requests', 'Too many access tokens with a wrong signature from this address.', {
        retryAfter: wait,
      });
    const check = this.#tokens.verify(token);
    this.#checks.set(token, check);
    const verified = await check.finally(() => this.#checks.delete(token));
    if (verified !== undefined) this.#forged.giveBack(sender);
    return this.#admit(verified);
  }

  #admit(token: AccessToken | undefined): SmartContext {
    if (this.#clients.current?.() === false)
      throw new Refusal('unavailable', 'The server cannot check access at the moment. Repeat the request.', {
        retryAfter: 1,
      });
    if (!this.live(token)) throw badToken();
    return { client: token.client, scopes: token.scopes };
  }

  /** Whether the client of a verified token may use it now. */
  live(token: AccessToken | undefined): token is AccessToken {
    if (token === undefined) return false;
    const client = this.#clients.client(token.client);
    // An approval that this process does not know yet is a later one.
    return client?.status === 'approved' && token.approval >= approvals(client);
  }
}
