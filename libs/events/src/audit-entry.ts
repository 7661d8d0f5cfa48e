import type { Disclosure } from './audit-events.ts';
import type { AuditAction, RefusalReason, ReleaseReason } from './audit-words.ts';

/** What `Audit` takes: it adds the time, the purpose and the client as it is registered. */
type About = Omit<Disclosure, 'action' | 'outcome' | 'reason' | 'at' | 'purpose' | 'agent'>;
export interface ReleaseEntry extends About {
  readonly outcome: 'released';
  readonly action: AuditAction;
  readonly reason?: ReleaseReason;
}
/** What is asked for with a token. */
export type ActionOnData = Exclude<AuditAction, 'token'>;
/** The reason of a refused token is its OAuth error, with the step that failed. */
export type RefusalEntry = About & { readonly outcome: 'refused' } & (
    | { readonly action: ActionOnData; readonly reason: RefusalReason }
    | { readonly action: 'token'; readonly reason: string }
  );
/** A release or refusal, with members by reference. */
export type AuditEntry = ReleaseEntry | RefusalEntry;
