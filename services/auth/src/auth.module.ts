import { Inject, Module, type DynamicModule, type OnApplicationBootstrap, type OnModuleDestroy } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit, SampledRefusals } from '@provider-access/audit';
import { type ClientDetails, PartiesPresence, type PresenceOptions, PresentReaders } from '@provider-access/facts';
import {
  behindUntrustedProxy,
  NO_TRUSTED_PROXY,
  READINESS,
  type ReadinessCheck,
  type ServicePorts,
} from '@provider-access/service/http';
import {
  AccessTokens,
  Authenticator,
  JwksCache,
  type JwksSource,
  publishedKeys,
  type Secret,
  type SigningKeys,
  STATIC_TOKENS,
  type StaticTokens,
  TokenIssuer,
  RequestLimits,
} from '@provider-access/smart';
import { AUTH, type Auth } from './auth.ts';
import type { AuthParties } from './parties.ts';
import { Clients } from './clients.ts';
import { authConfig, type AuthConfigInput } from './config.ts';
import { DiscoveryController } from './discovery/discovery.controller.ts';
import { IntrospectionController } from './introspection/introspection.controller.ts';
import { Applications } from './registration/applications.ts';
import { RegistrationController } from './registration/registration.controller.ts';
import { Registry, type RegistryReader } from './registry.ts';
import { Identifiers } from './review/identifiers.ts';
import { ReviewController } from './review/review.controller.ts';
import { SigningKeysController } from './signing-keys/signing-keys.controller.ts';
import { SigningRing } from './signing-keys/signing-ring.ts';
import { ReplayMemory } from './token/replay-memory.ts';
import { TokenController } from './token/token.controller.ts';

export interface AuthOptions {
  readonly ports: ServicePorts;
  readonly config: AuthConfigInput;
  /** Started by the runner. */
  readonly parties: AuthParties;
  /** What those parties filled: `new Parties(details)`. */
  readonly details: ClientDetails;
  /** Private keys of the access tokens, from the file that all instances of auth share. */
  readonly keys: Secret<SigningKeys>;
  readonly staticTokens: StaticTokens;
  /**
   * Readers that must know a change before it is acknowledged, beside our own parties: the parties of the other
   * services in this process.
   */
  readonly readers?: readonly RegistryReader[];
  /** Where published keys of clients come from; by default their jwks_uri. */
  readonly jwksSource?: JwksSource;
  /** Set where there are other processes: a change is acknowledged when every present process knows it. */
  readonly presence?: PresenceOptions;
}

/** How long a registration waits for a reviewer: 30 days. */
const KEEP_REGISTRATIONS_MS = 30 * 24 * 60 * 60 * 1000;
/** Bytes: a registration with 20 RSA keys fits. */
const BODY_LIMIT = 64 * 1024;

function createAuth({
  ports,
  config: input,
  parties,
  details,
  keys,
  staticTokens,
  readers = [],
  presence,
  jwksSource,
}: AuthOptions): Auth {
  const config = authConfig.parse(input);
  ports.metrics.zero('pa_tokens_issued_total');
  ports.metrics.zero('pa_token_refusals_total');
  ports.metrics.zero('pa_registrations_dropped_total');
  const { log, clock, metrics } = ports;
  const { publicUrl } = config;
  const registry = new Registry(
    ports,
    parties,
    [parties, ...readers, ...(presence === undefined ? [] : [new PresentReaders(presence.port)])],
    config.acknowledgeWithinMs,
  );
  const audit = new Audit({ log, clock, metrics, source: 'urn:provider-access:auth', tracing: ports.tracing });
  const applications = new Applications(ports, {
    capacity: config.registrationsWaiting,
    keepMs: KEEP_REGISTRATIONS_MS,
  });
  const signing = new SigningRing({ ports, keys, parties, registry, presence });
  const tokens = new AccessTokens({ keys: publishedKeys(parties), publicUrl, clock, metrics });
  return {
    ports,
    config,
    parties,
    registry,
    applications,
    clients: new Clients(details, applications),
    identifiers: new Identifiers(ports, parties),
    signing,
    tokens,
    staticTokens,
    ...(presence !== undefined && { presence: new PartiesPresence(parties, log, presence) }),
    issuer: new TokenIssuer({ key: () => signing.key(), publicUrl, clock }),
    authenticator: new Authenticator(tokens, parties),
    jwksSource: jwksSource ?? new JwksCache({ clock, metrics, allowInsecure: config.allowInsecureJwks }),
    replays: new ReplayMemory(ports.state.claims, clock),
    audit,
    refusals: new SampledRefusals(audit, clock),
    limits: {
      registrations: new RequestLimits(clock, config.registrationsPerMinute),
      registrationReads: new RequestLimits(clock, config.refusalsPerMinute),
      registrationsOfAll: new RequestLimits(clock, config.registrationsOfAllPerMinute),
      tokens: new RequestLimits(clock, config.refusalsPerMinute),
      strangers: new RequestLimits(clock, config.strangersPerMinute),
    },
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
    let warned = false;
    fastify.addHook('onRequest', (request, _reply, done) => {
      if (!warned && behindUntrustedProxy(request)) {
        warned = true;
        auth.ports.logger.warn({}, NO_TRUSTED_PROXY);
      }
      done();
    });
    // A body of another media type arrives as no body, so that the route can name what it accepts (RFC 6749: 400, not
    // 415).
    fastify.addContentTypeParser('*', { parseAs: 'string' }, (_request, _body, done) => {
      done(null, undefined);
    });
  }

  static register(options: AuthOptions): DynamicModule {
    const auth = createAuth(options);
    const readiness: ReadinessCheck[] = [
      {
        name: 'registry',
        check: () => {
          const failure = auth.parties.failure();
          return Promise.resolve({
            ready: auth.parties.ready() && failure === undefined,
            ...(failure !== undefined && { detail: failure }),
          });
        },
      },
      {
        name: 'signing key',
        check: () =>
          Promise.resolve(
            auth.signing.key() === undefined
              ? { ready: false, detail: 'no signing key of the file is known to every process yet' }
              : { ready: true },
          ),
      },
    ];
    return {
      module: AuthModule,
      controllers: [
        RegistrationController,
        TokenController,
        IntrospectionController,
        DiscoveryController,
        ReviewController,
        SigningKeysController,
      ],
      providers: [
        { provide: AUTH, useValue: auth },
        { provide: STATIC_TOKENS, useValue: options.staticTokens },
        { provide: READINESS, useFactory: (): ReadinessCheck[] => readiness },
      ],
    };
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.auth.replays.open();
    await this.auth.presence?.start();
    await this.auth.signing.start();
    this.auth.refusals.start();
  }
  async onModuleDestroy(): Promise<void> {
    this.stopListening();
    await this.auth.refusals.stop();
    await this.auth.signing.stop();
    await this.auth.presence?.stop();
  }
}
