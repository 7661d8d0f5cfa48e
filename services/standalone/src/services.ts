import { attributionService } from '@provider-access/attribution';
import { authService } from '@provider-access/auth';
import { consentService } from '@provider-access/consent';
import { exportService } from '@provider-access/export';
import type { ServiceDefinition } from '@provider-access/process';
import { resourcesService } from '@provider-access/resources';
import type { Service } from '@provider-access/events';
import { type Variable, variablesOf } from '@provider-access/service/config';
import type { z } from 'zod';
import { standaloneConfig } from './config.ts';

type Definition = ServiceDefinition<z.ZodObject, z.ZodObject, unknown>;
/** The services in the order of their start. Auth is the last one, because it knows the facts of the others. */
export const ALL: readonly Pick<Definition, 'name' | 'schema' | 'settings' | 'read'>[] = [
  attributionService,
  consentService,
  resourcesService,
  exportService,
  authService,
];

/** Every variable of a process: a service, or the standalone. */
export function envOf(name: Service | 'standalone'): readonly Variable[] {
  if (name !== 'standalone') return variablesOf(ALL.find((service) => service.name === name)!.schema);
  const own = variablesOf(standaloneConfig);
  // If a variable is declared twice, keep the description of the standalone, which is the first.
  const all = [...own, ...ALL.flatMap(({ settings }) => variablesOf(settings))];
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}
