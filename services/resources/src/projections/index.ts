import {
  authorizations,
  directory,
  labelled,
  locators,
  patients,
  records,
  searchKeys,
  versions,
} from '@provider-access/records';
import type { Projection } from '@provider-access/engines/views';
import { deadLetters } from './dead-letters.ts';
import { feeds } from './feeds.ts';
import { receipts } from './receipts.ts';

/** Injection token of the RecordsReader. */
export const RECORDS = Symbol('RecordsReader');
/** Injection token of the VersionsReader. */
export const VERSIONS = Symbol('VersionsReader');
/** Views that this service keeps. */
export const PROJECTIONS: readonly Projection[] = [
  records,
  locators,
  versions,
  searchKeys,
  authorizations,
  directory,
  patients,
  labelled,
  receipts,
  deadLetters,
  feeds,
];
