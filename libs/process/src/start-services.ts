import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { Service } from '@provider-access/events';
import { Facts } from '@provider-access/facts';
import { createServiceApp, type ServiceAppOptions } from '@provider-access/service/http';
import type { ServiceContext, StartableService } from './define-service.ts';

export type Apps = Readonly<Partial<Record<Service, NestFastifyApplication>>>;

export interface Services {
  readonly apps: Apps;
  /** Facts of each service that decides by them, if this process runs several services. */
  readonly facts: readonly Facts[];
  stop(): Promise<void>;
}

/** Starts services in this process, in the order given. If one of them fails, the others are stopped. */
export async function startServices(
  services: readonly StartableService[],
  contextOf: (name: Service) => ServiceContext,
  http: Omit<ServiceAppOptions, 'name' | 'ports'> = {},
): Promise<Services> {
  const apps: Partial<Record<Service, NestFastifyApplication>> = {};
  const facts: Facts[] = [];
  const stop = async (): Promise<void> => {
    for (const app of Object.values(apps).reverse()) await app.close();
  };
  try {
    for (const { name, register } of services) {
      const context = contextOf(name);
      const module = await register({ ...context, readers: facts.map(({ parties }) => parties) });
      apps[name] = await createServiceApp(module, { ...http, name, ports: context.ports });
      // Auth decides by no facts. It changes clients, and starts last so that it knows the facts of the others.
      if (services.length > 1 && name !== 'auth') facts.push(apps[name].get(Facts, { strict: false }));
    }
    // A change that one service acknowledges holds in all of them.
    for (const each of facts) each.access.alsoWaitFor(facts.map(({ parties }) => parties));
    return { apps, facts, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
