import type { Readable } from 'node:stream';
import type { Disclosure, RefusalReason, ReleaseReason } from '@provider-access/events';
import type { Refusal } from '@provider-access/kernel';
import type { Version } from './conditional.ts';
import type { Descriptor } from './descriptor.ts';

/** What the frame sends. */
export interface Answer {
  /** Default: that of the descriptor. */
  readonly status?: number;
  /** Beyond those that follow from the descriptor and from `version`. They win. */
  readonly headers?: Readonly<Record<string, string>>;
  /** The version of the content, for the validators and for conditional requests. */
  readonly version?: Version;
  /** The value of a JSON body. */
  readonly json?: unknown;
  /**
   * A function is called after the audit, and only if the body is sent. If it throws AccessEnded, the frame decides
   * again, so it calls the handler again.
   */
  readonly body?: Body | (() => Body | Promise<Body>);
}
type Body = string | Uint8Array | Readable;

type About = Omit<Disclosure, 'client' | 'action' | 'outcome' | 'reason' | 'at' | 'purpose' | 'agent' | 'count'>;
/** An entry of the audit. The frame adds the client, the action, the time, and the type of the path. */
export type Entry =
  | { readonly released: About & { readonly reason?: ReleaseReason } }
  /** A release that has one entry an hour (ADR 0025). */
  | { readonly hourly: About }
  | { readonly refused: Partial<About> & { readonly reason: RefusalReason } };
export type Entries = readonly [Entry, ...Entry[]];

/** An answer, and the entries that must be durable before it leaves. */
export type Audited =
  | {
      readonly audit: Entries;
      /** In place of `audit`, if the client has this version already. */
      readonly unchanged?: () => Entries;
      readonly answer: Answer | Refusal;
    }
  /** Nothing of a member leaves: no body. */
  | { readonly audit: 'nothing'; readonly answer: Omit<Answer, 'body' | 'json'> & { body?: never; json?: never } };

/** An outcome that costs much, and is therefore worked out when it is the client's turn (ADR 0055). */
export interface InTurn<Outcome> {
  readonly inTurn: () => Promise<Outcome>;
}
/** Use it when the request has been understood, so that a wrong request does not wait. */
export const inTurn = <Outcome extends Audited | Answer>(work: () => Promise<Outcome>): InTurn<Outcome> => ({
  inTurn: work,
});

type OutcomeOf<D extends Descriptor> = D extends { readonly audit: string } ? Audited : Answer;
/** What a handler returns. With an audit action that is an answer with its entries, and nothing else compiles. */
export type Outcome<D extends Descriptor> = OutcomeOf<D> | InTurn<OutcomeOf<D>>;
