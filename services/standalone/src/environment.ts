import { attributionEnv, attributionSettings } from '@provider-access/attribution';
import { authEnv, authSettings } from '@provider-access/auth';
import { type Variable, variablesOf } from '@provider-access/service/config';
import { consentEnv, consentSettings } from '@provider-access/consent';
import { exportEnv, exportSettings } from '@provider-access/export';
import { resourcesEnv, resourcesSettings } from '@provider-access/resources';
import { standaloneConfig } from './config.ts';
import type { ServiceName } from './route-table.ts';

const SCHEMAS = {
  auth: authEnv,
  attribution: attributionEnv,
  consent: consentEnv,
  resources: resourcesEnv,
  export: exportEnv,
} as const;
/** What each service reads for itself, in its own process as in one with the others. */
const SETTINGS = [attributionSettings, consentSettings, resourcesSettings, exportSettings, authSettings] as const;
/** The processes of a deployment, in the order of their documentation. */
export const PROCESSES = Object.keys(SCHEMAS) as ServiceName[];

/** Every variable that a process knows, whether it is a service or everything in one. */
export function envOf(name: ServiceName | 'standalone'): readonly Variable[] {
  if (name !== 'standalone') return variablesOf(SCHEMAS[name]);
  const own = variablesOf(standaloneConfig);
  // The first description of a variable is that of `npm start`.
  const all = [...own, ...SETTINGS.flatMap((schema) => variablesOf(schema))];
  return all.filter(({ name }, i) => all.findIndex((other) => other.name === name) === i);
}
