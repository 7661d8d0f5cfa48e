import { randomInt } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { expect } from 'vitest';
import { type DomainEvent, toStructured } from '@provider-access/events';
import { npiOf } from '@provider-access/synthetic';
import { eventually } from '@provider-access/testing';
import type { cliPlatform } from './cli-platform.ts';
import { registerApp, type TestApp } from './harness.ts';
import { memberOf, publishTaken } from './payers.ts';
import { findGroup, http, kickOff, payerEvent, sealed, viewsCaughtUp } from './road.ts';

/**
 * An oracle for `pa recall`: apps read, search and download at random around a planted wrong batch, and each app keeps
 * a list of its own of what it got, from the bodies alone. The recall must find the releases of that list with
 * something wrong, and nothing else.
 */
type World = ReturnType<typeof cliPlatform>;
interface Size {
  readonly members: number;
  readonly steps: number;
}

const text = (value: string) => ({ coding: [{ system: 'urn:example:codes', code: value }] });
const SHAPES: Readonly<Record<string, (patient: object) => object>> = {
  Condition: (subject) => ({ subject, clinicalStatus: ofCondition('active'), code: text('a') }),
  Observation: (subject) => ({ subject, status: 'final', code: text('b') }),
  Procedure: (subject) => ({ subject, status: 'completed', code: text('c') }),
  AllergyIntolerance: (patient) => ({ patient, code: text('d') }),
};
const ofCondition = (code: string) => ({
  coding: [{ system: 'http://terminology.hl7.org/CodeSystem/condition-clinical', code }],
});
const TYPES = Object.keys(SHAPES);

/** What an app got in one answer. */
interface Got {
  readonly app: string;
  readonly action: string;
  /** `job/file` of a download. */
  readonly file?: string;
  /** `Type/id` of each resource, and `Patient/id` of each member whom a Group names. */
  readonly names: ReadonlySet<string>;
}
interface Listed {
  readonly number: string;
  readonly permitted: number;
  readonly releases: readonly {
    readonly member: string;
    readonly agent: { readonly name: string };
    readonly action: string;
    readonly job?: string;
    readonly file?: string;
    readonly why: readonly string[];
  }[];
}
interface App {
  readonly name: string;
  readonly npi: string;
  readonly app: TestApp;
}

/** Every resource in a body, and every member whom it refers to as one of a list. */
function namesIn(body: string): Set<string> {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    const { resourceType, id, entity } = value as {
      resourceType?: string;
      id?: string;
      entity?: { reference?: string };
    };
    if (resourceType !== undefined && id !== undefined) names.add(`${resourceType}/${id}`);
    if (entity?.reference !== undefined) names.add(entity.reference);
    for (const child of Object.values(value)) visit(child);
  };
  for (const line of body.split('\n')) if (line.trim() !== '') visit(JSON.parse(line));
  return names;
}

