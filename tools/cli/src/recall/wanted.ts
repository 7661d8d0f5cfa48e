import { createHash } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { eventOf, instantBefore } from '@provider-access/full-files';
import type { Explained } from '../releases/given.ts';
import { deniedNow } from '../releases/find.ts';
import type { Wrong, WrongResource, WrongStatement } from '../releases/wrong.ts';

/** What a recall is about. */
export interface Recalled extends Pick<Wrong, 'data' | 'access' | 'resources' | 'statements'> {
  /** RFC 3339 instant: when the first of it was published. */
  readonly since: string;
  readonly until?: string;
}
/** A dry run, as its number names it: the same content gets the same number at the same instant. */
export interface Confirmation {
  readonly number: string;
  /** RFC 3339 instant of the dry run. What is corrected after it stays. */
  readonly time: string;
}
const SOURCE = 'urn:provider-access:recall';
const NUMBER = /^[0-9a-f]{10}\.(\d{4})(\d{2})(\d{2})T(\d{2})(\d{2})(\d{2})(\d{3})Z$/;
const hashOf = (value: unknown): string => createHash('sha256').update(JSON.stringify(value)).digest('hex');

/** The number of a dry run at an instant: of what is recalled, and of nothing that was released. */
export function numberOf({ resources, statements, since, until }: Recalled, time: string): string {
  const content = [[...resources.keys()].toSorted(), statements.map((one) => JSON.stringify(one)).toSorted()];
  return `${hashOf([content, since, until ?? null]).slice(0, 10)}.${time.replaceAll(/[-:.]/g, '')}`;
}

/** The instant of the dry run that a number names; undefined if it is no number, or one of other content. */
export function confirmed(recalled: Recalled, number: string): Confirmation | undefined {
  const [year, month, day, hour, minute, second, milli] = NUMBER.exec(number)?.slice(1) ?? [];
  if (year === undefined) return undefined;
  const time = `${year}-${month}-${day}T${hour}:${minute}:${second}.${milli}Z`;
  return !Number.isNaN(Date.parse(time)) && numberOf(recalled, time) === number ? { number, time } : undefined;
}

/**
 * The events that take back what was wrong. A repetition under the same number makes the same events.
 * @param idsOf all ids of the person of a member, whose resources may have moved there
 */
export function* corrections(
  { resources, statements }: Recalled,
  { number, time }: Confirmation,
  idsOf: (member: string) => readonly string[],
): Generator<DomainEvent> {
  const recall = `recall.${number}`;
  const event = (type: DomainEvent['type'], subject: string, data: Readonly<Record<string, unknown>>): DomainEvent =>
    eventOf({ type, subject, data } as Parameters<typeof eventOf>[0], {
      id: `recall/${hashOf([recall, type, subject, data]).slice(0, 22)}`,
      source: SOURCE,
      time,
    });
  for (const { member, type, id } of resources.values())
    for (const each of idsOf(member))
      yield event('payer.resource-deleted.v1', each, { resourceType: type, id, recall });
  for (const statement of statements) yield endOf(statement, event);
}

function endOf(
  statement: WrongStatement,
  event: (type: DomainEvent['type'], subject: string, data: Readonly<Record<string, unknown>>) => DomainEvent,
): DomainEvent {
  const to = instantBefore(statement.from);
  return 'provider' in statement
    ? event('payer.attribution-ended.v1', statement.member, { provider: statement.provider, to })
    : event('payer.member-terminated.v1', statement.member, { coverageId: statement.coverageId, to });
}

/**
 * Why the decision would deny without what was wrong, for a dry run: nothing else attributes or covers the member. If
 * the right statement names the same provider or coverage, the dry run lists too much, and the recall itself does not.
 */
export function foreseen({ statements }: Pick<Recalled, 'statements'>) {
  const [providers, coverages] = [new Set<string>(), new Set<string>()];
  for (const one of statements)
    if ('coverageId' in one) coverages.add(`${one.member}/${one.coverageId}`);
    else
      for (const kind of ['npi', 'tin'] as const)
        if (one.provider[kind] !== undefined)
          providers.add(`${one.member}/${kind}|${one.provider[kind].replaceAll('-', '')}`);
  return (member: string, now: Explained): string | undefined => {
    const denied = deniedNow(now);
    if (denied !== undefined || now.memberFacts === null) return denied;
    const { attributions, coverage } = now.memberFacts;
    const covered = coverage.filter(({ holds }) => holds);
    const isLeft = covered.some(({ coverageId }) => !coverages.has(`${member}/${coverageId ?? ''}`));
    if (covered.length > 0 && !isLeft) return 'not-covered';
    const permitting = attributions.filter((each) => each.holds && each.boundToClient && each.inNetwork);
    const isWrong = (each: { readonly providers: readonly string[] }): boolean =>
      each.providers.some((provider) => providers.has(`${member}/${provider}`));
    return permitting.length > 0 && permitting.every(isWrong) ? 'not-attributed' : undefined;
  };
}

/** Members whose resources are recalled, each once. */
export const membersOf = (resources: Iterable<WrongResource>): readonly string[] => [
  ...new Set(Array.from(resources, ({ member }) => member)),
];
