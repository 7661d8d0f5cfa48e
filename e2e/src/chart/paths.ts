import { readFileSync } from 'node:fs';
import { join } from 'node:path';

export const ROOT = join(import.meta.dirname, '../../..');
export const CHART = join(ROOT, 'charts/provider-access');
export const SERVICES = ['auth', 'attribution', 'consent', 'resources', 'export'] as const;

export interface Variable {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  readonly default?: string;
}

/**
 * docs/configuration.json, which is generated from the services' schemas: every variable of each service, of `admin`
 * and of the standalone.
 */
export function configuration(): Readonly<Record<string, readonly Variable[]>> {
  return (read ??= JSON.parse(readFileSync(join(ROOT, 'docs/configuration.json'), 'utf8')) as Record<
    string,
    Variable[]
  >);
}
let read: Record<string, Variable[]> | undefined;
