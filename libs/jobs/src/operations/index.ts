import type { Provider, Type } from '@nestjs/common';
import { DownloadController } from './download/download.controller.ts';
import { DownloadNotes } from './download/download-notes.ts';
import { DownloadSlots } from './download/download-slots.ts';
import { Releases } from './download/releases.ts';
import { ListController } from './list/list.controller.ts';
import { OwnJobs } from './own-jobs.ts';
import { StatusController } from './status/status.controller.ts';

export { DownloadNotes } from './download/download-notes.ts';

/** The operations on jobs that exist: list, status, cancel, download. */
export const OPERATIONS: readonly Type[] = [ListController, StatusController, DownloadController];
/** What the operations need. A service also provides LabelGate. */
export const ANSWERING: readonly Provider[] = [OwnJobs, Releases, DownloadNotes, DownloadSlots];
