import { Inject, Injectable } from '@nestjs/common';
import { providersAt } from '@provider-access/domain/access';
import { type ClientRegistration, Parties } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import {
  type AssertionCheck,
  type AssertionClient,
  type AssertionResult,
  explainAssertion,
  type ExplainInput,
  type JwksSource,
  verifyClientAssertion,
} from '@provider-access/smart';
import { Clients } from '../../apps/clients.ts';
import { JWKS_SOURCE } from '../../apps/foreign-keys.ts';
import { type AuthConfig, CONFIG, urls } from '../../config.ts';
import { acceptedFormer } from '../../domain/client-keys.ts';
import { isWaiting } from '../../domain/client.ts';

const NO_BINDING = 'No provider is bound to this app now.';
const OUT_OF_NETWORK = 'None of the providers bound to this app is in the network of this payer now.';

/** What auth knows of a client that asks for a token. */
@Injectable()
export class AskingClients {
  constructor(
    @Inject(CONFIG) private readonly config: AuthConfig,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Parties) private readonly parties: Parties,
    @Inject(Clients) private readonly clients: Clients,
    @Inject(JWKS_SOURCE) private readonly jwksSource: JwksSource,
  ) {}

  /** @throws Refusal 503 while this process does not know the newest decisions about clients */
  requireCurrent(): void {
    if (!this.parties.current())
      throw new Refusal('unavailable', 'The server cannot check clients at the moment. Repeat the request.', {
        retryAfter: 1,
      });
  }

  /** Whether pa.registry has the client. */
  registered(client: string | undefined): boolean {
    return client !== undefined && this.parties.client(client) !== undefined;
  }

  /** Checks a client assertion, and uses up its `jti`. @throws EngineUnavailable */
  verify(assertion: string): Promise<AssertionResult> {
    return verifyClientAssertion({
      ...this.expected(),
      assertion,
      lookup: async (id) => this.keysOf(await this.clients.find(id)),
      claims: this.ports.state.claims,
    });
  }

  /** Explains a client assertion. Undefined if no key of an active client verifies it. @throws EngineUnavailable */
  async explain(
    assertion: string | undefined,
  ): Promise<{ registration: ClientRegistration; checks: readonly AssertionCheck[] } | undefined> {
    let registration: ClientRegistration | undefined;
    const explained = await explainAssertion({
      ...this.expected(),
      assertion,
      lookup: async (id) => {
        registration = await this.clients.findWithEqualWork(id);
        return this.keysOf(registration);
      },
      used: async (key) => (await this.ports.state.claims.get('jti', key)) !== undefined,
    });
    return explained && registration && { registration, checks: explained.checks };
  }

  /**
   * The keys with which the app proves its identity. An app that waits for its review and registered its keys can do
   * so. The answer then says that a reviewer has not approved it yet. A waiting app with a jwks_uri is treated as
   * unknown, because nobody has approved that this server fetches that URL. So are rejected and suspended apps.
   */
  keysOf(client: ClientRegistration | undefined): AssertionClient | undefined {
    if (
      client === undefined ||
      (client.status !== 'approved' && !(isWaiting(client.status) && client.jwks !== undefined))
    )
      return undefined;
    const { jwks, jwksUri, formerKeys } = client;
    return { jwks, jwksUri, former: acceptedFormer(formerKeys, this.ports.clock.now()) };
  }

  /**
   * Why no provider lets the app in now; undefined if one that it is bound to is in network (APPS.md P8). All of it is
   * in the memory of this process.
   */
  unbound({ client }: Pick<ClientRegistration, 'client'>): string | undefined {
    const now = this.parties.decisionTime(this.ports.clock.now());
    const known = this.parties.client(client);
    const providers = known === undefined ? [] : providersAt(known, now);
    if (providers.length === 0) return NO_BINDING;
    const isOpen = providers.some(
      (provider) =>
        this.parties.network(provider).findLast((change) => Date.parse(change.from) <= now)?.status === 'in-network',
    );
    return isOpen ? undefined : OUT_OF_NETWORK;
  }

  private expected(): Pick<ExplainInput, 'audiences' | 'now' | 'jwksSource'> {
    const { token } = urls(this.config.publicUrl);
    // Our issuer may stand beside the token endpoint.
    const audiences = { endpoint: [token, ...this.config.audiences], beside: [this.config.publicUrl] };
    return { audiences, now: this.ports.clock.now(), jwksSource: this.jwksSource };
  }
}
