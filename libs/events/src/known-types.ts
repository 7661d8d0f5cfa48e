import { typeOf } from './envelope.ts';
import { EXPORT_EVENTS } from './export-events.ts';
import { GAP_TYPE, PLATFORM_EVENTS } from './platform-events.ts';
import { SERVICE_LEVEL_EVENTS } from './service-level-events.ts';
import { TOPICS } from './topics.ts';

const KNOWN = new Set<string>([
  ...Object.keys(PLATFORM_EVENTS),
  ...Object.keys(EXPORT_EVENTS),
  ...Object.keys(SERVICE_LEVEL_EVENTS),
]);
const OURS = new Set(TOPICS.filter(({ role }) => role !== 'inbound').map(({ name }) => name));
/** The form of our types. Anything else is not repeated in a message. */
const NAME = /^[a-z][a-z0-9.-]{0,80}$/;

/**
 * Whether a record only keeps a place: a restore writes one where the copy had no record, and so does a test append. It
 * has no id. An event with an id that names this type comes from somebody else and is of an unknown type, so that
 * nothing is lost under this name.
 */
export const isGap = (record: { readonly headers: Readonly<Record<string, string>> }): boolean =>
  typeOf(record) === GAP_TYPE && record.headers['ce_id'] === undefined;

/**
 * The type of a record of one of our own topics that this version does not know, undefined for all others: a newer
 * version wrote it and may mean anything by it, so whoever folds the topic waits in front of it instead of passing it
 * over. Of payer topics the intakes decide.
 */
export function unknownType(record: {
  readonly topic: string;
  readonly headers: Readonly<Record<string, string>>;
}): string | undefined {
  if (!OURS.has(record.topic)) return undefined;
  const type = typeOf(record);
  if (type === undefined || KNOWN.has(type)) return undefined;
  return NAME.test(type) ? type : 'a type without a name';
}
