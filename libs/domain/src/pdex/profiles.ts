import { ATR, HREX, PDEX } from './codes.ts';

/**
 * Profiles of what the platform makes itself, and profiles that the table of `@provider-access/kernel/fhir/profiles`
 * does not have (docs/regulation.md#profiles). meta.profile has the URL without version.
 */
export const PDEX_PROFILES = {
  providerGroup: `${PDEX}pdex-provider-group`,
  hrexCoverage: `${HREX}hrex-coverage`,
} as const;

export const ATR_PROFILES = {
  group: `${ATR}atr-group`,
  patient: `${ATR}atr-patient`,
} as const;
