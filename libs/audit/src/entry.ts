import { type Disclosure } from '@provider-access/events';

/** A release or refusal, with members by reference. `Audit` sets `at`. */
export type AuditEntry = Omit<Disclosure, 'at'>;
