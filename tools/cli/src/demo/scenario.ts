import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import type { DomainEvent } from '@provider-access/events';
import { syntheticPayer, type SyntheticPayer } from '@provider-access/synthetic';
import { bulkExport, type BulkResult } from '../client/bulk.ts';
import { writeSecret } from '../client/credentials.ts';
import { publish, type PublishReport } from '../client/publish.ts';
import { Server } from '../client/server.ts';
import {
  deadLettersOf,
  groupsTarget,
  itemOf,
  postEvent,
  registerOwn,
  type GroupRow,
  type OwnApp,
} from '../client/steps.ts';
import { DEFAULT_AS_OF } from '../commands/generate.ts';
import { CliError, EXIT, type Output } from '../output.ts';
import { type MatchReport, runMatch } from './match.ts';
import { type MonthReport, runMonth } from './month.ts';
import { startPlatform, type PlatformProcess } from './platform-process.ts';
import type { Steps } from './steps.ts';
import { verifyExport, type Verification } from './verify.ts';
import { ownFolder } from '../client/own-folder.ts';

export interface DemoOptions {
  readonly members: number;
  readonly seed: string;
  readonly folder: string;
  readonly out: Output;
  readonly steps: Steps;
}
export interface DemoReport {
  readonly members: number;
  readonly seed: string;
  readonly published: PublishReport;
  readonly outcomesExpected: Readonly<Record<string, number>>;
  readonly deadLetters: { readonly expected: number; readonly found: number };
  readonly optedOut: { readonly during: string; readonly effectiveMs: number };
  readonly verification: Verification;
  readonly match: MatchReport;
  readonly month: MonthReport;
  readonly eventsPerSecond: number;
  readonly exportSeconds: number;
  readonly resourcesPerSecond: number;
  readonly megabytes: number;
  readonly peakMemoryMegabytes: number;
  readonly files: string;
  readonly mismatches: readonly string[];
}

const number = new Intl.NumberFormat('en');

/** The present of the synthetic payer. It is fixed, unless this machine's clock is behind it. */
function asOf(): string {
  return Date.now() >= Date.parse(DEFAULT_AS_OF)
    ? DEFAULT_AS_OF
    : `${new Date().toISOString().slice(0, 10)}T00:00:00.000Z`;
}

async function registerApps(
  server: Server,
  platform: PlatformProcess,
  payer: SyntheticPayer,
  folder: string,
  steps: Steps,
): Promise<OwnApp[]> {
  const apps: OwnApp[] = [];
  for (const organization of payer.providerOrganizations.slice(0, 2)) {
    const app = await registerOwn(server, platform.administratorToken, {
      name: `${organization.name} EHR`,
      npi: organization.npi,
      tin: organization.tin,
      contact: 'mailto:developer@provider.example',
      approval: 'NPI and TIN checked',
    });
    writeSecret(join(folder, `${organization.id}.key.json`), app.key);
    steps.good(`${organization.name}: ${app.clientId} ${app.registration.status}, then approved`);
    apps.push(app);
  }
  return apps;
}

async function findGroup(server: Server, token: string, npi: string): Promise<GroupRow> {
  const bundle = await server.json<{ entry?: { resource: GroupRow }[] }>(groupsTarget(npi), { token });
  const group = bundle.entry?.[0]?.resource;
  if (group === undefined) throw new CliError(EXIT.refused, 'the provider finds no Group by its NPI');
  return group;
}

async function optOut(server: Server, platform: PlatformProcess, member: string): Promise<number> {
  const event: DomainEvent = {
    id: randomUUID(),
    source: 'urn:provider-access:demo',
    type: 'payer.member-opted-out.v1',
    time: new Date().toISOString(),
    subject: member,
    data: { scope: 'global', setBy: 'member', channel: 'phone' },
  };
  const { status, ms } = await postEvent(server, platform.payerToken, event);
  if (status !== 'effective') throw new CliError(EXIT.refused, `the opt-out was answered ${status}, not effective`);
  return ms;
}

/**
 * All steps from a payer's events to a download, on a platform that was started for them. Steps are reported as they
 * happen. The report names each difference from the ledger.
 */
