import type { JobPart } from '../../projections/export-jobs.ts';
import type { FileKind } from '../../jobs/part-set.ts';
import type { Releases } from '../download/releases.ts';
import { Turns } from '../../turns.ts';

interface ManifestFile {
  readonly type: string;
  readonly url: string;
  readonly count: number;
}

/**
 * The Bulk Data manifest of a sealed job. Counts include only what the client may see at this moment. A file without a
 * permitted segment, or of a type that the token does not cover, is not listed. Throws FactsStale.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
 */
export async function manifestBody(
  job: JobPart,
  releases: Releases,
  options: { publicUrl: string; covers(type: string): boolean },
) {
  const { manifest } = await releases.manifest(job);
  const moment = releases.moment(job);
  const lists: Record<FileKind, ManifestFile[]> = { output: [], deleted: [], error: [] };
  const turns = new Turns();
  for (const file of manifest.files) {
    await turns.next();
    if (file.kind === 'output' && !options.covers(file.type)) continue;
    const { segments } = await releases.visible(job, file, moment);
    const count = segments.reduce((n, s) => n + s.resources, 0);
    if (count > 0)
      lists[file.kind].push({ type: file.type, url: `${options.publicUrl}/fhir/bulk/${job.job}/${file.file}`, count });
  }
  return { transactionTime: job.transactionTime, request: job.request, requiresAccessToken: true, ...lists };
}
