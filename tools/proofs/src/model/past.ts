import { isDeepStrictEqual } from 'node:util';
import {
  PA_ATTESTATIONS,
  PA_ATTRIBUTION,
  PA_AUDIT,
  PA_CONSENT,
  PA_MEMBERS,
  PA_REGISTRY,
} from '@provider-access/events';
import type { Secret, SigningKeys } from '@provider-access/smart';
import { Broken, Driver, json, sequenceOf } from '@provider-access/testing/promises';
import { MemoryWorld } from './memory-world.ts';
import { type ServedDecision, servedIn } from './served.ts';

/** Sequences of a world. The history of a world grows with them. */
const A_WORLD = 10;
/** Topics with statements about a member or an app. Their subject is whom they are about. */
const STATEMENTS = [PA_MEMBERS, PA_ATTRIBUTION, PA_CONSENT, PA_ATTESTATIONS, PA_REGISTRY];

export interface Verdict {
  readonly decision: 'permit' | 'deny' | 'unknown';
  readonly reason?: string;
}
/**
 * What `explain` says of a decision, by what was known until `known`. Default: the time of the decision. Several
 * decisions may have one time. Then the answer is about one of them, and `served.others` about those that differ.
 */
export async function explained(
  world: MemoryWorld,
  { client, member, at, group, entry }: Pick<ServedDecision, 'client' | 'member' | 'at' | 'group'> & { entry?: string },
  known = at,
): Promise<Verdict> {
  const query = new URLSearchParams({ client, member, at, known, ...(group !== undefined && { group }) });
  const answer = await world.operate(`/ops/explain?${query}`);
  if (answer.status !== 200) throw new Error(`explain was answered ${answer.status} ${answer.body}`);
  const said = json(answer) as Verdict & { served?: { others?: readonly (Verdict & { entry: string })[] } };
  const own = entry && said.served?.others?.find((other) => other.entry.includes(`/${entry}/`));
  const { decision, reason } = own || said;
  return { decision, ...(reason !== undefined && { reason }) };
}
const served = ({ permit, reason }: ServedDecision): Verdict =>
  permit ? { decision: 'permit' } : { decision: 'deny', ...(reason !== undefined && { reason }) };

export interface Compared {
  decisions: number;
  /** Decisions after which something was stated about their member or app. */
  changedLater: number;
  /** Of these, what the platform knows now would decide otherwise. */
  decidedOtherwiseNow: number;
  /** A statement has the millisecond of the entry, and the decision was made before it. */
  sameTime: number;
  readonly differ: object[];
  /** Sequences that ended early, because the platform and the model disagreed. */
  readonly brokenOff: string[];
  readonly leftOut: Map<string, number>;
}

/** Explains each decision that random sequences were served, and compares (APPS.md P11). Sequence n has `seed + n`. */
export async function explainServed(keys: Secret<SigningKeys>, seed: number, sequences: number): Promise<Compared> {
  const found: Compared = {
    decisions: 0,
    changedLater: 0,
    decidedOtherwiseNow: 0,
    sameTime: 0,
    differ: [],
    brokenOff: [],
    leftOut: new Map(),
  };
  // Every second world has the intervals of bindings in events of their own.
  for (let n = 0, bindingEvents = false; n < sequences; bindingEvents = !bindingEvents) {
    const world = await MemoryWorld.start(keys, { ticking: true, bindingEvents });
    try {
      const last = Math.min(n + A_WORLD, sequences);
      while (n < last) {
        const number = n++;
        const fault = await new Driver(world, `past-${number}`).run(sequenceOf(seed + number)).catch(brokenPromise);
        if (fault === undefined) continue;
        // Other tests judge promises. What was served until then is explained, and the next world is a new one.
        found.brokenOff.push(`${seed + number}: ${fault.message}`);
        break;
      }
      await compare(world, found);
    } finally {
      await world.stop();
    }
  }
  return found;
}

function brokenPromise(error: unknown): Broken {
  if (error instanceof Broken) return error;
  throw error;
}

async function compare(world: MemoryWorld, found: Compared): Promise<void> {
  // The view of the audit has every entry.
  await world.caughtUp().catch(brokenPromise);
  const { decisions, leftOut } = servedIn(world.recorded(PA_AUDIT));
  for (const [what, count] of leftOut) found.leftOut.set(what, (found.leftOut.get(what) ?? 0) + count);
  const stated = new Map<string, number>();
  for (const { headers, timestamp } of STATEMENTS.flatMap((topic) => world.recorded(topic))) {
    const subject = headers['ce_subject'] ?? '';
    stated.set(subject, Math.max(timestamp, stated.get(subject) ?? 0));
  }
  const now = new Date(world.now).toISOString();
  for (const decision of decisions) {
    found.decisions += 1;
    const last = Math.max(stated.get(decision.member) ?? 0, stated.get(decision.client) ?? 0);
    const isChangedLater = last > Date.parse(decision.at);
    if (isChangedLater) found.changedLater += 1;
    const expected = served(decision);
    if (isChangedLater && !isDeepStrictEqual(await explained(world, decision, now), expected))
      found.decidedOtherwiseNow += 1;
    const said = await explained(world, decision);
    if (isDeepStrictEqual(said, expected)) continue;
    const before = await explained(world, decision, new Date(Date.parse(decision.at) - 1).toISOString());
    if (isDeepStrictEqual(before, expected)) found.sameTime += 1;
    else found.differ.push({ ...decision, said, before });
  }
}

/** One line for the log of a test. */
export const figuresOf = ({
  decisions,
  changedLater,
  decidedOtherwiseNow,
  sameTime,
  differ,
  leftOut,
  brokenOff,
}: Compared) =>
  [
    `${decisions} decisions, ${changedLater} before a later change of the member or app`,
    `${decidedOtherwiseNow} decided otherwise by what is known now`,
    `${sameTime} within the millisecond of a statement, ${differ.length} explained otherwise`,
    `left out: ${[...leftOut].map(([what, count]) => `${count} ${what}`).join(', ')}`,
    `broken off: ${brokenOff.join('; ') || 'none'}`,
  ].join('; ');
