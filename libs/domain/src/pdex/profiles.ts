import { ATR, PDEX } from './codes.ts';

/** Profiles of what the platform makes (docs/regulation.md#profiles). meta.profile has the URL without a version. */
export const PDEX_PROFILES = {
  providerGroup: `${PDEX}pdex-provider-group`,
} as const;

export const ATR_PROFILES = {
  group: `${ATR}atr-group`,
} as const;
