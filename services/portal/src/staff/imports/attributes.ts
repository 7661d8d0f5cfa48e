import type { Kind } from './requests.ts';

/** What the columns of each kind may be, as docs/import.md says. A test compares them with the reader of files. */
export const ATTRIBUTES: Readonly<Record<Kind, readonly string[]>> = {
  roster: ['member', 'npi', 'tin', 'contract', 'from', 'to', 'coverageId', 'basis'],
  coverage: ['member', 'coverageId', 'from', 'to', 'plan'],
  network: ['npi', 'tin', 'status', 'from'],
  'opt-outs': [
    'member',
    'scope',
    'npi',
    'tin',
    'purpose',
    'payer',
    'category',
    'effectiveFrom',
    'setBy',
    'channel',
    'reason',
  ],
};
