import type { PartyFacts } from '@provider-access/domain/access';
import type { Finder } from '@provider-access/domain/pdex/match';

/** What finds members for a client. A Patient that a label withholds from the client is not found. */
export type FinderFor = (client: string) => Finder;
/** Injection token of `FinderFor`. */
export const FINDER = Symbol('Finder');
/** Injection token of what counts guesses. */
export const GUARD = Symbol('GuessGuard');

/**
 * The app, and when it was approved last: a later approval lifts a suspension of the operation (M77). The end of one
 * binding lifts none.
 */
export function approvalOf(
  parties: Pick<PartyFacts, 'client'>,
  client: string,
): { readonly client: string; readonly approvedAt: string } {
  const history = parties.client(client)?.history ?? [];
  const approved = history.findLast(({ status, ended }) => status === 'approved' && ended === undefined);
  // An app that was never approved has no token.
  return { client, approvedAt: approved?.at ?? new Date(0).toISOString() };
}
