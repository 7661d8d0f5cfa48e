import type { Audit } from '@provider-access/audit';
import type { Blobs } from '@provider-access/engines/blob';
import type { Facts } from '@provider-access/facts';
import type { ServicePorts } from '@provider-access/service/http';
import type { RecordsReader } from '@provider-access/facts/records';
import type { ViewReader } from '@provider-access/engines/views';
import type { ExportConfig } from './config.ts';
import type { JobStreams } from './jobs/job-stream.ts';
import type { RunningSlots } from './jobs/running-slots.ts';
import type { DownloadNotes } from './operations/download-notes.ts';
import type { Releases } from './operations/releases.ts';

/** What the operations of this service work with; built once by the module. */
export interface ExportContext {
  readonly ports: ServicePorts;
  readonly config: ExportConfig;
  readonly blobs: Blobs;
  readonly facts: Facts;
  readonly audit: Audit;
  readonly records: RecordsReader;
  readonly streams: JobStreams;
  readonly slots: RunningSlots;
  readonly releases: Releases;
  readonly downloads: DownloadNotes;
  readonly views: { readonly jobs: ViewReader; readonly groups: ViewReader; readonly memberships: ViewReader };
}
