import {
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleDestroy,
  type OnModuleInit,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { FastifyInstance } from 'fastify';
import { Audit } from '@provider-access/audit';
import { ServiceModule, type ServiceRuntime } from '@provider-access/process/service-module';
import { PORTS, READINESS, type ReadinessCheck, type ServicePorts } from '@provider-access/service/http';
import type { StaticTokens } from '@provider-access/smart';
import { AuthContext, type AuthParts } from './auth.ts';
import { AUTH_DEFAULTS, type AuthConfig } from './config.ts';
import { httpOf } from './http.ts';
import { CheckAssertionController } from './operations/check-assertion/check-assertion.controller.ts';
import { ReviewController } from './operations/clients/review.controller.ts';
import { DiscoveryController } from './operations/discovery/discovery.controller.ts';
import { DocsController, DOCUMENTATION, installed } from './operations/docs/docs.controller.ts';
import { PortalController } from './operations/portal/portal.controller.ts';
import { HomeController } from './operations/home/home.controller.ts';
import { IntrospectionController } from './operations/introspect/introspection.controller.ts';
import { RegistrationController } from './operations/register/registration.controller.ts';
import { SigningKeysController } from './operations/signing-keys/signing-keys.controller.ts';
import { TokenController } from './operations/token/token.controller.ts';

export interface AuthOptions extends ServiceRuntime, Pick<AuthParts, 'keys' | 'readers' | 'jwksSource'> {
  readonly config: Partial<AuthConfig> & Pick<AuthConfig, 'publicUrl'>;
  readonly staticTokens: StaticTokens;
}

/** Bytes: a registration with 20 RSA keys fits. */
const BODY_LIMIT = 64 * 1024;

@Module({})
export class AuthModule implements OnModuleInit, OnApplicationBootstrap, OnModuleDestroy, OnApplicationShutdown {
  private readonly stopListening: () => void;

  constructor(
    @Inject(AuthContext) private readonly auth: AuthContext,
    @Inject(READINESS) checks: ReadinessCheck[],
    @Inject(HttpAdapterHost) host: HttpAdapterHost,
  ) {
    // In the constructor, because Nest registers the routes before it calls the lifecycle hooks of a module.
    host.httpAdapter.getInstance<FastifyInstance>().addHook('onRoute', (route) => {
      route.bodyLimit = BODY_LIMIT;
    });
    this.stopListening = auth.parties.onChange((client) => auth.tokens.drop(client));
    checks.push(
      {
        name: 'registry',
        check: async () => {
          const failure = auth.parties.failure();
          return {
            ready: auth.parties.ready() && failure === undefined,
            ...(failure !== undefined && { detail: failure }),
          };
        },
      },
      {
        name: 'signing key',
        check: async () =>
          auth.signing.key() === undefined
            ? { ready: false, detail: 'no signing key of the file is known to every process yet' }
            : { ready: true },
      },
    );
  }

  static register({ config, keys, readers, jwksSource, ...runtime }: AuthOptions): DynamicModule {
    const { staticTokens, presence } = runtime;
    return {
      module: AuthModule,
      imports: [ServiceModule.forRoot(runtime, { name: 'auth', http: httpOf(runtime.ports.logger) })],
      controllers: [
        RegistrationController,
        TokenController,
        CheckAssertionController,
        IntrospectionController,
        DiscoveryController,
        DocsController,
        HomeController,
        PortalController,
        ReviewController,
        SigningKeysController,
      ],
      providers: [
        { provide: DOCUMENTATION, useFactory: () => installed(config?.sandbox ?? false) },
        {
          provide: AuthContext,
          inject: [PORTS, Audit],
          useFactory: (ports: ServicePorts, audit: Audit) =>
            new AuthContext({
              ports,
              audit,
              staticTokens,
              presence,
              keys,
              config: { ...AUTH_DEFAULTS, ...config },
              ...(readers !== undefined && { readers }),
              ...(jwksSource !== undefined && { jwksSource }),
            }),
        },
      ],
    };
  }

  async onModuleInit(): Promise<void> {
    await this.auth.parties.start(this.auth.ports);
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
  async onApplicationShutdown(): Promise<void> {
    await this.auth.parties.stop();
  }
}
