import { type Disclosure } from '@provider-access/events';

/** What was released or refused; members by reference. `at` is set here. */
export type AuditEntry = Omit<Disclosure, 'at'>;
