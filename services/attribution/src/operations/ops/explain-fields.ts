import type { Moment } from '@provider-access/facts';
import { isId, isInstant } from '@provider-access/fhir';
import { instant, Refusal } from '@provider-access/kernel';
import { z } from 'zod';

/** Parameters of the questions about the past (APPS.md P10, P17). */

const NO_CLIENT = 'client is required.';
export const CLIENT = z.string(NO_CLIENT).min(1, NO_CLIENT);
const NO_MEMBER = 'member is required: an id.';
export const MEMBER = z.string(NO_MEMBER).refine(isId, NO_MEMBER);
/** A day alone is no instant, because it begins at another moment in each zone of the payer. */
const noInstant = (name: string): string =>
  `${name} must be an RFC 3339 instant with a zone, such as 2026-07-01T00:00:00-05:00.`;
const instantNamed = (name: string) => z.string(noInstant(name)).refine(isInstant, noInstant(name));
export const AT = instantNamed('at').optional();
export const FROM = instantNamed('from');
export const TO = instantNamed('to').optional();
/** So that nobody has to know the clock of the server. */
const UNTIL_NOW = 'now';
const NOT_KNOWN = `${noInstant('known').slice(0, -1)}, or "${UNTIL_NOW}".`;
export const KNOWN = z
  .string(NOT_KNOWN)
  .refine((text) => text === UNTIL_NOW || isInstant(text), NOT_KNOWN)
  .optional();

/** What an instant of the query says, in UTC; undefined without one. */
const instantOf = (text: string | undefined): string | undefined =>
  text === undefined ? undefined : instant(Date.parse(text));
/**
 * Until when what was recorded counts.
 * @param now RFC 3339, UTC, milliseconds
 * @throws Refusal 400 for a time to come
 */
export function knownOf(known: string | undefined, now: string): string | undefined {
  const until = known === UNTIL_NOW ? now : instantOf(known);
  if (until !== undefined && until > now) throw new Refusal('invalid-request', 'known must not be in the future.');
  return until;
}
/** Longest period that one answer has (P17). */
export const MOST_DAYS = 366;
const DAY_MS = 24 * 3600_000;
/**
 * The period of a list, as RFC 3339 in UTC with milliseconds.
 * @param clock ms since the epoch
 * @throws Refusal 400 for a period that is empty, too long or in the future
 */
export function periodOf(from: string, to: string | undefined, clock: number): { from: string; to: string } {
  const now = instant(clock);
  const period = { from: instantOf(from)!, to: instantOf(to) ?? now };
  notAfter('to', period.to, now);
  if (period.from >= period.to) throw new Refusal('invalid-request', 'from must be before to.');
  if (Date.parse(period.to) - Date.parse(period.from) > MOST_DAYS * DAY_MS)
    throw new Refusal('invalid-request', `The period must have at most ${MOST_DAYS} days.`);
  return period;
}
/** @throws Refusal 400 */
export function notAfter(name: string, at: string, now: string): void {
  if (at > now) throw new Refusal('invalid-request', `${name} must not be in the future.`);
}
/** Both times of a question. By default, what was known at the instant decides. @throws Refusal as `knownOf` */
export function momentOf(at: string | undefined, known: string | undefined, now: string): Moment {
  const when = instantOf(at) ?? now;
  return { at: when, known: knownOf(known, now) ?? (when < now ? when : now) };
}
