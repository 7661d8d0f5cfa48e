import { isPayerIdentifier } from '@provider-access/domain/access';
import { ID_PATTERN } from '@provider-access/fhir';
import { z } from 'zod';
import { commaSeparated } from './values.ts';

/** How a list names its contract, and the payer. */
export const listEnv = {
  CONTRACT_SYSTEM: z
    .url('must be a URI, such as https://payer.example/contracts')
    .optional()
    .describe(
      'The system of contract numbers, ACO and settlement ids that an event gives without one. ' +
        'Default: `{PUBLIC_URL}/contracts`.',
    ),
  PAYER_NAME: z.string().max(200).optional().describe('Its name, for display.'),
};

/** How others name this payer. */
export const payerEnv = {
  PAYER_ORGANIZATION: z
    .string()
    .regex(new RegExp(`^Organization/${ID_PATTERN}$`), 'must be Organization/<id>')
    .default('Organization/payer')
    .describe('The payer, as `Group.managingEntity` names it.'),
  PAYER_IDENTIFIERS: z
    .string()
    .transform(commaSeparated)
    .refine(
      (all) => all.length > 0 && all.every(isPayerIdentifier),
      'must be system|value, Organization/<id> or URLs of an Organization, separated by commas',
    )
    .optional()
    .describe(
      'How payors of Coverages name this payer: `urn:oid:2.16.840.1.113883.6.300|12345,Organization/our-plan`. ' +
        'Only these Coverages, and those of `PAYER_ORGANIZATION`, make a member covered. ' +
        'Without it, only those of `PAYER_ORGANIZATION` do, and others can still end coverage (docs/coverage.md).',
    ),
};
