import { expect, it } from 'vitest';
import { cases, Random, seed } from '@provider-access/testing/search';
import { dataOf, PA_EXPORTS, typeOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import { Platform } from './harness.ts';

/**
 * A client that does what docs/keeping-your-copy-right.md says: one full export, then deltas. In random histories its
 * copy equals a full export at the end. The truth is kept here, by hand, and not asked of the platform.
 */
const HISTORIES = cases(1) === 1 ? 8 : 1_000;
/** How far the clock moves before each step, ms. The histories of a run share the clock. */
const TICK = 10;
const LABEL = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|PSY';
const WHAT = 'label delete move consent list new update error unlabel back back back'.split(' ');
const TYPES = ['Patient', 'Observation', 'Condition'];
/** What the issue names, and what a history may lack: each kind must have changed what the client may have. */
const KINDS = ['opt-out', 'return', 'merge', 'delete', 'label change', 'lost attribution', 'new attribution'] as const;
/** How often a step of a kind changed what a client may have, over all histories. */
const drawn = new Map<string, number>(KINDS.map((kind) => [kind, 0]));

interface Stored {
  text: string;
  labelled: boolean;
  deleted: boolean;
  version: number;
}
interface Member {
  attributed: boolean;
  optedOut: boolean;
  readonly resources: Map<string, Stored>;
}

/** Member, type, id, and whether the resource has the label. */
type Put = readonly [member: string, type: string, id: string, labelled?: boolean];

/** The payer's side of one history: what was told to the platform, and what of it a client may have. */
class Payer {
  readonly members = new Map<string, Member>();
  readonly platform: Platform;
  readonly group: string;
  readonly provider: string;
  readonly told: string[] = [];
  readonly random: Random;
  readonly n: number;
  constructor(platform: Platform, n: number) {
    this.platform = platform;
    this.n = n;
    // Histories run side by side, so each one draws from numbers of its own.
    this.random = new Random(seed + 7919 * n);
    this.group = `g-${n}`;
    this.provider = `npi|${String(1_000_000_000 + n)}`;
  }

  async start(): Promise<void> {
    await this.platform.client(this.group, this.provider);
    await this.platform.group(this.group, this.provider);
    const names = ['a', 'b', 'c'].map((name) => `${this.group}-${name}`);
    await this.platform.members(names, { group: this.group, provider: this.provider });
    const first: Put[] = [];
    for (const member of names) {
      this.members.set(member, { attributed: true, optedOut: false, resources: new Map() });
      first.push([member, 'Patient', member]);
      for (let n = 0; n < 2; n++) first.push([member, this.random.one(TYPES.slice(1)), `${member}-${n}`]);
    }
    await this.put(...first);
  }

  now = (): string => new Date(this.platform.clock.now()).toISOString();
  async put(...list: readonly Put[]): Promise<void> {
    const at = this.now();
    await this.platform.resources(
      list.map(([member, type, id, labelled = false]) => {
        const about = `${type}/${id}`;
        const { resources } = this.members.get(member)!;
        const version = (resources.get(about)?.version ?? 0) + 1;
        const text = `${version} at ${at}`;
        resources.set(about, { text, labelled, deleted: false, version });
        return { member, type, id, text, version, at, ...(labelled && { labels: [LABEL] }) };
      }),
    );
  }
  async delete(member: string, about: string, reason: string): Promise<void> {
    const stored = this.members.get(member)!.resources.get(about)!;
    const [type, id] = about.split('/') as [string, string];
    stored.deleted = true;
    stored.version += 1;
    const labels = stored.labelled ? { labels: [LABEL] } : {};
    await this.platform.deleted(member, type, id, { reason, version: stored.version, ...labels });
  }
  /** One random change, at a time of its own. */
  async change(): Promise<void> {
    const before = sorted(this.truth());
    const kind = await this.#step();
    const counted = kind !== undefined && drawn.has(kind) && sorted(this.truth()).join() !== before.join();
    if (counted) drawn.set(kind, drawn.get(kind)! + 1);
  }
  /** @returns the kind of the step */
  async #step(): Promise<string | undefined> {
    const { random } = this;
    const names = [...this.members.keys()];
    const gone = names.filter((each) => !this.visible(this.members.get(each)!));
    // The first steps of the histories are of all kinds, so that few histories have them all.
    const drawnWhat = this.told.length === 0 ? WHAT[this.n % WHAT.length]! : random.one(WHAT);
    // Most histories are short, so that a member who left would seldom come back by chance.
    const back = drawnWhat === 'back' && gone.length > 0;
    const name = random.one(back ? gone : names);
    const what = drawnWhat !== 'back' ? drawnWhat : this.members.get(name)!.optedOut ? 'consent' : 'list';
    const member = this.members.get(name)!;
    const stored = [...member.resources].filter(([, each]) => !each.deleted);
    const clinical = stored.filter(([about]) => !about.startsWith('Patient/'));
    const [about, resource] = clinical.length > 0 ? random.one(clinical) : ['none'];
    this.told.push(`${what} ${name} ${about}`);
    if (what === 'new') await this.put([name, random.one(TYPES.slice(1)), `${name}-${member.resources.size}`]);
    else if (what === 'consent') {
      member.optedOut = !member.optedOut;
      await (member.optedOut ? this.platform.optOut(name) : this.platform.optIn(name));
      return member.optedOut ? 'opt-out' : 'return';
    } else if (what === 'list') {
      member.attributed = !member.attributed;
      if (!member.attributed) await this.platform.unattribute(name, this);
      else await this.platform.members([name], { group: this.group, provider: this.provider, from: this.now() });
      return member.attributed ? 'new attribution' : 'lost attribution';
    } else if (resource !== undefined) {
      const [type, id] = about.split('/') as [string, string];
      if (what === 'delete' || what === 'error') {
        await this.delete(name, about, what === 'error' ? 'entered-in-error' : 'deleted');
        return 'delete';
      }
      if (what === 'move') {
        const others = [...this.members.keys()].filter((other) => other !== name);
        await this.delete(name, about, 'merged');
        await this.put([random.one(others), type, id]);
        return 'merge';
      }
      const { labelled } = resource;
      await this.put([name, type, id, what === 'label']);
      return labelled === (what === 'label') ? undefined : 'label change';
    }
    return undefined;
  }
  visible = (member: Member): boolean => member.attributed && !member.optedOut;
  /** Everything that the client may have now, by `Type/id`. */
  truth(): Map<string, string> {
    const found = new Map<string, string>();
    for (const member of this.members.values())
      for (const [about, { text, labelled, deleted }] of member.resources)
        if (this.visible(member) && !deleted && !labelled) found.set(about, text);
    return found;
  }
  /** Whether a client cannot know that it should drop its copy: the patient left, or a label withholds the resource. */
  mayStay(about: string): boolean {
    return [...this.members.values()].some((member) => {
      const stored = member.resources.get(about);
      return stored !== undefined && (!this.visible(member) || stored.labelled);
    });
  }
}

