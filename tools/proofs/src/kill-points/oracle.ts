import { type DomainEvent, textOf } from '@provider-access/events';
import type { LogRecord } from '@provider-access/engines/log';
import type { MemberLedger } from '@provider-access/synthetic';
import { MEMBERS, MISPLACED, NEWS, PAST, PARKED_BEFORE, STORY_BEGINS, UNREADABLE } from './payer.ts';
import { ADMINISTRATOR_TOKEN, type Answer, PAYER_TOKEN } from './platform-process.ts';
import { exchange } from '@provider-access/testing';
import type { Scene } from './story.ts';

/**
 * Checks the platform when all work is done, and returns the faults. It compares the platform's answers and the records
 * of its topics with the ledger of the synthetic payer and with earlier answers. It uses no function of the platform.
 */
export async function faultsOf(scene: Scene): Promise<string[]> {
  const faults: string[] = [];
  const say = (fault: string): void => void faults.push(fault);
  filesAsTheLedgerSays(scene, say);
  recordsAsTheLedgerSays(scene, say);
  await receiptsAndDeadLetters(scene, say);
  await registrationAndTokens(scene, say);
  await readsAndDisclosures(scene, say);
  exportsOnce(scene, say);
  await serviceLevelsOnce(scene, say);
  await feedsOnce(scene, say);
  return faults;
}
/** Checks that do not depend on other published events: files, records and reads of the members of the story. */
export async function bystandersAsTheLedgerSays(scene: Scene): Promise<string[]> {
  const faults: string[] = [];
  const say = (fault: string): void => void faults.push(fault);
  filesAsTheLedgerSays(scene, say);
  recordsAsTheLedgerSays(scene, say);
  await readsAsTheLedgerSays(scene, say);
  return faults;
}
type Say = (fault: string) => void;
type Json = ReturnType<typeof JSON.parse>;

/** Members that the app may see when it downloads. */
const SEEN = [MEMBERS.stays, MEMBERS.grows];
const EXPORTED = new Set(['Patient', 'Observation']);
const recordsOf = (scene: Scene, topic: string): readonly LogRecord[] => scene.stores.records(topic).flat();
/** Caches parsed records. */
const parsed = new WeakMap<LogRecord, Json>();
function dataOf(record: LogRecord): Json {
  if (!parsed.has(record)) parsed.set(record, JSON.parse(textOf(record)));
  return parsed.get(record);
}
const typeOf = (record: LogRecord): string | undefined => record.headers['ce_type'];
const json = (answer: Answer): Json => JSON.parse(answer.body);
const get = async (scene: Scene, url: string, token: string): Promise<Answer> => scene.process.request(url, { token });

/** Whether `found` adds nothing to `sent`: redaction only removes. */
function isPartOf(found: Json, sent: Json): boolean {
  if (Array.isArray(found)) return Array.isArray(sent) && found.every((item) => sent.some((s) => isPartOf(item, s)));
  if (typeof found === 'object' && found !== null)
    return (
      typeof sent === 'object' &&
      sent !== null &&
      Object.keys(found).every((key) => key in sent && isPartOf(found[key], sent[key]))
    );
  return found === sent;
}

/** The files contain each resource of each permitted member once, in its last version, and no data of other members. */
function filesAsTheLedgerSays({ known }: Scene, say: Say): void {
  const found = new Map<string, Json>();
  for (const { type, url, count } of known.files!) {
    const lines = known.lines[url]!;
    if (lines.length !== count) say(`a file of ${type} has ${lines.length} lines, and its manifest says ${count}`);
    for (const line of lines) {
      const resource = JSON.parse(line);
      const about = `${resource.resourceType}/${resource.id}`;
      if (found.has(about)) say(`${about} is exported twice`);
      found.set(about, resource);
    }
  }
  const referred = new Set<string>();
  for (const member of SEEN) {
    for (const [about, { resource, versions }] of member.resources) {
      if (!EXPORTED.has(resource.resourceType)) continue;
      const exported = found.get(about);
      if (exported === undefined) {
        say(`${about} is missing in the export`);
        continue;
      }
      const { meta, ...content } = exported;
      if (meta.versionId !== String(versions))
        say(`${about} is exported as version ${meta.versionId} instead of ${versions}`);
      if (!isPartOf(content, resource)) say(`${about} has other content than its last version`);
      for (const [reference] of JSON.stringify(resource).matchAll(/Practitioner\/[A-Za-z0-9\-.]+/g))
        referred.add(reference);
      found.delete(about);
    }
  }
  for (const reference of referred)
    if (!found.delete(reference)) say(`${reference} is referred to and missing in the export`);
  for (const about of found.keys()) say(`${about} should not be in the export`);
}

