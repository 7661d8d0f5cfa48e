import type { DynamicModule } from '@nestjs/common';
import type { Blobs } from '@provider-access/engines/blob';
import type { Service } from '@provider-access/events';
import type { Parties } from '@provider-access/facts';
import { type Environment, readConfig } from '@provider-access/service/config';
import type { StaticTokens } from '@provider-access/smart';
import type { z } from 'zod';
import type { Secrets } from './secrets.ts';
import type { ServiceRuntime } from './service-module.ts';

/** What the process hands to the module of a service. */
export interface ServiceContext extends ServiceRuntime {
  readonly staticTokens: StaticTokens;
  readonly secrets: Secrets;
  /** Undefined for a service that has no files. */
  readonly blobs?: Blobs | undefined;
  /** The facts of the other services in this process. An acknowledged change of a client holds in all of them. */
  readonly readers?: readonly Parties[];
}

/** A service with its configuration. */
export interface StartableService {
  readonly name: Service;
  /** Called in each attempt of a start, with open engines. */
  readonly register: (context: ServiceContext) => DynamicModule | Promise<DynamicModule>;
}

export interface ServiceParts<E extends z.ZodObject, S extends z.ZodObject, C> {
  readonly name: Service;
  /** The environment of a process of this service alone. */
  readonly schema: E;
  /** The variables of the service, which are the same in every process that runs it. */
  readonly settings: S;
  readonly config: (env: z.infer<S>) => NoInfer<C>;
  readonly module: (context: ServiceContext, config: C) => DynamicModule;
  /** Variables that the release before read, and the warning that they have no effect. */
  readonly ignored?: Readonly<Record<string, string>>;
}

export interface ServiceDefinition<E extends z.ZodObject, S extends z.ZodObject, C> extends ServiceParts<E, S, C> {
  with(config: C): StartableService;
  /** `more` are variables that the process has read by a schema of its own. @throws ConfigurationError */
  read(env: Environment, more: object): StartableService;
}

/** Declares a service once, for a process of its own and for a process with several services. */
export function defineService<E extends z.ZodObject, S extends z.ZodObject, C>(
  parts: ServiceParts<E, S, C>,
): ServiceDefinition<E, S, C> {
  const { name, settings, config, module } = parts;
  const startable = (given: C): StartableService => ({ name, register: (context) => module(context, given) });
  return {
    ...parts,
    with: startable,
    read: (env, more) => startable(config({ ...readConfig(settings, env), ...more } as z.infer<S>)),
  };
}
