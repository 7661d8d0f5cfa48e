import { attributionEnv, attributionSettings } from '@provider-access/attribution';
import { authEnv, authSettings } from '@provider-access/auth';
import { type Variable, variablesOf } from '@provider-access/service/config';
import { consentEnv, consentSettings } from '@provider-access/consent';
import { exportEnv, exportSettings } from '@provider-access/export';
import { resourcesEnv, resourcesSettings } from '@provider-access/resources';
import type { z } from 'zod';
import { standaloneConfig } from './config.ts';
import type { ServiceName } from './route-table.ts';

const SCHEMAS = {
  auth: authEnv,
  attribution: attributionEnv,
  consent: consentEnv,
  resources: resourcesEnv,
  export: exportEnv,
} as const;
/** The settings of each service, which are the same in the standalone. */
export const SETTINGS: readonly z.ZodObject[] = [
  attributionSettings,
  consentSettings,
  resourcesSettings,
  exportSettings,
  authSettings,
];
/** The processes of a deployment, in the order of their documentation. */
export const PROCESSES = Object.keys(SCHEMAS) as ServiceName[];

/** Every variable of a process: a service, or the standalone. */
export function envOf(name: ServiceName | 'standalone'): readonly Variable[] {
  if (name !== 'standalone') return variablesOf(SCHEMAS[name]);
  const own = variablesOf(standaloneConfig);
  // If a variable is declared twice, keep the description of the standalone, which is the first.
  const all = [...own, ...SETTINGS.flatMap((schema) => variablesOf(schema))];
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}
