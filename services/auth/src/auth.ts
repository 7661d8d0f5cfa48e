import type { Audit } from '@provider-access/audit';
import type { Parties } from '@provider-access/facts';
import type { ServicePorts } from '@provider-access/http';
import type { AccessTokens, Authenticator, JwksSource, SigningKeys, StaticTokens } from '@provider-access/smart';
import type { AuthConfig } from './config.ts';
import type { Registry } from './registry.ts';
import type { ReplayMemory } from './token/replay-memory.ts';

/** What of the party facts auth reads. */
export type AuthParties = Pick<Parties, 'client' | 'registration' | 'list' | 'network' | 'waitFor' | 'onChange' | 'ready' | 'failure'>;

/** What the controllers share: one object a container, nothing at module level. */
export interface Auth {
  readonly ports: ServicePorts;
  readonly config: AuthConfig;
  readonly parties: AuthParties;
  readonly registry: Registry;
  readonly keys: SigningKeys;
  readonly tokens: AccessTokens;
  readonly authenticator: Authenticator;
  readonly staticTokens: StaticTokens;
  readonly jwksSource: JwksSource;
  readonly replays: ReplayMemory;
  readonly audit: Pick<Audit, 'record'>;
}
export const AUTH = Symbol('Auth');