/**
 * `pa.records` has one version of a resource for each published one, and no version with two contents.
 * `pa.record-versions` has each of them that another one replaced.
 */
function recordsAsTheLedgerSays(scene: Scene, say: Say): void {
  const last = new Map<string, Json>();
  const versions = new Map<string, string>();
  const replaced = new Set(
    recordsOf(scene, 'pa.record-versions').map((record) => {
      const data = dataOf(record);
      return `${data.member} ${data.type}/${data.id} version ${data.versionId} ${data.lastUpdated}`;
    }),
  );
  for (const record of recordsOf(scene, 'pa.records')) {
    if (!typeOf(record)?.startsWith('pa.record-')) continue;
    const data = dataOf(record);
    const about = `${data.type}/${data.id}`;
    const version = `${data.member} ${about} version ${data.versionId}`;
    const content = `${data.contentHash} ${data.lastUpdated}`;
    if (versions.has(version) && versions.get(version) !== content) say(`${version} was recorded twice, in two ways`);
    versions.set(version, content);
    const before = last.get(`${data.member} ${about}`);
    if (before === undefined || data.versionId >= before.versionId) last.set(`${data.member} ${about}`, data);
  }
  for (const member of Object.values(MEMBERS)) {
    for (const [about, { versions: expected }] of member.resources) {
      const data = last.get(`${member.member} ${about}`);
      if (data === undefined) say(`${about} is lost`);
      else if (data.versionId !== expected) say(`${about} has version ${data.versionId} instead of ${expected}`);
      for (let n = 1; n < expected; n++) {
        const version = `${member.member} ${about} version ${n}`;
        const [, lastUpdated] = versions.get(version)?.split(' ') ?? [];
        if (!replaced.has(`${version} ${lastUpdated}`)) say(`${version} is not in the history`);
      }
    }
  }
}

const copiesOf = (scene: Scene, id: string): number =>
  recordsOf(scene, 'payer.member-events').filter(({ headers }) => headers['ce_id'] === id).length;

/** Receipts account for each acknowledged event once. Each delivery of a faulty event is one dead letter. */
async function receiptsAndDeadLetters(scene: Scene, say: Say): Promise<void> {
  for (const { receipt, events } of scene.known.receipts) {
    const { expected, handled, items } = json(await get(scene, `/events/receipts/${receipt}`, PAYER_TOKEN));
    if (expected !== events.length || handled !== events.length)
      say(`a receipt of ${events.length} events expects ${expected} and has handled ${handled}`);
    const named = (items as { event: string }[]).map(({ event }) => event);
    for (const event of new Set(named))
      if (named.filter((n) => n === event).length > events.filter((e) => e === event).length)
        say(`a receipt names ${event} more than once`);
  }
  const { deadLetters } = json(await get(scene, '/events/dead-letters', PAYER_TOKEN)) as {
    deadLetters: { event: string; status: string }[];
  };
  const expected = [MISPLACED.id, ...PARKED_BEFORE].flatMap((id) =>
    Array.from({ length: copiesOf(scene, id) }, () => `${id} open`),
  );
  expected.push(...Array.from({ length: copiesOf(scene, UNREADABLE.id) }, () => `${UNREADABLE.id} discarded`));
  const found = deadLetters
    .map(({ event, status }) => `${event} ${status}`)
    .toSorted()
    .join(', ');
  if (found !== expected.toSorted().join(', '))
    say(`the dead letters are ${found} instead of ${expected.toSorted().join(', ')}`);
}

