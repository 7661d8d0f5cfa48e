import { Inject, Module, type DynamicModule, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit } from '@provider-access/audit';
import { READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/http';
import { AccessTokens, Authenticator, JwksCache, STATIC_TOKENS, type SigningKeys, type StaticTokens } from '@provider-access/smart';
import { AUTH, type Auth, type AuthParties } from './auth.ts';
import { authConfig, type AuthConfigInput } from './config.ts';
import { DiscoveryController } from './discovery/discovery.controller.ts';
import { IntrospectionController } from './introspection/introspection.controller.ts';
import { publishSigningKeys } from './publish-signing-keys.ts';
import { RegistrationController } from './registration/registration.controller.ts';
import { Registry, type RegistryReader } from './registry.ts';
import { ReviewController } from './review/review.controller.ts';
import { ReplayMemory } from './token/replay-memory.ts';
import { TokenController } from './token/token.controller.ts';

export interface AuthOptions {
  readonly ports: ServicePorts;
  readonly config: AuthConfigInput;
  /** Started by the runner. */
  readonly parties: AuthParties;
  readonly keys: SigningKeys;
  readonly staticTokens: StaticTokens;
  /** Who, beside the own parties, must have seen a change before it is acknowledged: the parties of the other services here. */
  readonly readers?: readonly RegistryReader[];
}

/** Bytes: a registration with 2,000 NPIs or 20 keys fits. */
const BODY_LIMIT = 64 * 1024;

function createAuth({ ports, config: input, parties, keys, staticTokens, readers }: AuthOptions): Auth {
  const config = authConfig.parse(input);
  const { log, clock } = ports;
  const tokens = new AccessTokens({ keys, publicUrl: config.publicUrl, clock });
  return {
    ports, config, parties, keys, tokens, staticTokens,
    registry: new Registry(ports, [parties, ...(readers ?? [])]),
    authenticator: new Authenticator(tokens, parties),
    jwksSource: new JwksCache({ clock, allowInsecure: config.allowInsecureJwks }),
    replays: new ReplayMemory(ports.state.claims, clock),
    audit: new Audit({ log, clock, source: 'urn:provider-access:auth' }),
  };
}

@Module({})
export class AuthModule implements OnApplicationBootstrap, OnModuleDestroy {
  private readonly auth: Auth;
  private readonly stopListening: () => void;

  constructor(@Inject(AUTH) auth: Auth, @Inject(HttpAdapterHost) host: HttpAdapterHost) {
    this.auth = auth;
    this.stopListening = auth.parties.onChange((client) => auth.tokens.drop(client));
    const fastify = host.httpAdapter.getInstance<FastifyInstance>();
    fastify.addHook('onRoute', (route) => {
      route.bodyLimit = BODY_LIMIT;
    });
    // A body of another media type arrives as none, so that the route names what it takes (RFC 6749: 400, not 415).
    fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => {
      done(null, undefined);
    });
  }

  static register(options: AuthOptions): DynamicModule {
    const auth = createAuth(options);
    const readiness: ReadinessCheck[] = [{
      name: 'registry',
      check: () => {
        const failure = auth.parties.failure();
        return Promise.resolve({ ready: auth.parties.ready() && failure === undefined, ...(failure !== undefined && { detail: failure }) });
      },
    }];
    return {
      module: AuthModule,
      controllers: [RegistrationController, TokenController, IntrospectionController, DiscoveryController, ReviewController],
      providers: [{ provide: AUTH, useValue: auth }, { provide: STATIC_TOKENS, useValue: options.staticTokens }, { provide: READINESS, useFactory: (): ReadinessCheck[] => readiness }],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.auth.replays.open();
    await publishSigningKeys(this.auth.ports, this.auth.keys);
  }
  onModuleDestroy(): void {
    this.stopListening();
  }
}
