import type { Audit, SampledRefusals } from '@provider-access/audit';
import type { PartiesPresence } from '@provider-access/facts';
import type { ServicePorts } from '@provider-access/service/http';
import type {
  AccessTokens,
  Authenticator,
  JwksSource,
  StaticTokens,
  TokenIssuer,
  RequestLimits,
} from '@provider-access/smart';
import type { AuthConfig } from './config.ts';
import type { Clients } from './clients.ts';
import type { Identifiers } from './review/identifiers.ts';
import type { Applications } from './registration/applications.ts';
import type { Registry } from './registry.ts';
import type { SigningRing } from './signing-keys/signing-ring.ts';
import type { ReplayMemory } from './token/replay-memory.ts';
import type { AuthParties } from './parties.ts';

/** Shared by the controllers: one object for each container, and nothing at module level. */
export interface Auth {
  readonly ports: ServicePorts;
  readonly config: AuthConfig;
  readonly parties: AuthParties;
  readonly presence?: PartiesPresence;
  readonly registry: Registry;
  readonly clients: Clients;
  readonly identifiers: Identifiers;
  readonly applications: Applications;
  readonly signing: SigningRing;
  /** Verifies tokens, by the keys of the registry. */
  readonly tokens: AccessTokens;
  readonly issuer: TokenIssuer;
  readonly authenticator: Authenticator;
  readonly staticTokens: StaticTokens;
  readonly jwksSource: JwksSource;
  readonly replays: ReplayMemory;
  readonly audit: Pick<Audit, 'record'>;
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
}
export const AUTH = Symbol('Auth');
