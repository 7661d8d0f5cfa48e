import { attributionService } from '@provider-access/attribution';
import { authService } from '@provider-access/auth';
import { consentService } from '@provider-access/consent';
import { exportService } from '@provider-access/export';
import type { ServiceDefinition } from '@provider-access/process';
import { resourcesService } from '@provider-access/resources';
import type { z } from 'zod';

type Definition = ServiceDefinition<z.ZodObject, z.ZodObject, unknown>;
/** The services in the order of their start. Auth is the last one, because it knows the facts of the others. */
export const ALL: readonly Pick<Definition, 'name' | 'schema' | 'settings' | 'read'>[] = [
  attributionService,
  consentService,
  resourcesService,
  exportService,
  authService,
];
