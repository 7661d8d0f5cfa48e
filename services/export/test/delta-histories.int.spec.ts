import { expect, it } from 'vitest';
import { cases, Random, seed } from '@provider-access/testing/search';
import { Platform } from './harness.ts';

/**
 * A client that does what docs/keeping-your-copy-right.md says: one full export, then deltas. In random histories its
 * copy equals a full export at the end. The truth is kept here, by hand, and not asked of the platform.
 */
const HISTORIES = cases(1) === 1 ? 8 : 1_000;
const LABEL = 'http://terminology.hl7.org/CodeSystem/v3-ActCode|PSY';
const TYPES = ['Patient', 'Observation', 'Condition'];
const random = new Random(seed);

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

/** The payer's side of one history: what was told to the platform, and what of it a client may have. */
class Payer {
  readonly members = new Map<string, Member>();
  readonly platform: Platform;
  readonly group: string;
  readonly provider: string;
  readonly told: string[] = [];
  constructor(platform: Platform, n: number) {
    this.platform = platform;
    this.group = `g-${n}`;
    this.provider = `npi|${String(1_000_000_000 + n)}`;
  }

  async start(): Promise<void> {
    await this.platform.client(this.group, this.provider);
    await this.platform.group(this.group, this.provider);
    for (const name of ['a', 'b', 'c']) {
      const member = `${this.group}-${name}`;
      this.members.set(member, { attributed: false, optedOut: false, resources: new Map() });
      await this.platform.members([member], { group: this.group, provider: this.provider });
      this.members.get(member)!.attributed = true;
      await this.put(member, 'Patient', member);
      for (let n = 0; n < 2; n++) await this.put(member, random.one(TYPES.slice(1)), `${member}-${n}`);
    }
  }

  now = (): string => new Date(this.platform.clock.now()).toISOString();
  async put(member: string, type: string, id: string, labelled = false): Promise<void> {
    const about = `${type}/${id}`;
    const { resources } = this.members.get(member)!;
    const version = (resources.get(about)?.version ?? 0) + 1;
    const text = `${version} at ${this.now()}`;
    resources.set(about, { text, labelled, deleted: false, version });
    await this.platform.resources([
      { member, type, id, text, version, at: this.now(), ...(labelled && { labels: [LABEL] }) },
    ]);
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
    const name = random.one([...this.members.keys()]);
    const member = this.members.get(name)!;
    const stored = [...member.resources].filter(([, each]) => !each.deleted);
    const clinical = stored.filter(([about]) => !about.startsWith('Patient/'));
    const [about] = clinical.length > 0 ? random.one(clinical) : ['none'];
    const what = random.one([
      'new',
      'update',
      'label',
      'unlabel',
      'delete',
      'error',
      'move',
      'consent',
      'list',
      'list',
    ]);
    this.told.push(`${what} ${name} ${about}`);
    if (what === 'new') await this.put(name, random.one(TYPES.slice(1)), `${name}-${member.resources.size}`);
    else if (what === 'consent') {
      if (member.optedOut) await this.platform.optIn(name);
      else await this.platform.optOut(name);
      member.optedOut = !member.optedOut;
    } else if (what === 'list') {
      if (member.attributed) await this.platform.unattribute(name, this);
      else await this.platform.members([name], { group: this.group, provider: this.provider, from: this.now() });
      member.attributed = !member.attributed;
    } else if (about === 'none') return;
    else {
      const [type, id] = about.split('/') as [string, string];
      if (what === 'delete' || what === 'error')
        await this.delete(name, about, what === 'error' ? 'entered-in-error' : 'deleted');
      else if (what === 'move') {
        const others = [...this.members.keys()].filter((other) => other !== name);
        await this.delete(name, about, 'merged');
        await this.put(random.one(others), type, id);
      } else await this.put(name, type, id, what === 'label');
    }
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

interface Bundle {
  readonly entry: readonly { readonly request: { readonly url: string } }[];
}
/** Exports and loads the files in the order that the page says. @returns the next `_since` */
async function load(payer: Payer, copy: Map<string, string>, since?: string): Promise<string> {
  const token = await platform.token(payer.group);
  const options = { token, group: payer.group };
  const job = await platform.kickOff(since === undefined ? '' : `?_since=${since}`, options);
  const manifest = await platform.manifest(job, token);
  const deleted = ((await platform.lines(manifest, 'deleted', token))['Bundle'] ?? []) as unknown as Bundle[];
  for (const { entry } of deleted) for (const { request } of entry) copy.delete(request.url);
  for (const [type, lines] of Object.entries(await platform.lines(manifest, 'output', token)))
    for (const { id, text } of lines) copy.set(`${type}/${id}`, String(text));
  return manifest.transactionTime;
}
const sorted = (copy: ReadonlyMap<string, string>): string[] => [...copy].map((each) => each.join(' = ')).toSorted();

/** Each run has a platform of its own: what an app and a Group cost grows with those that are there. */
const RUN = 8;
const runs = Array.from({ length: HISTORIES / RUN }, (_, run) => run * RUN);
it.each(runs)(`a chain of deltas equals a full export (${RUN} histories from %i on, seed ${seed})`, async (first) => {
  platform = await Platform.start({ chunkMembers: 2 });
  try {
    for (let n = first; n < first + RUN; n++) await history(n);
  } finally {
    await platform.dispose();
  }
});

async function history(n: number): Promise<void> {
  const payer = new Payer(platform, n);
  await payer.start();
  const copy = new Map<string, string>();
  await platform.advance(1000);
  let since = await load(payer, copy);
  expect(sorted(copy)).toEqual(sorted(payer.truth()));
  for (let rounds = 1 + random.below(4); rounds > 0; rounds--) {
    for (let changes = random.below(6); changes > 0; changes--) {
      await platform.advance(1000);
      await payer.change();
    }
    await platform.advance(1000);
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
