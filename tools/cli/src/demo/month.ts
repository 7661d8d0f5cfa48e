import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import type { MemberLedger, ProviderOrganization, SyntheticPayer } from '@provider-access/synthetic';
import { publish } from '../client/publish.ts';
import type { Server } from '../client/server.ts';
import { eventOf } from '@provider-access/full-files';
import { type GroupRow, groupsTarget, itemOf, type OwnApp, postEvent } from '../client/steps.ts';
import { CliError, EXIT } from '../output.ts';
import { runPa } from './pa.ts';
import type { PlatformProcess } from './platform-process.ts';
import type { Steps } from './steps.ts';

/** What the month after the export shows. */
export interface MonthReport {
  readonly roster: {
    readonly members: number;
    readonly left: number;
    readonly gone: number;
    readonly confirmed: string;
  };
  readonly withheld: { readonly claim: string; readonly reason: string };
  readonly optedOutOfOne: string;
  readonly notices: { readonly expected: number; readonly found: number };
}
/** A provider organization, and its app. */
interface Practice {
  readonly organization: ProviderOrganization;
  readonly app: OwnApp;
}
export interface Month {
  readonly server: Server;
  readonly platform: PlatformProcess;
  readonly payer: SyntheticPayer;
  readonly steps: Steps;
  readonly folder: string;
  /** The practice that has exported, and the one whose members come with the roster. */
  readonly practices: readonly [Practice, Practice];
  /** The member who opted out during the export. */
  readonly leaver: MemberLedger;
  /** Takes a sentence for each difference from the ledger. */
  readonly mismatch: (text: string) => void;
}

const DAY_MS = 86_400_000;
/** A roster has so many members at most, so that a person can read its file. */
const MOST_ROWS = 20;
const SOURCE = 'demo-group';
/** A code of the list that is in force from the first start, and a year in which it was. */
const OPIOID = { system: 'http://hl7.org/fhir/sid/icd-10-cm', code: 'F11.20' };
const SEEN_WITHIN_MS = 30_000;

/** The first day of this month, or of one before. */
function firstOfMonth(before: number): string {
  const now = new Date();
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() - before, 1)).toISOString().slice(0, 10);
}
const claimOf = ({ resources }: MemberLedger): Readonly<Record<string, unknown>> | undefined =>
  [...resources.values()].map(({ resource }) => resource).find((r) => r.resourceType === 'ExplanationOfBenefit');

/** Members whom only the roster brings to the second practice. The last ones leave in the second month. */
function rosterOf({ payer, practices: [one, other], leaver }: Month): { stay: MemberLedger[]; leave: MemberLedger[] } {
  const npis = [one.organization.npi, other.organization.npi];
  const members: MemberLedger[] = [];
  for (const { n, member, visibleTo, attributedTo, optedOutOf } of payer.ledger.outlines()) {
    const fits =
      member !== leaver.member &&
      visibleTo.length > 0 &&
      !attributedTo.includes(other.organization.npi) &&
      !optedOutOf.some((npi) => npis.includes(npi));
    if (fits) members.push(payer.ledger.member(n));
    if (members.length === MOST_ROWS) break;
  }
  // The first one shows a claim.
  members.sort((a, b) => Number(claimOf(b) !== undefined) - Number(claimOf(a) !== undefined));
  const stays = members.length - Math.ceil(members.length / 4);
  if (stays < 1) throw new CliError(EXIT.usage, 'too few members for a roster: take more members');
  return { stay: members.slice(0, stays), leave: members.slice(stays) };
}

/**
 * What a payer does in a month: a roster, a claim that must stay inside, an opt-out for one provider, and notices. Each
 * step uses `pa`, and its result is held against the ledger.
 */
export async function runMonth(month: Month): Promise<MonthReport> {
  const members = rosterOf(month);
  const roster = await nextRoster(month, members);
  const [member] = members.stay;
  const withheld = await withheldClaim(month, member!);
  await optOutOfOne(month, member!);
  const notices = await noticesDue(month, member!);
  return { roster, withheld, optedOutOfOne: member!.member, notices };
}

async function statusOf({ server }: Month, { app }: Practice, about: string): Promise<number> {
  const answer = await server.call(`/fhir/${about}`, { token: await app.tokens.get(), accept: [404] });
  return answer.status;
}
/** The members of the practice's lists. The roster names it by NPI alone, so its members are a list of their own. */
async function membersOf({ server }: Month, { app, organization }: Practice): Promise<number> {
  const found = await server.json<{ entry?: { resource: GroupRow }[] }>(groupsTarget(organization.npi), {
    token: await app.tokens.get(),
  });
  return (found.entry ?? []).reduce((sum, { resource }) => sum + (resource.quantity ?? 0), 0);
}