export async function runDemo(options: DemoOptions): Promise<DemoReport> {
  const { members, seed, folder, out, steps } = options;
  rmSync(folder, { recursive: true, force: true });
  ownFolder(folder, 0o700);
  const mismatches: string[] = [];

  steps.step('The platform starts: five services in one process, embedded log and views');
  const platform = await startPlatform({ dataDir: join(folder, 'data') });
  let peak = 0;
  const watch = setInterval(() => (peak = Math.max(peak, platform.memory())), 500);
  try {
    const server = new Server(platform.base);
    steps.good(`listening on ${platform.base}, data in ${join(folder, 'data')}`);

    steps.step(`A synthetic payer of ${members} members publishes its events (seed ${seed})`);
    const payer = syntheticPayer({ seed, members, asOf: asOf() });
    const publishing = out.progress('   publishing');
    const published = await publish(payer.eventsAs(itemOf), {
      server,
      token: platform.payerToken,
      patienceMs: 300_000,
      onProgress: (r) =>
        publishing.update(
          `${number.format(Object.values(r.outcomes).reduce((a, b) => a + b, 0))} of ` +
            `${number.format(r.accepted)} events handled`,
        ),
    });
    publishing.done(`${published.accepted} events in ${published.seconds.toFixed(1)} s`);
    steps.good(
      Object.entries(published.outcomes)
        .map(([outcome, count]) => `${outcome} ${count}`)
        .join(', '),
    );
    // What the payer has told for its events, it does not tell again for the ledger.
    const ledger = payer.ledger.summary();
    for (const [outcome, expected] of Object.entries(ledger.outcomes)) {
      const found = published.outcomes[outcome] ?? 0;
      if (found !== expected) mismatches.push(`events ${outcome}: expected ${expected}, found ${found}`);
    }
    if (published.refused.length > 0) mismatches.push(`events refused: ${published.refused.length}`);
    const parked = (await deadLettersOf(server, platform.payerToken, 'open')).length;
    if (parked !== ledger.outcomes.parked)
      mismatches.push(`dead letters: expected ${ledger.outcomes.parked}, found ${parked}`);

    steps.step('Two provider organizations register an app each, and are approved');
    const [app, otherApp] = await registerApps(server, platform, payer, folder, steps);

    const provider = payer.providerOrganizations[0]!;
    steps.step(`${provider.name} gets a token (private_key_jwt) and finds its Group by NPI ${provider.npi}`);
    const group = await findGroup(server, await app!.tokens.get(), provider.npi);
    steps.good(`Group/${group.id}, ${group.quantity ?? '?'} members`);
    const expectation = ledger.providers.get(provider.npi)!;
    if (group.quantity !== expectation.members)
      mismatches.push(`Group quantity: expected ${expectation.members}, found ${group.quantity}`);
    const foreign = await server.call(`/fhir/Group/${group.id}`, {
      token: await otherApp!.tokens.get(),
      accept: [404],
    });
    if (foreign.status === 404) steps.good('the other organization asks for that Group and gets 404');
    else mismatches.push(`a foreign Group was answered ${foreign.status}`);

    steps.step('It exports the Group, and one of its members opts out while the export runs');
    const [leaver] = payer.ledger.visibleMembers(provider.npi);
    if (leaver === undefined)
      throw new CliError(EXIT.usage, `no member of ${members} is visible to ${provider.name}: take more members`);
    const progress = out.progress('   export');
    const files = join(folder, 'files');
    const started = performance.now();
    let effectiveMs = 0;
    const result: BulkResult = await bulkExport({
      server,
      token: () => app!.tokens.get(),
      group: group.id,
      out: files,
      onAccepted: async () => {
        effectiveMs = await optOut(server, platform, leaver.member);
        steps.good(`accepted; ${leaver.member} opted out, effective after ${effectiveMs.toFixed(0)} ms`);
      },
      onProgress: (text) => progress.update(text),
      // A repeated request is nothing that a person has to know.
      onPause: () => undefined,
    });
    const exportSeconds = (performance.now() - started) / 1000;
    progress.done(
      `${result.files.length} files, ${(result.bytes / 1e6).toFixed(1)} MB gzip in ${exportSeconds.toFixed(1)} s`,
    );

    steps.step('Every line of every file is held against the ledger');
    const verification = await verifyExport(result.files, payer, provider.npi, new Set([leaver.member]));
    mismatches.push(...verification.faults);
    if (verification.faultCount > verification.faults.length)
      mismatches.push(`… and ${verification.faultCount - verification.faults.length} more`);
    const second = payer.providerOrganizations[1]!;
    const month = await runMonth({
      server,
      platform,
      payer,
      steps,
      folder,
      practices: [
        { organization: provider, app: app! },
        { organization: second, app: otherApp! },
      ],
      leaver,
      mismatch: (text) => mismatches.push(text),
    });
    // An attestation opens members, so it comes after the roster that takes members away.
    const match = await runMatch({
      server,
      payer,
      steps,
      folder,
      practice: { npi: second.npi, app: otherApp! },
      other: provider.npi,
      leaver,
      without: [leaver.member, month.optedOutOfOne],
      mismatch: (text) => mismatches.push(text),
    });
    const resources = verification.resourcesFound + verification.supportingFound;
    return {
      members,
      seed,
      published,
      outcomesExpected: ledger.outcomes,
      deadLetters: { expected: ledger.outcomes.parked, found: parked },
      optedOut: { during: leaver.member, effectiveMs },
      verification,
      match,
      month,
      eventsPerSecond: published.accepted / published.seconds,
      exportSeconds,
      resourcesPerSecond: resources / exportSeconds,
      megabytes: result.bytes / 1e6,
      peakMemoryMegabytes: peak / 1e6,
      files,
      mismatches,
    };
  } finally {
    clearInterval(watch);
    await platform.stop();
  }
}