/** The registration and approval persist, a token stays valid, and a used assertion is refused. */
async function registrationAndTokens(scene: Scene, say: Say): Promise<void> {
  const { client, registrationToken, used } = scene.known;
  const registration = await get(scene, `/auth/register/${client}`, registrationToken!);
  if (registration.status !== 200) say(`the registration is answered ${registration.status}`);
  const events = new Map(
    recordsOf(scene, 'pa.registry')
      .filter(({ key }) => key === client)
      .map((record) => [record.headers['pa_version'], typeOf(record)]),
  );
  if ([...events.values()].join(', ') !== 'pa.app-registered.v1, pa.app-approved.v1')
    say(`the registry says of the app: ${[...events.values()].join(', ')}`);
  const again = await scene.process.request('/auth/token', exchange(used!));
  if (again.status !== 401) say(`an assertion that was used is answered ${again.status}`);
}

async function readsAsTheLedgerSays(scene: Scene, say: Say): Promise<void> {
  const { known } = scene;
  const statuses: readonly [MemberLedger, number][] = [
    [MEMBERS.stays, 200],
    [MEMBERS.grows, 200],
    [MEMBERS.leaves, 404],
    [MEMBERS.held, 200],
  ];
  for (const [{ member }, status] of statuses) {
    const answer = await get(scene, `/fhir/Patient/${member}`, known.token!);
    if (answer.status !== status) say(`Patient/${member} is answered ${answer.status} instead of ${status}`);
  }
}

/** Reads follow the facts. Each release is in the audit once for each request, and once in the list of a member. */
async function readsAndDisclosures(scene: Scene, say: Say): Promise<void> {
  const { known } = scene;
  await readsAsTheLedgerSays(scene, say);
  if (
    !recordsOf(scene, 'pa.consent').some(
      (record) => typeOf(record) === 'pa.opted-out.v1' && dataOf(record).member === MEMBERS.leaves.member,
    )
  )
    say('the opt-out is lost');

  const disclosures = recordsOf(scene, 'pa.audit').map((record) => ({
    id: record.headers['ce_id']!,
    ...dataOf(record),
  }));
  if (new Set(disclosures.map(({ id }) => id)).size !== disclosures.length) say('an entry of the audit is there twice');
  for (const [kind, entry] of [
    ['download', { action: 'download' }],
    ['token', { action: 'token' }],
    ['kick-off', { action: 'export-requested' }],
  ] as const) {
    const rows = disclosures.filter(({ action, outcome }) => action === entry.action && outcome === 'released').length;
    const [sent = 0, answered = 0] = [known.sent[kind], known.answered[kind]];
    if (rows < answered || rows > sent)
      say(`${rows} entries of the audit for ${kind}, of which ${answered} were answered and ${sent} sent`);
  }
}
const LOOKS = new Set(['explain', 'file-rows']);
/** Call this after the view has the reads above. */
export async function disclosuresAreListed(scene: Scene): Promise<string[]> {
  const faults: string[] = [];
  for (const { member } of SEEN) {
    // What the payer's people see of a member is in the audit too, and in a list of its own (ADR 0137).
    const rows = recordsOf(scene, 'pa.audit')
      .map(dataOf)
      .filter(({ action, members }) => !LOOKS.has(action) && members.includes(member)).length;
    const { disclosures } = json(await get(scene, `/ops/disclosures?member=${member}`, ADMINISTRATOR_TOKEN));
    if (disclosures.length !== rows)
      faults.push(`${disclosures.length} disclosures of ${member} are listed, and the audit has ${rows}`);
  }
  return faults;
}

