import { vi } from 'vitest';
import type { DomainEvent } from '@provider-access/events';
import type { PlatformProcess } from '@provider-access/cli';
import { syntheticPayer } from '@provider-access/synthetic';
import { publishAll, registerApp } from '../harness.ts';
import { AS_OF, findGroup, http, json, kickOff, sealed } from '../road.ts';

/** The trace that the payer's system began, and one that a public caller claims. */
export const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
export const PARENT = '00f067aa0ba902b7';
export const CALLER = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

const payer = syntheticPayer({ seed: '7', members: 5, asOf: AS_OF });
const provider = payer.providerOrganizations.map((o) => ({ ...o, visible: [...payer.ledger.visibleMembers(o.npi)] })).sort((a, b) => b.visible.length - a.visible.length)[0]!;
export const MEMBER = provider.visible[0]!.member;

export const TRACED = { OTEL_TRACES_SAMPLER_ARG: '1', OTEL_RESOURCE_ATTRIBUTES: 'deployment.environment.name=test', LOG_LEVEL: 'info', EXPORT_POLLS_PER_MINUTE: '1000000' };

/** What the way from the event to the download passes. */
export const STATIONS = [
  'PRODUCER send payer.member-events', 'CONSUMER process payer.member-events', 'PRODUCER send pa.records', 'CONSUMER process pa.records', 'CLIENT bulkWrite resources_records_v1',
  'SERVER GET /fhir/:type/:id', 'CLIENT find resources_records_v1', 'SERVER GET /fhir/Group/:id/$export', 'CONSUMER process export-plan', 'CONSUMER process export-chunk',
  'INTERNAL write chunk', 'CONSUMER process export-seal', 'SERVER GET /fhir/bulk/:job/:file',
] as const;

/** The payer's system traces what it does with one member: its Patient. */
function* traced(events: Iterable<DomainEvent>): Generator<DomainEvent> {
  for (const event of events) {
    const { resource } = event.data as { resource?: { resourceType?: string } };
    yield event.subject === MEMBER && resource?.resourceType === 'Patient' ? { ...event, traceparent: `00-${TRACE}-${PARENT}-01` } : event;
  }
}

/** Published, read, exported, downloaded; then, after `before`, the platform is stopped, which sends what is left. @returns the status of each answer */
export async function walk(platform: PlatformProcess, before: () => Promise<unknown> = () => Promise.resolve()): Promise<{ readonly read: number; readonly download: number }> {
  await publishAll(platform, traced(payer.events()));
  const app = await registerApp(platform, { name: 'Traced', npi: provider.npi, tin: provider.tin });
  const token = await app.tokens.get();
  // By another route than the one that is looked at: what was handled is visible a moment later.
  await vi.waitFor(async () => {
    if (json<{ entry?: unknown[] }>(await http(`${platform.base}/fhir/Patient?_id=${MEMBER}`, { token })).entry?.length !== 1) throw new Error('the member cannot be seen');
  }, { timeout: 30_000, interval: 200 });
  const read = await http(`${platform.base}/fhir/Patient/${MEMBER}`, { token, headers: { traceparent: `00-${CALLER}-${PARENT}-01` } });
  const group = await findGroup(platform, token, provider.npi);
  const manifest = await sealed(await kickOff(platform, token, group.id, '?_type=Patient'), token);
  const download = await http(manifest.output[0]!.url, { token });
  await before();
  await platform.stop();
  return { read: read.status, download: download.status };
}