class Planted {
  readonly #world: World;
  readonly #run = randomInt(1e6);
  readonly #got: Got[] = [];
  readonly #apps: App[] = [];
  /** `Type/id` -> the member whose it is. */
  readonly #owner = new Map<string, string>();
  readonly #right = new Map<string, Set<string>>();
  readonly #wrongData = new Set<string>();
  /** `member npi` of each wrong attribution. */
  readonly #wrongAccess = new Set<string>();
  readonly #files: { readonly app: App; readonly url: string }[] = [];
  #state: number;
  constructor(world: World, seed: number) {
    this.#world = world;
    this.#state = seed;
  }
  #random(below: number): number {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0;
    return (this.#state % 65_536) % below;
  }
  #one<T>(of: readonly T[]): T {
    return of[this.#random(of.length)]!;
  }
  get #members(): readonly string[] {
    return [...this.#right.keys()];
  }
  #resource(type: string, member: string, wrong: boolean): DomainEvent {
    const id = `${type.toLowerCase()}-${wrong ? 'wrong' : 'right'}-${member}`;
    this.#owner.set(`${type}/${id}`, member);
    if (wrong) this.#wrongData.add(`${type}/${id}`);
    const resource = { resourceType: type, id, ...SHAPES[type]!({ reference: `Patient/${member}` }) };
    return payerEvent('payer.resource-recorded.v1', member, { resource });
  }

  /** An answer that finds nothing of such a member is a release too: it tells that the app may ask. */
  #isAccess(member: string): boolean {
    return [...this.#wrongAccess].some((each) => each.startsWith(`${member} `));
  }

  async open(members: number): Promise<void> {
    const { platform } = this.#world;
    const npis = [1, 2, 3].map((n) => npiOf(20_000_000 + 10 * this.#run + n));
    const events = npis.map((npi) =>
      payerEvent('payer.network-status-changed.v1', npi, { npi, status: 'in-network', from: '2020-01-01' }),
    );
    for (let n = 0; n < members; n++) {
      const member = `m-${this.#run}-${n}`;
      this.#owner.set(`Patient/${member}`, member);
      // Each provider has a member from the start: an app without a Group could not export.
      const npi = npis[n] ?? this.#one(npis);
      this.#right.set(member, new Set([npi]));
      events.push(...memberOf(member, { npi }));
      // The last type stays free for a wrong resource.
      for (const type of TYPES.slice(0, -1))
        if (this.#random(2) === 0) events.push(this.#resource(type, member, false));
    }
    await publishTaken(platform(), ...events);
    for (const [n, npi] of npis.entries()) {
      const name = `App ${n}`;
      this.#apps.push({ name, npi, app: await registerApp(platform(), { name, npi }) });
    }
  }

  /** The wrong batch: for each third member a resource of a type that the member has not, or an attribution. */
  async plant(): Promise<void> {
    const { platform, at } = this.#world;
    const wrong: DomainEvent[] = [];
    for (const [n, member] of this.#members.entries()) {
      if (n % 3 === 0) wrong.push(this.#resource(TYPES.at(-1)!, member, true));
      if (n % 3 !== 1) continue;
      const { npi } = this.#apps.find((each) => !this.#right.get(member)!.has(each.npi))!;
      this.#wrongAccess.add(`${member} ${npi}`);
      wrong.push(payerEvent('payer.attribution-asserted.v1', member, { provider: { npi }, from: '2020-01-01' }));
    }
    await publishTaken(platform(), ...wrong);
    writeFileSync(at('planted.ndjson'), wrong.map((event) => `${JSON.stringify(toStructured(event))}\n`).join(''));
  }

  async #ask({ app, name }: App, action: string, path: string, file?: string): Promise<void> {
    const url = path.startsWith('http') ? path : `${this.#world.platform().base}/fhir/${path}`;
    const { status, body } = await http(url, { token: await app.tokens.get() });
    if (status !== 200) return;
    this.#got.push({ app: name, action, names: namesIn(body.toString('utf8')), ...(file !== undefined && { file }) });
  }

  async act(steps: number, isCounted: boolean): Promise<void> {
    for (let n = 0; n < steps; n++) {
      const app = this.#one(this.#apps);
      const known = this.#one([...this.#owner.keys()]);
      const type = known.split('/', 1)[0]!;
      const member = this.#owner.get(known)!;
      const patient = type === 'Patient' ? `_id=${member}` : `patient=${member}`;
      const kind = n === 0 ? 9 : this.#random(12);
      if (kind < 4) await this.#ask(app, 'read', known);
      else if (kind < 5) await this.#ask(app, 'history', `${known}/_history`);
      else if (kind < 7) await this.#ask(app, 'search', `${type}?${patient}`);
      else if (kind < 8 && !this.#isAccess(member)) await this.#ask(app, 'search', `${type}?${patient}&_id=nobody`);
      else if (kind < 10) await this.#export(app);
      else await this.#ask(app, 'read', `Patient/${member}`);
    }
    if (!isCounted) this.#got.length = 0;
  }

  async #export(app: App): Promise<void> {
    const { platform } = this.#world;
    const token = await app.app.tokens.get();
    const group = await findGroup(platform(), token, app.npi);
    this.#got.push({ app: app.name, action: 'group-search', names: namesIn(JSON.stringify(group)) });
    const since = this.#random(2) === 0 ? '' : `&_since=${encodeURIComponent(new Date().toISOString())}`;
    const status = await kickOff(platform(), token, group.id, `?_type=${['Patient', ...TYPES].join(',')}${since}`);
    const { output } = await sealed(status, token);
    for (const { url } of output) {
      if (this.#random(4) === 0) continue;
      await this.#ask(app, 'download', url, new URL(url).pathname.split('/').slice(-2).join('/'));
      this.#files.push({ app, url });
    }
  }

  /** The releases that the apps themselves know to be wrong: `member app action file why`. */
  expected(): readonly string[] {
    const found: string[] = [];
    const once = new Set<string>();
    for (const { app, action, file, names } of this.#got) {
      const why = new Map<string, Set<string>>();
      const { npi } = this.#apps.find(({ name }) => name === app)!;
      const note = (member: string, reason: string): void =>
        void why.set(member, (why.get(member) ?? new Set()).add(reason));
      for (const name of names) {
        const member = this.#owner.get(name);
        if (member === undefined) continue;
        if (this.#wrongData.has(name)) note(member, 'data');
        if (this.#wrongAccess.has(`${member} ${npi}`)) note(member, 'access');
      }
      for (const [member, reasons] of why) {
        const row = [member, app, action, ...(file === undefined ? [] : [file]), ...[...reasons].toSorted()].join(' ');
        // An hour of downloads of a file, and of looks at a list, has one entry (ADR 0025).
        if ((action === 'download' || action === 'group-search') && once.has(row)) continue;
        once.add(row);
        found.push(row);
      }
    }
    return found.toSorted();
  }
  listed({ releases }: Listed): readonly string[] {
    return releases
      .map(({ member, agent, action, job, file, why }) =>
        [member, agent.name, action, ...(file === undefined ? [] : [`${job}/${file}`]), ...[...why].toSorted()].join(
          ' ',
        ),
      )
      .toSorted();
  }
  /** Whether a file that is still there has a wrong resource, or a member by whom the app should not have had it. */
  async leftInFiles(): Promise<readonly string[]> {
    const found: string[] = [];
    for (const { app, url } of this.#files) {
      const { status, body } = await http(url, { token: await app.app.tokens.get() });
      if (status !== 200) continue;
      for (const name of namesIn(body.toString('utf8')))
        if (this.#wrongData.has(name) || this.#wrongAccess.has(`${this.#owner.get(name)} ${app.npi}`)) found.push(name);
    }
    return found;
  }
}

/** An instant between what happened and what comes next. */
async function moment(): Promise<string> {
  const later = (than: number) => eventually(() => expect(Date.now()).toBeGreaterThan(than));
  await later(Date.now());
  const now = Date.now();
  await later(now);
  return new Date(now).toISOString();
}

/** @throws Error that names the seed, whatever failed */
export async function plantedRecall(world: World, size: Size, seed = randomInt(2 ** 31)): Promise<void> {
  try {
    await withSeed(world, size, seed);
  } catch (cause) {
    throw new Error(`a planted recall failed with seed ${seed}`, { cause });
  }
}

async function withSeed(world: World, { members, steps }: Size, seed: number): Promise<void> {
  const { pa, platform } = world;
  const planted = new Planted(world, seed);
  const recalled = async (...args: string[]): Promise<Listed> => {
    const { code, stdout, stderr } = await pa('--json', 'recall', '--events', 'planted.ndjson', ...args);
    expect(code, stderr).toBe(0);
    return JSON.parse(stdout) as Listed;
  };
  await planted.open(members);
  await viewsCaughtUp(platform());
  await planted.act(Math.ceil(steps / 4), false);
  const since = await moment();
  await planted.plant();
  await viewsCaughtUp(platform());
  await planted.act(steps, true);
  const until = await moment();
  const expected = planted.expected();
  expect(expected.length).toBeGreaterThan(0);
  const args = ['--since', since, '--until', until];
  const dry = await recalled(...args);
  expect(planted.listed(dry), 'the dry run').toEqual(expected);
  const done = await recalled(...args, '--confirm', dry.number);
  expect(planted.listed(done)).toEqual(expected);
  await eventually(async () => expect(await planted.leftInFiles()).toEqual([]));
}
