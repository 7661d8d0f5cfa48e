import { type Disclosure } from '@provider-access/events';

/** A release or refusal, with members by reference. `Audit` sets the rest. */
export type AuditEntry = Omit<Disclosure, 'at' | 'purpose' | 'agent'>;
