import { directory, locators, records, searchKeys } from '@provider-access/facts/records';
import type { Projection } from '@provider-access/engines/views';
import { deadLetters } from './dead-letters.ts';
import { receipts } from './receipts.ts';

/** Injection token of the RecordsReader. */
export const RECORDS = Symbol('RecordsReader');
/** Views that this service keeps. */
export const PROJECTIONS: readonly Projection[] = [records, locators, searchKeys, directory, receipts, deadLetters];
