import { isId } from '@provider-access/fhir';
import { decodeEvent, type DomainEvent, type EventParked, PAYER_CONTRACT } from '@provider-access/events';
import { Refusal } from '@provider-access/kernel';
import { concerned, differenceOf, matterOf } from '@provider-access/intake';

const INSTEAD = 'Publish the other event with POST /events, and discard this dead letter if it has no meaning.';

/**
 * Checks that a corrected event can replace a dead letter. The hold of a dead letter ends only when an event of the
 * same type and subject takes effect, so a replay of another event would leave the member denied for ever.
 * @throws Refusal that names the difference, without a value of the events
 */
export function checkCorrection(deadLetter: EventParked, corrected: DomainEvent): void {
  const value = Buffer.from(deadLetter.value, 'base64');
  const { topic, key, headers } = deadLetter;
  const decoded = decodeEvent({ headers, value });
  const event = decoded.ok ? decoded.event : undefined;
  const { member } = concerned({ topic, key, headers, value }, event);
  const original = matterOf(event?.type ?? headers['ce_type'] ?? structuredType(value), member, event?.data);
  const { subject } = corrected;
  const now = matterOf(corrected.type, isId(subject) ? subject : undefined, corrected.data);
  if (now.type === undefined)
    throw new Refusal(
      'invalid-value',
      'The type of the corrected event is not known; see the AsyncAPI document for names and versions.',
    );
  // The consent service holds the member of an event with an unknown type, because the type may be a misspelt opt-out.
  // Only an opt-out or opt-in ends that hold.
  if (original.type === undefined && member !== undefined && PAYER_CONTRACT.definition(now.type)?.owner !== 'consent') {
    throw new Refusal(
      'invalid-value',
      'The type of the original is not known, so the platform treats the event as an opt-out of its member. Correct ' +
        `it to an opt-out or an opt-in. ${INSTEAD}`,
    );
  }
  const difference = differenceOf(original, now);
  if (difference === 'type') {
    throw new Refusal(
      'invalid-value',
      'The corrected event must be of the type of the original, ' +
        `${original.type}${original.resourceType === undefined ? '' : ` about a ${original.resourceType}`}. ` +
        `${INSTEAD}`,
    );
  }
  if (difference === 'subject')
    throw new Refusal(
      'invalid-value',
      `The corrected event must be about the member or provider that the original names. ${INSTEAD}`,
    );
}

/** Finds the type of a structured event although its JSON is broken. */
const structuredType = (value: Buffer): string | undefined =>
  /"type"\s*:\s*"([a-z0-9.-]{1,128})"/.exec(value.toString('utf8'))?.[1];
