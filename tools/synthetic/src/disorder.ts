import { flat } from './flat.ts';
import { DAY, HOUR } from './calendar.ts';
import { DELETED, type Draft, type Fault, RECORDED, recorded } from './draft.ts';
import { memberId } from './identifiers.ts';
import type { Member } from './member.ts';
import type { Resource } from './profiles.ts';
import { Random } from './random.ts';

/** The rates at which a payer's systems send faulty events, as shares of resource events (poison: of members). */
const DISORDER_RATES = {
  /** The same source and id a second time. */
  duplicate: 0.01,
  /** The same content with a new id. */
  repeat: 0.01,
  /** Published weeks or months after its business time. */
  late: 0.02,
  /** Of resources with versions: the last but one is published after the last, and must not win. */
  outOfOrder: 0.1,
  deleted: 0.003,
  /** Members with one event that is faulty itself. */
  poison: 0.08,
} as const;

/** How far before it the owner of a stolen `Type/id` is: far enough that the owner's event is already in. */
const OWNER_DISTANCE = 40;
/** The type of the stolen resource. It is never deleted here, because a deletion frees its id. */
const COVETED = 'CareTeam';
const FAULTS: readonly Fault[] = [
  'resource-not-an-object',
  'unknown-type',
  'missing-id',
  'wrong-json-type',
  'names-another-member',
  'owned-by-another-member',
];

export interface Disordered extends Draft {
  readonly duplicateOf?: Draft;
}

/** Adds the disorder and decides every event's final outcome. The result is in publish order. */
export function disorder(seed: string | number, member: Member, drafts: readonly Draft[]): Disordered[] {
  const random = Random.keyed(seed, 'member', member.n, 'disorder');
  const versions = new Map<string, number>();
  for (const d of drafts) if (d.resource !== undefined) versions.set(d.about, (versions.get(d.about) ?? 0) + 1);
  const seen = new Map<string, number>();
  const swapped = new Map<string, Draft>();
  const out: Disordered[] = [];
  for (const d of drafts) {
    if (d.resource === undefined || d.outcome !== 'recorded' || DECIDES.has(d.resource.resourceType)) {
      out.push(d);
      continue;
    }
    const fate = random.unit();
    const days = random.int(1, 150);
    const nth = (seen.get(d.about) ?? 0) + 1;
    seen.set(d.about, nth);
    const of = versions.get(d.about)!;
    if (of >= 2 && nth === of - 1 && fate < DISORDER_RATES.outOfOrder) {
      swapped.set(d.about, d);
      continue;
    }
    const late = fate > 1 - DISORDER_RATES.late;
    const published = late ? d.published + (20 + days) * DAY : d.published;
    const disordered: Disordered = late ? { ...d, published } : d;
    out.push(disordered);
    const held = swapped.get(d.about);
    if (nth === of && held !== undefined) out.push({ ...held, published: published + days * HOUR });
    if (of > 1) continue;
    if (random.chance(DISORDER_RATES.deleted) && d.time < member.end - 40 * DAY && d.resource.resourceType !== COVETED)
      out.push(deleted(d, d.time + 20 * DAY, published + 20 * DAY));
    else if (fate < DISORDER_RATES.duplicate)
      out.push({
        ...disordered,
        published: published + days * (DAY / 5),
        outcome: 'unchanged',
        duplicateOf: disordered,
      });
    else if (fate < DISORDER_RATES.duplicate + DISORDER_RATES.repeat)
      out.push({ ...disordered, time: d.time + 60_000, published: published + days * (DAY / 5) });
  }
  out.push(...poisonOf(seed, member, drafts));
  return settle(out);
}

/** Never disordered here: events that decide about access arrive in order and once. */
const DECIDES: ReadonlySet<string> = new Set(['Patient', 'Coverage']);

function deleted(d: Draft, time: number, published: number): Draft {
  return {
    type: DELETED,
    system: d.system,
    time,
    published,
    data: { resourceType: d.resource!.resourceType, id: d.resource!.id },
    outcome: 'recorded',
    about: d.about,
    deleted: true,
  };
}

/**
 * Sorts by publish time and decides which version wins. An equal one is `unchanged`. A version that is older than the
 * stored one, by (business time, sequence), is `superseded`.
 */
function settle(drafts: readonly Disordered[]): Disordered[] {
  const sorted = drafts
    .map((d, i) => ({ d, i }))
    .sort((a, b) => a.d.published - b.d.published || a.i - b.i)
    .map(({ d }) => d);
  const held = new Map<string, Draft>();
  return sorted.map((d) => {
    if (d.outcome !== 'recorded' || (d.resource === undefined && d.deleted !== true)) return d;
    const current = held.get(d.about);
    if (current !== undefined && current.resource === d.resource) return { ...d, outcome: 'unchanged' };
    if (current !== undefined && isOlder(d, current)) return { ...d, outcome: 'superseded' };
    held.set(d.about, d);
    return d;
  });
}

const sequenceOf = (d: Draft): number => (d.data as { sequence?: number }).sequence ?? 0;
const isOlder = (a: Draft, b: Draft): boolean =>
  a.time < b.time || (a.time === b.time && sequenceOf(a) < sequenceOf(b));

function poisonOf(seed: string | number, member: Member, drafts: readonly Draft[]): Draft[] {
  const random = Random.keyed(seed, 'member', member.n, 'poison');
  if (!random.chance(DISORDER_RATES.poison)) return [];
  const fault = random.pick(FAULTS);
  const candidates = drafts.filter((d) => d.resource?.resourceType === 'Observation' && d.outcome === 'recorded');
  if (candidates.length === 0) return [];
  const model = random.pick(candidates);
  const last = drafts.reduce((latest, d) => Math.max(latest, d.published), 0);
  const time = model.time + HOUR;
  const id = flat(member.id, '-poison-1');
  const good = { ...model.resource!, id };
  const bad = (resource: unknown, about: string, published = model.published + HOUR): Draft[] => [
    { type: RECORDED, system: 'clinical', time, published, data: { resource }, outcome: 'parked', fault, about },
  ];
  switch (fault) {
    case 'resource-not-an-object':
      return bad('Observation: see attachment', 'Observation');
    case 'unknown-type':
      return bad({ ...good, resourceType: 'Observatoin' }, flat('Observatoin/', id));
    case 'missing-id':
      return bad({ ...good, id: undefined }, 'Observation');
    case 'wrong-json-type':
      return bad(
        { ...good, valueQuantity: { value: 'seventy', unit: 'kg' }, component: undefined },
        flat('Observation/', id),
      );
    case 'names-another-member':
      return bad(
        { ...good, subject: { reference: flat('Patient/', memberId(member.n + 1)) } },
        flat('Observation/', id),
      );
    case 'owned-by-another-member': {
      if (member.n <= OWNER_DISTANCE) return [];
      const team = drafts.find((d) => d.resource?.resourceType === COVETED)!.resource!;
      const stolen: Resource = { ...team, id: flat(memberId(member.n - OWNER_DISTANCE), '-ct-1') };
      return [
        {
          ...recorded('clinical', stolen, time, last + DAY, 'parked'),
          fault,
          about: flat(COVETED, '/', stolen.id),
          resource: undefined,
        },
      ];
    }
    case 'unreadable-opt-out':
      return [];
  }
}
