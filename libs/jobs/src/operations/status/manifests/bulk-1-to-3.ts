import type { FileKind } from '../../../files/part-set.ts';
import { CHECKSUMS_NOTE, type ManifestContent, outputItem } from './content.ts';

/**
 * The manifest that clients of Bulk Data 1.0.0, 2.0.0 and 3.0.0 read: it has what any of them requires.
 * https://hl7.org/fhir/uv/bulkdata/STU2/export.html#response---complete-status
 */
export function manifestOfBulk1To3(content: ManifestContent): object {
  const { transactionTime, request, files, organizedBy } = content;
  const of = (kind: FileKind): object[] =>
    files
      .filter((file) => file.kind === kind)
      .map((file) =>
        kind === 'output' ? outputItem(file, content) : { type: file.type, url: file.url, count: file.count },
      );
  const checked = files.flatMap(({ url, gzip }) => (gzip === undefined ? [] : [{ url, ...gzip }]));
  return {
    transactionTime,
    request,
    requiresAccessToken: true,
    ...(organizedBy !== undefined && { outputOrganizedBy: organizedBy }),
    output: of('output'),
    deleted: of('deleted'),
    error: of('error'),
    extension: { checksums: { note: CHECKSUMS_NOTE, contentEncoding: 'gzip', files: checked } },
  };
}
