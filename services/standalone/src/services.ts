import { attributionService } from '@provider-access/attribution';
import { authService } from '@provider-access/auth';
import { consentService } from '@provider-access/consent';
import { exportService } from '@provider-access/export';
import type { AnyService } from '@provider-access/process';
import { resourcesService } from '@provider-access/resources';

/** The services in the order of their start. Auth is the last one, because it knows the facts of the others. */
export const ALL: readonly AnyService[] = [
  attributionService,
  consentService,
  resourcesService,
  exportService,
  authService,
];