/** The first roster, the dry run of the next one, and its import with a confirmation. */
async function nextRoster(
  month: Month,
  { stay, leave }: { readonly stay: readonly MemberLedger[]; readonly leave: readonly MemberLedger[] },
): Promise<MonthReport['roster']> {
  const { platform, payer, steps, folder, leaver, mismatch } = month;
  const [one, other] = month.practices;
  const { npi, name } = other.organization;
  const file = join(folder, 'roster.csv');
  const full = (asOf: string): string[] => ['roster', file, '--source', SOURCE, '--as-of', asOf];
  const write = (members: readonly MemberLedger[]): void => {
    const rows = members.map(({ member }) => `${member},${npi},${firstOfMonth(1)}\n`);
    // Both practices see the first member, who later opts out of one of them.
    if (!stay[0]!.visibleTo.includes(one.organization.npi))
      rows.push(`${stay[0]!.member},${one.organization.npi},${firstOfMonth(1)}\n`);
    writeFileSync(file, `member,npi,from\n${rows.join('')}`);
  };
  const before = payer.ledger.expectedForProvider(npi).members - (leaver.visibleTo.includes(npi) ? 1 : 0) + stay.length;
  const expectMembers = async (when: string, expected: number): Promise<void> => {
    const found = await membersOf(month, other);
    if (found !== expected) mismatch(`members of ${name} ${when}: expected ${expected}, found ${found}`);
  };

  steps.step(`The roster of a medical group gives ${name} more members. Next month's roster lacks some of them`);
  write([...stay, ...leave]);
  const first = await runPa(platform, ['import', '--full', ...full(firstOfMonth(1))]);
  if (first.code !== EXIT.ok) mismatch('the first roster was not imported');
  await expectMembers('after the first roster', before + leave.length);
  steps.good(`first roster: ${name} sees ${stay.length + leave.length} more members`);

  write(stay);
  const dryRun = await runPa(platform, ['simulate', ...full(firstOfMonth(0))]);
  const { number, lost, ended } = dryRun.value as { number: string; lost: number; ended: number };
  if (lost !== leave.length || ended !== leave.length)
    mismatch(`the dry run of the roster loses ${lost} members and ends ${ended} rows, not ${leave.length}`);
  steps.good(`dry run ${number}: ${name} would lose ${lost} members; nothing changes`);
  const stopped = await runPa(platform, ['import', '--full', ...full(firstOfMonth(0))]);
  if (stopped.code !== EXIT.refused) mismatch('the roster that ends so many rows was imported without a confirmation');
  await expectMembers('before the confirmation', before + leave.length);
  steps.good('the import stops, because so many leave, and waits for a person');
  const confirmed = await runPa(platform, ['import', '--full', ...full(firstOfMonth(0)), '--confirm', number]);
  if (confirmed.code !== EXIT.ok) mismatch('the confirmed roster was not imported');
  let gone = 0;
  for (const { member } of leave)
    if ((await statusOf(month, other, `Patient/${member}`)) === 404) gone += 1;
    else mismatch(`${member} left and can still be read`);
  for (const { member } of stay)
    if ((await statusOf(month, other, `Patient/${member}`)) !== 200) mismatch(`${member} stays and cannot be read`);
  await expectMembers('after the second roster', before);
  steps.good(`confirmed with ${number}: who left is gone, and who stays is there`);
  return { members: stay.length + leave.length, left: leave.length, gone, confirmed: number };
}