let platform: Platform;
/** Jobs that ended, and callers who wait for the end of one, by job. Polls would cost more than the histories. */
const ends = new Map<string, PromiseWithResolvers<void>>();
function ended(job: string): Promise<void> {
  const end = ends.get(job) ?? Promise.withResolvers<void>();
  ends.set(job, end);
  return end.promise;
}
const END = new Set(['pa.export-sealed.v1', 'pa.export-failed.v1']);
async function listen(): Promise<void> {
  const handle = ({ records }: { readonly records: readonly LogRecord[] }): void => {
    for (const record of records)
      if (END.has(typeOf(record) ?? '')) {
        const { job } = dataOf(record) as { job: string };
        void ended(job);
        ends.get(job)!.resolve();
      }
  };
  await platform.log.follow({ topics: [PA_EXPORTS], handle });
}

interface Bundle {
  readonly entry: readonly { readonly request: { readonly url: string } }[];
}
/** Exports and loads the files in the order that the page says. @returns the next `_since` */
async function load(payer: Payer, copy: Map<string, string>, since?: string): Promise<string> {
  const token = await platform.token(payer.group);
  const options = { token, group: payer.group };
  const job = await platform.kickOff(since === undefined ? '' : `?_since=${since}`, options);
  await ended(job.split('/').at(-1)!);
  const manifest = await platform.manifest(job, token);
  const deleted = ((await platform.lines(manifest, 'deleted', token))['Bundle'] ?? []) as unknown as Bundle[];
  for (const { entry } of deleted) for (const { request } of entry) copy.delete(request.url);
  for (const [type, lines] of Object.entries(await platform.lines(manifest, 'output', token)))
    for (const { id, text } of lines) copy.set(`${type}/${id}`, String(text));
  return manifest.transactionTime;
}
const sorted = (copy: ReadonlyMap<string, string>): string[] => [...copy].map((each) => each.join(' = ')).toSorted();

/**
 * The histories of a run share a platform and go on side by side, because a history mostly waits. Each has members, a
 * Group and an app of its own. Another run has another platform: what each app and Group cost grows with their number.
 */
const RUN = Math.min(HISTORIES, 40);
const runs = Array.from({ length: HISTORIES / RUN }, (_, run) => run * RUN);
it.each(runs)(
  `a chain of deltas equals a full export (${RUN} histories from %i on, seed ${seed})`,
  async (first) => {
    platform = await Platform.start({ chunkMembers: 2, pollMs: 500, facts: { pollMs: 1000, boundMs: 60_000 } });
    await listen();
    try {
      await Promise.all(Array.from({ length: RUN }, (_, n) => history(first + n)));
    } finally {
      await platform.dispose();
    }
  },
  600_000,
);
it('had a step of each kind that changed what a client may have', () => {
  process.stdout.write(`steps of ${HISTORIES} histories: ${[...drawn].map((each) => each.join(' ')).join(', ')}\n`);
  expect([...drawn].filter(([, times]) => times === 0)).toEqual([]);
});

async function history(n: number): Promise<void> {
  const payer = new Payer(platform, n);
  await payer.start();
  const copy = new Map<string, string>();
  await platform.advance(TICK);
  let since = await load(payer, copy);
  expect(sorted(copy)).toEqual(sorted(payer.truth()));
  for (let rounds = 1 + payer.random.below(4); rounds > 0; rounds--) {
    for (let changes = payer.random.below(6); changes > 0; changes--) {
      await platform.advance(TICK);
      await payer.change();
    }
    await platform.advance(TICK);
    payer.told.push('delta');
    since = await load(payer, copy, since);
  }
  const full = new Map<string, string>();
  await load(payer, full);
  const what = `history ${n}: ${payer.told.join('; ')}`;
  expect(sorted(full), what).toEqual(sorted(payer.truth()));
  const kept = new Map([...copy].filter(([about]) => full.has(about) || !payer.mayStay(about)));
  expect(sorted(kept), what).toEqual(sorted(full));
}
