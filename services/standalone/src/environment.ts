import type { Service } from '@provider-access/events';
import { type Variable, variablesOf } from '@provider-access/service/config';
import { standaloneConfig } from './config.ts';
import { ALL } from './services.ts';

/** Every variable of a process: a service, or the standalone. */
export function envOf(name: Service | 'standalone'): readonly Variable[] {
  if (name !== 'standalone') return variablesOf(ALL.find((service) => service.name === name)!.schema);
  const own = variablesOf(standaloneConfig);
  // If a variable is declared twice, keep the description of the standalone, which is the first.
  const all = [...own, ...ALL.flatMap(({ settings }) => variablesOf(settings))];
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}