/** Publishes a claim twice, once with a code of the list. */
async function withheldClaim(month: Month, member: MemberLedger): Promise<MonthReport['withheld']> {
  const { server, platform, steps, mismatch } = month;
  const [, other] = month.practices;
  const claim = claimOf(member);
  if (claim === undefined) throw new CliError(EXIT.usage, `${member.member} has no claim: take more members`);
  steps.step(`A claim of ${member.member} says opioid dependence: 42 CFR Part 2 keeps it inside`);
  const [plain, sensitive] = ['demo-plain', 'demo-sensitive'];
  const diagnosis = [{ sequence: 1, diagnosisCodeableConcept: { coding: [OPIOID] } }];
  const resources = [
    { ...claim, id: plain, identifier: [{ system: 'urn:provider-access:demo', value: plain }] },
    { ...claim, id: sensitive, identifier: [{ system: 'urn:provider-access:demo', value: sensitive }], diagnosis },
  ];
  const events = resources.map((resource) =>
    itemOf(eventOf({ type: 'payer.resource-recorded.v1', subject: member.member, data: { resource } })),
  );
  const { outcomes } = await publish(events, { server, token: platform.payerToken });
  if (outcomes['recorded'] !== 2) mismatch(`two claims were published: ${JSON.stringify(outcomes)}`);
  const open = await statusOf(month, other, `ExplanationOfBenefit/${plain}`);
  const closed = await statusOf(month, other, `ExplanationOfBenefit/${sensitive}`);
  if (open !== 200) mismatch(`the claim without a code of the list was answered ${open}`);
  if (closed !== 404) mismatch(`the claim with a code of the list was answered ${closed}`);
  const { value } = await runPa(platform, ['explain', '--client', other.app.clientId, '--member', member.member]);
  const { tags = {} } = (value as { withheld?: { tags?: Record<string, number> } }).withheld ?? {};
  const reason = Object.keys(tags).find((tag) => tag.includes(OPIOID.code));
  if (reason === undefined) mismatch('pa explain does not say why the claim is withheld');
  steps.good(`${other.organization.name} gets 404; the same claim with another diagnosis is read`);
  steps.good(`pa explain says why: ${reason ?? 'nothing'}`);
  return { claim: sensitive, reason: reason ?? '' };
}

async function optOutOfOne(month: Month, { member }: MemberLedger): Promise<void> {
  const { platform, steps, mismatch } = month;
  const [one, other] = month.practices;
  steps.step(`${member} opts out of ${other.organization.name} alone`);
  const args = ['opt-out', '--member', member, '--scope', 'provider-specific', '--npi', other.organization.npi];
  const { code } = await runPa(platform, args);
  if (code !== EXIT.ok) mismatch(`the opt-out of one provider ended with ${code}`);
  const [barred, still] = [
    await statusOf(month, other, `Patient/${member}`),
    await statusOf(month, one, `Patient/${member}`),
  ];
  if (barred !== 404) mismatch(`the provider whom ${member} opted out of was answered ${barred}`);
  if (still !== 200) mismatch(`the provider whom ${member} did not opt out of was answered ${still}`);
  steps.good(`${other.organization.name} gets 404 at once; ${one.organization.name} still sees this member`);
}

/** The mail house's list, and that a member whose letter was sent is on it no longer. */
async function noticesDue(month: Month, { member }: MemberLedger): Promise<MonthReport['notices']> {
  const { server, platform, payer, steps, folder, mismatch } = month;
  steps.step('The mail house asks which letters are due');
  const file = join(folder, 'notices.csv');
  const until = new Date(Date.now() + 30 * DAY_MS).toISOString().slice(0, 10);
  const listed = async (): Promise<readonly string[]> => {
    await runPa(platform, ['notices', 'due', '--until', until, '--out', file]);
    return readFileSync(file, 'utf8')
      .trimEnd()
      .split('\r\n')
      .slice(1)
      .map((row) => row.split(',')[0]!);
  };
  const differences = async (expected: ReadonlySet<string>): Promise<[readonly string[], readonly string[]]> => {
    const found = await listed();
    const set = new Set(found);
    const missing = [...expected].filter((one) => !set.has(one));
    const extra = [...set].filter((one) => !expected.has(one));
    return [found, [...missing, ...extra, ...(set.size === found.length ? [] : ['a doubled row'])]];
  };
  const expected = new Set<string>();
  for (const each of payer.ledger.outlines()) if (each.covered) expected.add(each.member);
  // The list follows the events; nothing waits for it.
  const check = async (what: string): Promise<number> => {
    const end = performance.now() + SEEN_WITHIN_MS;
    for (;;) {
      const [found, different] = await differences(expected);
      if (different.length === 0) return found.length;
      if (performance.now() > end) {
        mismatch(`notices ${what}: the list and the ledger differ by ${different.slice(0, 5).join(', ')}`);
        return found.length;
      }
      await delay(500);
    }
  };
  const total = expected.size;
  const found = await check('that are due');
  steps.good(`${found} letters until ${until}, one for each covered member: ${file}`);
  const at = new Date().toISOString();
  const data = { kind: 'first', language: 'en', channel: 'mail', at };
  await postEvent(server, platform.payerToken, eventOf({ type: 'payer.notice-sent.v1', subject: member, data }));
  expected.delete(member);
  await check(`after the letter to ${member}`);
  steps.good(`the letter to ${member} was sent, so the list has it no longer`);
  return { expected: total, found };
}
