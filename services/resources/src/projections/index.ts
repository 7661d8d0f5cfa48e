import {
  authorizations,
  directory,
  labelled,
  locators,
  memberKeys,
  patients,
  records,
  searchKeys,
  versions,
} from '@provider-access/records';
import type { Projection } from '@provider-access/engines/views';
import { consents } from './consents.ts';
import { deadLetters } from './dead-letters.ts';
import { feeds } from './feeds.ts';
import { receipts } from './receipts.ts';

/** Views that this service keeps. */
export const PROJECTIONS: readonly Projection[] = [
  records,
  versions,
  searchKeys,
  authorizations,
  directory,
  patients,
  memberKeys,
  labelled,
  consents,
  receipts,
  deadLetters,
  feeds,
];

/**
 * The same beside processes of the release before, which read the view of locators (ADR 0093).
 * @until 0.4.0
 */
export const PROJECTIONS_BESIDE_OTHERS: readonly Projection[] = [...PROJECTIONS, locators];
