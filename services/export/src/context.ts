import { Inject, Injectable } from '@nestjs/common';
import { Audit } from '@provider-access/audit';
import type { Blobs } from '@provider-access/engines/blob';
import type { ViewReader } from '@provider-access/engines/views';
import { Facts, groups, memberships } from '@provider-access/facts';
import { labelled, LabelGate, type RecordsReader, recordsReader } from '@provider-access/facts/records';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { CONFIG, type ExportConfig } from './config.ts';
import { JobStreams } from './jobs/job-stream.ts';
import { RunningSlots } from './jobs/running-slots.ts';
import { DownloadNotes } from './operations/download/download-notes.ts';
import { Releases } from './operations/download/releases.ts';
import { exportJobs } from './projections/export-jobs.ts';

/** Injection token of the store of part files. */
export const BLOBS = Symbol('Blobs');

/** The objects that the controllers of this service share. */
@Injectable()
export class ExportContext {
  readonly records: RecordsReader;
  readonly labels: LabelGate;
  readonly slots: RunningSlots;
  readonly releases: Releases;
  readonly downloads: DownloadNotes;
  readonly views: { readonly jobs: ViewReader; readonly groups: ViewReader; readonly memberships: ViewReader };

  constructor(
    @Inject(PORTS) readonly ports: ServicePorts,
    @Inject(CONFIG) readonly config: ExportConfig,
    @Inject(BLOBS) readonly blobs: Blobs,
    @Inject(Facts) readonly facts: Facts,
    @Inject(Audit) readonly audit: Audit,
    @Inject(JobStreams) readonly streams: JobStreams,
  ) {
    const { views, state, clock } = ports;
    this.records = recordsReader(views);
    this.slots = new RunningSlots(state, streams, clock, config.runningPerClient);
    this.labels = new LabelGate({ policy: config.labels, records: this.records, members: facts.reader, clock });
    this.releases = new Releases({
      blobs,
      facts,
      labels: this.labels,
      records: this.records,
      labelled: views.reader(labelled),
    });
    this.downloads = new DownloadNotes(ports);
    this.views = {
      jobs: views.reader(exportJobs),
      groups: views.reader(groups),
      memberships: views.reader(memberships),
    };
  }
}
