import { z } from 'zod';
import { instantOrDate, npi, shortText, tin } from './payer-values.ts';

/** An identifier that the payer's contract knows. Without a system, the deployment's default counts. */
const contractIdentifier = z.strictObject({ system: z.url().max(500).optional(), value: z.string().min(1).max(128) });
/** ATR 2.1.0, CodeSystem atr-attribution-list-status. */
const LIST_STATUSES = ['draft', 'open', 'final'] as const;
/** What is known of a list of attributed members as a whole: the Group of a provider and a contract. */
export const listChanged = z.strictObject({
  /** As attributions name the provider, without the contract. */
  provider: z
    .strictObject({ npi: npi.optional(), tin: tin.optional() })
    .refine((p) => p.npi !== undefined || p.tin !== undefined, 'npi or tin is required'),
  /** As attributions name it. */
  contract: z.string().min(1).max(128).optional(),
  /** The system of the contract's number. Default: `CONTRACT_SYSTEM` of the deployment. */
  contractSystem: z.url().max(500).optional(),
  status: z.enum(LIST_STATUSES),
  /** Of the contract. */
  validFrom: instantOrDate.optional(),
  validTo: instantOrDate.optional(),
  name: shortText.min(1).optional(),
  acoIds: z.array(contractIdentifier).max(20).optional(),
  settlementIds: z.array(contractIdentifier).max(20).optional(),
  /** For whom the list is meant. */
  recipient: contractIdentifier.optional(),
});
