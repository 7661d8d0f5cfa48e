import { attributionConfig, attributionEnv } from '@provider-access/attribution';
import { authEnv } from '@provider-access/auth';
import { type Variable, variablesOf } from '@provider-access/service/config';
import { consentEnv } from '@provider-access/consent';
import { exportConfig, exportEnv } from '@provider-access/export';
import { resourcesEnv } from '@provider-access/resources';
import { standaloneConfig } from './config.ts';
import type { ServiceName } from './route-table.ts';

const SCHEMAS = {
  auth: authEnv,
  attribution: attributionEnv,
  consent: consentEnv,
  resources: resourcesEnv,
  export: exportEnv,
} as const;
/** The processes of a deployment, in the order of their documentation. */
export const PROCESSES = Object.keys(SCHEMAS) as ServiceName[];

/** Every variable that a process knows, whether it is a service or everything in one. */
export function envOf(name: ServiceName | 'standalone'): readonly Variable[] {
  if (name !== 'standalone') return variablesOf(SCHEMAS[name]);
  const own = variablesOf(standaloneConfig);
  const names = new Set(own.map((v) => v.name));
  const more = [...variablesOf(attributionConfig), ...variablesOf(exportConfig)].filter((v) => !names.has(v.name));
  return [...own, ...more];
}
