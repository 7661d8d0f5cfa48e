import { randomBytes, randomInt } from 'node:crypto';
import { creation, type PlatformProcess, type ProbeWorld } from '@provider-access/cli';
import { eventually } from '@provider-access/testing';
import { npiOf } from '@provider-access/synthetic';
import { findGroup, http, json, kickOff, publishAll, registerApp, sealed } from '../road.ts';

const run = randomBytes(6).toString('hex');
/**
 * The trace that the payer's system began, and one that a public caller claims. They are new in each run, because a
 * platform may be shared.
 */
export const TRACE = randomBytes(16).toString('hex');
export const PARENT = randomBytes(8).toString('hex');
export const CALLER = randomBytes(16).toString('hex');

const member: ProbeWorld = { member: `m-traced-${run}`, npi: npiOf(randomInt(1e8)) };
export const MEMBER = member.member;

/** The services between the event and the download. */
export const STATIONS = [
  'PRODUCER send payer.member-events',
  'CONSUMER process payer.member-events',
  'PRODUCER send pa.records',
  'CONSUMER process pa.records',
  'CLIENT bulkWrite resources_records_v1',
  'SERVER GET /fhir/:type/:id',
  'CLIENT find resources_records_v1',
  'SERVER GET /fhir/Group/:id/$export',
  'CONSUMER process export-plan',
  'CONSUMER process export-chunk',
  'INTERNAL write chunk',
  'CONSUMER process export-seal',
  'SERVER GET /fhir/bulk/:job/:file',
] as const;

/**
 * Publishes a member (the payer's system traces what it does with the Patient), reads, exports and downloads.
 * @returns the status of each answer
 */
export async function walk(platform: PlatformProcess): Promise<{ readonly read: number; readonly download: number }> {
  const events = creation(member, new Date().toISOString()).map((event) => {
    const { resource } = event.data as { resource?: { resourceType?: string } };
    return event.subject === MEMBER && resource?.resourceType === 'Patient'
      ? { ...event, traceparent: `00-${TRACE}-${PARENT}-01` }
      : event;
  });
  await publishAll(platform, events);
  const app = await registerApp(platform, { name: 'Traced', npi: member.npi });
  const token = await app.tokens.get();
  // By another route than the tested one, because a handled event is visible a moment later.
  await eventually(
    async () =>
      json<{ entry?: unknown[] }>(await http(`${platform.base}/fhir/Patient?_id=${MEMBER}`, { token })).entry
        ?.length === 1,
  );
  const read = await http(`${platform.base}/fhir/Patient/${MEMBER}`, {
    token,
    headers: { traceparent: `00-${CALLER}-${PARENT}-01` },
  });
  const group = await findGroup(platform, token, member.npi);
  const manifest = await sealed(await kickOff(platform, token, group.id, '?_type=Patient'), token);
  const download = await http(manifest.output[0]!.url, { token });
  return { read: read.status, download: download.status };
}
