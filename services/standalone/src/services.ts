import type { DynamicModule } from '@nestjs/common';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import { AttributionModule } from '@provider-access/attribution';
import { AuthModule } from '@provider-access/auth';
import { ConsentModule } from '@provider-access/consent';
import type { Service } from '@provider-access/events';
import { ExportModule } from '@provider-access/export';
import { Facts, type Parties } from '@provider-access/facts';
import type { ServiceRuntime } from '@provider-access/process/service-module';
import { ResourcesModule } from '@provider-access/resources';
import { createServiceApp, type ServiceAppOptions } from '@provider-access/service/http';

type OptionsOf<M extends { register(options: never): DynamicModule }> = Parameters<M['register']>[0];
type Auth = OptionsOf<typeof AuthModule>;
type Export = OptionsOf<typeof ExportModule>;
type Resources = OptionsOf<typeof ResourcesModule>;

/** The parts that the services of one process share. */
export interface Shared extends Pick<ServiceRuntime, 'memberHash' | 'calendar' | 'days' | 'turns'> {
  readonly staticTokens: Auth['staticTokens'];
  readonly keys: Auth['keys'];
  readonly pageKeys: Resources['pageKeys'];
  readonly blobs: Export['blobs'];
  readonly configs: {
    readonly attribution: OptionsOf<typeof AttributionModule>['config'];
    readonly consent: OptionsOf<typeof ConsentModule>['config'];
    readonly resources: Resources['config'];
    readonly export: Export['config'];
    readonly auth: Auth['config'];
  };
}
/** The parts of one service alone. */
export type Own = Pick<ServiceRuntime, 'ports' | 'presence'> & Pick<Auth, 'readers'> & Partial<Pick<Export, 'blobs'>>;

export function moduleOf(
  name: Service,
  own: Own,
  { configs, keys, pageKeys, blobs, ...shared }: Shared,
): DynamicModule {
  const runtime = { ...shared, ...own };
  switch (name) {
    case 'attribution':
      return AttributionModule.register({ ...runtime, config: configs.attribution });
    case 'consent':
      return ConsentModule.register({ ...runtime, config: configs.consent });
    case 'resources':
      return ResourcesModule.register({ blobs, ...runtime, pageKeys, config: configs.resources });
    case 'export':
      return ExportModule.register({ blobs, ...runtime, config: configs.export });
    case 'auth':
      return AuthModule.register({ ...runtime, keys, config: configs.auth });
  }
}

export interface Services {
  readonly apps: Readonly<Record<Service, NestFastifyApplication>>;
  /** Facts of each service that decides by them. */
  readonly facts: readonly Facts[];
  stop(): Promise<void>;
}

/** Starts the five services in this process. If one of them fails, the others are stopped. */
export async function startServices(
  shared: Shared,
  ownOf: (name: Service) => Own,
  http: Omit<ServiceAppOptions, 'name' | 'ports'> = {},
): Promise<Services> {
  const apps = {} as Record<Service, NestFastifyApplication>;
  const stop = async (): Promise<void> => {
    for (const app of Object.values(apps).reverse()) await app.close();
  };
  const run = async (name: Service, readers?: readonly Parties[]): Promise<void> => {
    const own = ownOf(name);
    apps[name] = await createServiceApp(moduleOf(name, { ...own, readers }, shared), {
      ...http,
      name,
      ports: own.ports,
    });
  };
  try {
    for (const name of ['attribution', 'consent', 'resources', 'export'] as const) await run(name);
    const facts = Object.values(apps).map((app) => app.get(Facts, { strict: false }));
    const parties = facts.map((each) => each.parties);
    // A change that one service acknowledges holds in all of them.
    for (const each of facts) each.access.besides(parties);
    await run('auth', parties);
    return { apps, facts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
