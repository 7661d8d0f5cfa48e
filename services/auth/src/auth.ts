import { type Audit, SampledRefusals } from '@provider-access/audit';
import { ClientDetails, Parties, PartiesPresence, type PresenceOptions, PresentReaders } from '@provider-access/facts';
import type { ServicePorts } from '@provider-access/service/http';
import {
  AccessTokens,
  Authenticator,
  JwksCache,
  type JwksSource,
  publishedKeys,
  RequestLimits,
  type Secret,
  type SigningKeys,
  type StaticTokens,
  TokenIssuer,
} from '@provider-access/smart';
import { Clients } from './clients.ts';
import type { AuthConfig } from './config.ts';
import { Applications } from './operations/register/applications.ts';
import { ForeignKeys } from './operations/register/foreign-keys.ts';
import { KeyChanges } from './operations/register/key-changes.ts';
import { Identifiers } from './operations/clients/identifiers.ts';
import { ReplayMemory } from './operations/token/replay-memory.ts';
import { Registry, type RegistryReader } from './registry.ts';
import { SigningRing } from './operations/signing-keys/signing-ring.ts';

export interface AuthParts {
  readonly ports: ServicePorts;
  readonly config: AuthConfig;
  readonly staticTokens: StaticTokens;
  readonly audit: Audit;
  /** Private keys that sign access tokens, from the file that all instances of auth share. */
  readonly keys: Secret<SigningKeys>;
  /** Parties of the other services in this process. auth acknowledges a change after they have read it. */
  readonly readers?: readonly RegistryReader[];
  /** Fetches the published keys of clients; by default from their jwks_uri. */
  readonly jwksSource?: JwksSource;
  /** Set if there are other processes: auth acknowledges a change after every running process has read it. */
  readonly presence?: PresenceOptions | undefined;
}

/** How long a registration waits for a reviewer: 30 days. */
const KEEP_REGISTRATIONS_MS = 30 * 24 * 60 * 60 * 1000;

/** The objects that the controllers of this service share. */
export class AuthContext {
  readonly ports: ServicePorts;
  readonly config: AuthConfig;
  readonly parties: Parties;
  readonly presence: PartiesPresence | undefined;
  readonly registry: Registry;
  readonly clients: Clients;
  readonly identifiers: Identifiers;
  readonly applications: Applications;
  readonly foreignKeys: ForeignKeys;
  readonly keyChanges: KeyChanges;
  readonly signing: SigningRing;
  /** Verifies tokens with the published signing keys. */
  readonly tokens: AccessTokens;
  readonly issuer: TokenIssuer;
  readonly authenticator: Authenticator;
  readonly staticTokens: StaticTokens;
  readonly jwksSource: JwksSource;
  readonly replays: ReplayMemory;
  readonly audit: Audit;
  /** Refusals of unknown callers. */
  readonly refusals: SampledRefusals;
  readonly limits: {
    /** Registrations of an address block. */
    readonly registrations: RequestLimits;
    /** Refused requests for a registration, by address block. */
    readonly registrationReads: RequestLimits;
    /** Registrations of all address blocks: each writes some 100 KB to the state store. */
    readonly registrationsOfAll: RequestLimits;
    /** Refused token requests of an address block, and of a client in an address block. */
    readonly tokens: RequestLimits;
    /** Token requests of all callers that name no approved client. */
    readonly strangers: RequestLimits;
  };

  constructor({ ports, config, staticTokens, audit, keys, presence, ...given }: AuthParts) {
    const details = new ClientDetails();
    const parties = new Parties(details);
    const { log, state, clock, metrics } = ports;
    const { publicUrl } = config;
    metrics.zero('pa_tokens_issued_total');
    metrics.zero('pa_token_refusals_total');
    metrics.zero('pa_registrations_dropped_total');
    const others = presence === undefined ? [] : [new PresentReaders(presence.port)];
    this.ports = ports;
    this.config = config;
    this.staticTokens = staticTokens;
    this.audit = audit;
    this.parties = parties;
    this.presence = presence && new PartiesPresence(parties, log, presence);
    this.registry = new Registry(
      ports,
      parties,
      [parties, ...(given.readers ?? []), ...others],
      config.acknowledgeWithinMs,
    );
    this.applications = new Applications(ports, {
      capacity: config.registrationsWaiting,
      keepMs: KEEP_REGISTRATIONS_MS,
    });
    this.clients = new Clients(details, this.applications);
    this.identifiers = new Identifiers(ports, parties);
    this.signing = new SigningRing({ ports, keys, parties, registry: this.registry, presence });
    this.tokens = new AccessTokens({ keys: publishedKeys(parties), publicUrl, clock, metrics });
    this.issuer = new TokenIssuer({ key: () => this.signing.key(), publicUrl, clock });
    this.authenticator = new Authenticator(this.tokens, parties);
    this.jwksSource = given.jwksSource ?? new JwksCache({ clock, metrics, allowInsecure: config.allowInsecureJwks });
    this.foreignKeys = new ForeignKeys(details, this.jwksSource, clock);
    this.keyChanges = new KeyChanges({
      ports,
      known: parties,
      registry: this.registry,
      details,
      jwksSource: this.jwksSource,
      foreign: this.foreignKeys,
    });
    this.replays = new ReplayMemory(state.claims, clock);
    this.refusals = new SampledRefusals(audit, clock);
    this.limits = {
      registrations: new RequestLimits(clock, config.registrationsPerMinute),
      registrationReads: new RequestLimits(clock, config.refusalsPerMinute),
      registrationsOfAll: new RequestLimits(clock, config.registrationsOfAllPerMinute),
      tokens: new RequestLimits(clock, config.refusalsPerMinute),
      strangers: new RequestLimits(clock, config.strangersPerMinute),
    };
  }
}