/** Each job has one plan, one result for each chunk, and one seal. */
function exportsOnce(scene: Scene, say: Say): void {
  const jobs = new Map<string, Map<string, LogRecord>>();
  for (const record of recordsOf(scene, 'pa.exports')) {
    const version = record.headers['pa_version'];
    if (version === undefined) continue;
    if (!jobs.has(record.key)) jobs.set(record.key, new Map());
    jobs.get(record.key)!.set(version, record);
  }
  const job = scene.known.job!.split('/').at(-1)!;
  const unanswered = (scene.known.sent['kick-off'] ?? 0) - (scene.known.answered['kick-off'] ?? 0);
  if (jobs.size > 1 + unanswered) say(`${jobs.size} exports of ${scene.known.sent['kick-off']} kick-offs`);
  for (const [id, events] of jobs) {
    const counts = new Map<string, number>();
    for (const record of events.values()) {
      const what = typeOf(record) === 'pa.export-chunk-written.v1' ? `chunk ${dataOf(record).chunk}` : typeOf(record)!;
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    for (const [what, n] of counts) if (n > 1) say(`${what} of an export was decided ${n} times`);
    if (id === job && counts.get('pa.export-sealed.v1') !== 1) say('the export was not sealed');
  }
}

const DAY = 86_400_000;
/** The number of recent claims in the payer's ledger that became a record. */
const claimsSince = memoized((since: number): number => {
  const recorded = new Set(Object.values(MEMBERS).flatMap((m) => [...m.resources.keys()]));
  const seen = new Set<string>();
  return [...PAST, ...NEWS.flat()].filter((event: DomainEvent) => {
    const { resource } = event.data as { resource?: { resourceType: string; id: string; use?: string } };
    if (
      resource?.resourceType !== 'ExplanationOfBenefit' ||
      resource.use !== 'claim' ||
      Date.parse(event.time) < since ||
      seen.has(event.id)
    )
      return false;
    seen.add(event.id);
    return recorded.has(`ExplanationOfBenefit/${resource.id}`);
  }).length;
});
function memoized(count: (since: number) => number): (since: number) => number {
  const known = new Map<number, number>();
  return (since) => {
    if (!known.has(since)) known.set(since, count(since));
    return known.get(since)!;
  };
}

/** Each service level counts each measurement once. */
async function serviceLevelsOnce(scene: Scene, say: Say): Promise<void> {
  const from = new Date(scene.clock.now() - 390 * DAY).toISOString().slice(0, 10);
  const { objectives } = json(await get(scene, `/ops/slo?from=${from}`, ADMINISTRATOR_TOKEN)) as {
    objectives: { objective: string; met: number; missed: number; open: { count: number } }[];
  };
  const counted = Object.fromEntries(objectives.map((o) => [o.objective, o.met + o.missed]));
  const sealed = new Set(
    recordsOf(scene, 'pa.exports')
      .filter((record) => typeOf(record) === 'pa.export-sealed.v1')
      .map(({ key }) => key),
  ).size;
  const expected: Record<string, number> = {
    'opt-out-effective': 1,
    answered: sealed,
    // Everything arrives when the story begins, and what is older than 31 days then is history.
    'claims-visible': claimsSince(STORY_BEGINS - 31 * DAY),
  };
  for (const [objective, n] of Object.entries(expected))
    if (counted[objective] !== n) say(`${objective} was measured ${counted[objective]} times instead of ${n}`);
}

/**
 * The report of feeds counts each version that was recorded once. The payer's data lacks nothing, so each resource
 * is served with all profiles that it declares, and a version of a profile has as many resources as are served with it.
 */
async function feedsOnce(scene: Scene, say: Say): Promise<void> {
  const from = new Date(scene.clock.now() - 390 * DAY).toISOString().slice(0, 10);
  const { feeds } = json(await get(scene, `/ops/feeds?from=${from}`, ADMINISTRATOR_TOKEN)) as {
    feeds: { type: string; profile?: string; checked: number; lacking: number }[];
  };
  const served = new Map<string, Set<string>>();
  for (const record of recordsOf(scene, 'pa.records')) {
    if (typeOf(record) !== 'pa.record-accepted.v1') continue;
    const { member, type, id, versionId, line } = dataOf(record);
    for (const profile of (JSON.parse(line) as { meta: { profile?: string[] } }).meta.profile ?? []) {
      const key = profile.split('|')[0]!;
      if (!served.has(key)) served.set(key, new Set());
      served.get(key)!.add(`${member} ${type}/${id} ${versionId}`);
    }
  }
  const counted = new Map<string, number>();
  for (const { type, profile, checked, lacking } of feeds) {
    if (lacking > 0) say(`${lacking} of ${type} lack something of ${profile}`);
    if (profile?.includes('|') === true) counted.set(profile, (counted.get(profile) ?? 0) + checked);
  }
  for (const [profile, n] of counted) {
    const expected = served.get(profile.split('|')[0]!)?.size;
    if (n !== expected) say(`the feed of ${profile} counts ${n} resources instead of ${expected}`);
  }
  if (counted.size < 20) say(`only ${counted.size} profiles were checked`);
}
