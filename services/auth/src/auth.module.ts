import { type DynamicModule, Inject, Module, type OnApplicationShutdown, type OnModuleInit } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit, SampledRefusals } from '@provider-access/audit';
import { ClientDetails, Parties, PartiesPresence, PresentReaders } from '@provider-access/facts';
import { ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import {
  AccessTokens,
  Authenticator,
  JwksCache,
  type JwksSource,
  type PortalKeys,
  publishedKeys,
  type Secret,
  type SigningKeys,
  TokenIssuer,
} from '@provider-access/smart';
import { Applications } from './apps/applications.ts';
import { Clients } from './apps/clients.ts';
import { ExpiredReviews } from './apps/expired-reviews.ts';
import { ForeignKeys, JWKS_SOURCE } from './apps/foreign-keys.ts';
import { LinesRegister } from './apps/lines-register.ts';
import { OwnEndings } from './apps/own-endings.ts';
import { Registry } from './apps/registry.ts';
import { READERS, type RegistryReader, RegistryStreams } from './apps/registry-streams.ts';
import { Reviews } from './apps/reviews.ts';
import { type AuthConfig, CONFIG } from './config.ts';
import { httpOf } from './http.ts';
import type { IdentityProvider } from './people/identity-provider.ts';
import { CheckAssertionController } from './operations/check-assertion/check-assertion.controller.ts';
import { DecidedApps, Decisions } from './operations/clients/decisions.ts';
import { DecisionsReportController } from './operations/clients/decisions-report.controller.ts';
import { Identifiers } from './operations/clients/identifiers.ts';
import { ReviewController } from './operations/clients/review.controller.ts';
import { DiscoveryController } from './operations/discovery/discovery.controller.ts';
import { DocsController, DOCUMENTATION, installed } from './operations/docs/docs.controller.ts';
import { HomeController } from './operations/home/home.controller.ts';
import { IntrospectionController } from './operations/introspect/introspection.controller.ts';
import { LinesController } from './operations/lines/lines.controller.ts';
import { MemberSessionController } from './operations/member-session/member-session.controller.ts';
import { PORTAL_KEYS, PortalLinks } from './apps/portal-links.ts';
import { BUILT_PAGES, builtPages, PortalController } from './operations/portal/portal.controller.ts';
import { NoticeController } from './operations/public-pages/notice.controller.ts';
import { PlatformStatus } from './operations/public-pages/platform-status.ts';
import { ProvidersController } from './operations/public-pages/providers.controller.ts';
import { StatusController } from './operations/public-pages/status.controller.ts';
import { KeyChanges } from './operations/register/key-changes.ts';
import { OwnChanges, OwnRegistrationController } from './operations/register/own-registration.controller.ts';
import { OwnUpdates } from './operations/register/own-updates.ts';
import { RegistrationAccess } from './operations/register/registration-access.ts';
import { RegistrationController } from './operations/register/registration.controller.ts';
import { RotatedTokens } from './operations/register/rotated-tokens.ts';
import { IDENTITY_PROVIDER, Renewals } from './operations/session/renewals.ts';
import { EndAllController } from './operations/session/end-all.controller.ts';
import { SessionController } from './operations/session/session.controller.ts';
import { SignInController } from './operations/session/sign-in.controller.ts';
import { SigningKeysController } from './operations/signing-keys/signing-keys.controller.ts';
import { PRESENCE, SIGNING_KEYS, SigningRing } from './operations/signing-keys/signing-ring.ts';
import { AskingClients } from './operations/token/asking-clients.ts';
import { ReplayMemory } from './operations/token/replay-memory.ts';
import { TokenGrants } from './operations/token/token-grants.ts';
import { TokenLimits } from './operations/token/token-limits.ts';
import { TokenController } from './operations/token/token.controller.ts';

export interface AuthOptions extends ServiceRuntime {
  /** Private keys that sign access tokens, from the file that all instances of auth share. */
  readonly keys: Secret<SigningKeys>;
  /** Public keys of the payer's portal for members. Without them no link is valid. */
  readonly portalKeys?: Secret<PortalKeys> | undefined;
  /** Parties of the other services in this process. auth acknowledges a change after they have read it. */
  readonly readers?: readonly RegistryReader[];
  /** Fetches the published keys of clients; by default from their jwks_uri. */
  readonly jwksSource?: JwksSource;
}

/** Providers that Nest constructs from their own decorators, without a factory here. */
const PARTS = [
  Applications,
  AskingClients,
  Clients,
  DecidedApps,
  Decisions,
  ExpiredReviews,
  ForeignKeys,
  Identifiers,
  KeyChanges,
  OwnChanges,
  OwnEndings,
  OwnUpdates,
  PlatformStatus,
  PortalLinks,
  RegistrationAccess,
  RotatedTokens,
  LinesRegister,
  Registry,
  RegistryStreams,
  Renewals,
  ReplayMemory,
  Reviews,
  SigningRing,
  TokenGrants,
  TokenLimits,
];
const CONTROLLERS = [
  RegistrationController,
  OwnRegistrationController,
  TokenController,
  CheckAssertionController,
  IntrospectionController,
  DiscoveryController,
  DocsController,
  HomeController,
  LinesController,
  MemberSessionController,
  NoticeController,
  PortalController,
  ProvidersController,
  DecisionsReportController,
  ReviewController,
  SessionController,
  EndAllController,
  SignInController,
  StatusController,
  SigningKeysController,
];
/** Bytes: a registration with 20 RSA keys fits. */
const BODY_LIMIT = 64 * 1024;

@Module({})
export class AuthModule implements OnModuleInit, OnApplicationShutdown {
  constructor(
    @Inject(Parties) private readonly parties: Parties,
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(SigningRing) signing: SigningRing,
    @Inject(READINESS) checks: ReadinessCheck[],
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    // In the constructor, because Nest registers the routes before it calls the lifecycle hooks of a module.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (route) => {
      route.bodyLimit = BODY_LIMIT;
    });
    checks.push(
      {
        name: 'registry',
        check: async () => {
          const failure = parties.failure();
          return {
            ready: parties.ready() && failure === undefined,
            ...(failure !== undefined && { detail: failure }),
          };
        },
      },
      {
        name: 'signing key',
        check: async () =>
          signing.key() === undefined
            ? { ready: false, detail: 'no signing key of the file is known to every process yet' }
            : { ready: true },
      },
    );
  }

  static register(
    { keys, portalKeys, readers = [], jwksSource, ...runtime }: AuthOptions,
    config: AuthConfig,
  ): DynamicModule {
    const { publicUrl, allowInsecureJwks } = config;
    const { presence, ports } = runtime;
    const { log, clock, metrics, logger } = ports;
    const details = new ClientDetails();
    const parties = new Parties(details);
    const tokens = new AccessTokens({ keys: publishedKeys(parties.registry), publicUrl, clock, metrics });
    parties.onChange((client) => tokens.drop(client));
    return {
      module: AuthModule,
      imports: [
        ServiceModule.forRoot(runtime, {
          name: 'auth',
          http: httpOf(logger),
          jobs: [...(presence === undefined ? [] : [PartiesPresence]), SigningRing, SampledRefusals, ExpiredReviews],
        }),
      ],
      controllers: CONTROLLERS,
      providers: [
        { provide: CONFIG, useValue: config },
        { provide: SIGNING_KEYS, useValue: keys },
        { provide: PORTAL_KEYS, useFactory: () => portalKeys },
        { provide: PRESENCE, useFactory: () => presence },
        {
          provide: JWKS_SOURCE,
          useFactory: () => jwksSource ?? new JwksCache({ clock, metrics, allowInsecure: allowInsecureJwks }),
        },
        { provide: IDENTITY_PROVIDER, useFactory: () => identityProviderOf(config, ports) },
        { provide: DOCUMENTATION, useFactory: () => installed(config.sandbox) },
        { provide: BUILT_PAGES, useFactory: builtPages },
        { provide: ClientDetails, useValue: details },
        { provide: Parties, useValue: parties },
        { provide: PartiesPresence, useFactory: () => presence && new PartiesPresence(parties, log, presence) },
        { provide: READERS, useValue: [parties, ...readers, ...(presence ? [new PresentReaders(presence.port)] : [])] },
        { provide: AccessTokens, useValue: tokens },
        { provide: Authenticator, useValue: new Authenticator(tokens, parties) },
        {
          provide: TokenIssuer,
          inject: [SigningRing],
          useFactory: (signing: SigningRing) => new TokenIssuer({ key: () => signing.key(), publicUrl, clock }),
        },
        {
          provide: SampledRefusals,
          inject: [Audit],
          useFactory: (audit: Audit) => new SampledRefusals(audit, clock),
        },
        ...PARTS,
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await this.parties.start(this.ports);
  }
  /** In this hook, because an answer that acknowledges a change waits for the facts until the server has closed. */
  async onApplicationShutdown(): Promise<void> {
    await this.parties.stop();
  }
}

/** Loads the client of OpenID Connect where people sign in with it. Elsewhere it costs no memory and no time. */
async function identityProviderOf(
  config: AuthConfig,
  { clock, logger }: ServicePorts,
): Promise<IdentityProvider | undefined> {
  const { identityProvider, identityProviderWithinMs: timeoutMs, allowInsecureJwks: allowInsecure } = config;
  if (identityProvider === undefined) return undefined;
  const { IdentityProvider } = await import('./people/identity-provider.ts');
  return new IdentityProvider(identityProvider, {
    allowInsecure,
    timeoutMs,
    now: () => clock.now(),
    warn: (reason) => logger.warn({ reason }, 'the identity provider cannot be asked'),
  });
}
