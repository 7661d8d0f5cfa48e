import type { Projection, TopicEvolve } from '@provider-access/engines/views';
import { PA_ATTESTATIONS } from '@provider-access/events';
import { memberFacts, memberships } from './projections.ts';

/**
 * The views of the release before that other services read, with the short field names of that release. For one release
 * attribution writes them beside the present versions (ADR 0037). Delete this file with its spec and its uses.
 * @until 0.3.0
 */

type Fields = Readonly<Record<string, unknown>>;
type Names = Readonly<Record<string, string>>;

const FORMER = {
  attribution: { providers: 'p', contract: 'k' },
  step: {
    event: 'e',
    businessTime: 'b',
    sequence: 'q',
    appliesFrom: 's',
    from: 'f',
    until: 'u',
    recordedAt: 'v',
    coverageId: 'c',
    tie: 't',
  },
  statement: { event: 'e', businessTime: 'b', from: 'f', recordedAt: 'r', scope: 'sc', targets: 'tg' },
  hold: { eventType: 't', from: 'f', until: 'u' },
};
type Vocabulary = Readonly<Record<keyof typeof FORMER, Names>>;

const mapped = <T>(fields: Fields, to: (field: string, value: T) => readonly [string, unknown]): Fields =>
  Object.fromEntries(Object.entries(fields).map(([field, value]) => to(field, value as T)));

/** Renames the fields of a part of either view. Ids of payers, which are keys too, stay as they are. Pure. */
function translation({ attribution, step, statement, hold }: Vocabulary): (part: Fields) => Fields {
  const renamed = (names: Names) => (fields: Fields) =>
    mapped(fields, (field, value) => [names[field] ?? field, value]);
  const list = (names: Names) => (items: readonly Fields[]) => items.map(renamed(names));
  const byId =
    <T>(each: (value: T) => unknown) =>
    (values: Fields) =>
      mapped<T>(values, (id, value) => [id, each(value)]);
  const part = (fields: Fields): Fields =>
    mapped(renamed(attribution)(fields), (field, value) => [field, inside[field]?.(value as never) ?? value]);
  const inside: Readonly<Record<string, (value: never) => unknown>> = {
    coverage: byId(list(step)),
    all: list(step),
    steps: list(step),
    groups: byId(part),
    ends: byId(part),
    outs: list(statement),
    ins: list(statement),
    holds: byId(renamed(hold)),
  };
  return part;
}
const inverse = (names: Names): Names => mapped<string>(names, (name, former) => [former, name]) as Names;

/** A part of the present version, as version 1 stores it. */
export const toVersion1 = translation(FORMER);
const fromVersion1 = translation(mapped<Names>(FORMER, (kind, names) => [kind, inverse(names)]) as Vocabulary);

/** `keys` of a topic stay, and its rules are those of the present version. */
function formerTopic({ evolve, failed, ...topic }: TopicEvolve<Fields>): TopicEvolve<Fields> {
  const translated =
    (next: NonNullable<typeof failed>): typeof next =>
    (part, record, key) => {
      const after = next(part && fromVersion1(part), record, key);
      return after && toVersion1(after);
    };
  return { ...topic, evolve: translated(evolve), ...(failed && { failed: translated(failed) }) };
}
const formerVersion = (projection: Projection): Projection => ({
  ...projection,
  version: 1,
  topics: Object.fromEntries(
    Object.entries(projection.topics)
      // The release that reads this version does not know attestations.
      .filter(([name]) => name !== PA_ATTESTATIONS)
      .map(([name, topic]) => [name, formerTopic(topic)]),
  ),
});

export const FORMER_PROJECTIONS: readonly Projection[] = [memberFacts, memberships].map(formerVersion);
