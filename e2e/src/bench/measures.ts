import { randomUUID } from 'node:crypto';
import { gunzipLines, postEvent, Server, type PlatformProcess } from '@provider-access/cli';
import type { ProviderOrganization } from '@provider-access/synthetic';
import { findGroup, registerApp, type TestApp } from '../road.ts';

/** Measurements that are the same on every deployment. */

export const AS_OF = '2026-11-01T00:00:00.000Z';

/** An approved app of the organization, and the id of its Group. */
export async function appOf(
  platform: PlatformProcess,
  { npi, tin }: ProviderOrganization,
): Promise<{ readonly app: TestApp; readonly group: string }> {
  const app = await registerApp(platform, { name: 'bench', npi, tin });
  return { app, group: (await findGroup(platform, await app.tokens.get(), npi)).id };
}

/** Opt-outs and opt-ins of one member in turn: ms from the request to the answer that it is effective everywhere. */
export async function optOutTimes(platform: PlatformProcess, count: number): Promise<number[]> {
  const server = new Server(platform.base);
  const times: number[] = [];
  // A second call is about another member, because an event is sent once.
  const member = `bench-${randomUUID()}`;
  for (let i = 0; i < count; i += 1) {
    const { status, ms } = await postEvent(server, platform.payerToken, {
      id: `${member}-${i}`,
      source: 'urn:bench',
      type: i % 2 === 0 ? 'payer.member-opted-out.v1' : 'payer.member-opted-in.v1',
      time: new Date().toISOString(),
      subject: member,
      data: {},
    });
    if (status !== 'effective') throw new Error('an opt-out was not answered effective');
    times.push(ms);
  }
  return times;
}

/** Counts all lines of downloaded files and keeps some of each type. */
export async function sample(
  files: readonly { readonly type: string; readonly file: string }[],
): Promise<{ resources: number; lines: Map<string, string[]> }> {
  const lines = new Map<string, string[]>();
  let resources = 0;
  for (const { file, type } of files) {
    const kept = lines.get(type) ?? [];
    lines.set(type, kept);
    for await (const line of gunzipLines(file)) {
      resources += 1;
      if (kept.length < 2_000) kept.push(line);
    }
  }
  return { resources, lines };
}

/** Paths of single reads: up to 200 resources of each type. */
export const targetsOf = (lines: ReadonlyMap<string, readonly string[]>): string[] =>
  [...lines.entries()].flatMap(([type, list]) =>
    list.slice(0, 200).map((line) => `/fhir/${type}/${(JSON.parse(line) as { id: string }).id}`),
  );
