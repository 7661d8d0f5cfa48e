import { NDJSON } from '../../../files/job-files.ts';
import type { FileKind } from '../../../files/part-set.ts';
import { CHECKSUMS_NOTE, type ManifestContent, outputItem } from './content.ts';

const TYPE = 'http://hl7.org/fhir/uv/bulkdata/StructureDefinition/BulkDataManifest';

/**
 * The manifest of the ballot of Bulk Data 4. Clients of earlier versions cannot read it.
 * https://build.fhir.org/ig/HL7/bulk-data/en/StructureDefinition-BulkDataManifest.html
 * @param base the absolute base of the platform, for the URL of its extension
 */
export function manifestOfBulk4(content: ManifestContent, base: string): object {
  const { transactionTime, files, organizedBy } = content;
  const of = (kind: FileKind): object[] =>
    files
      .filter((file) => file.kind === kind)
      .map((file) => (kind === 'output' ? outputItem(file, content) : { url: file.url, count: file.count }));
  const checked = files.flatMap(({ url, gzip }) =>
    gzip === undefined
      ? []
      : [
          {
            url: 'file',
            extension: [
              { url: 'url', valueUrl: url },
              { url: 'size', valueDecimal: gzip.size },
              { url: 'sha256', valueString: gzip.sha256 },
            ],
          },
        ],
  );
  return {
    manifestType: TYPE,
    transactionTime,
    requiresAccessToken: true,
    outputFormat: NDJSON,
    ...(organizedBy !== undefined && { outputOrganizedBy: organizedBy }),
    output: of('output'),
    deleted: of('deleted'),
    outcome: of('error'),
    extension: [
      {
        url: `${base}/docs/exporting#checksums`,
        extension: [
          { url: 'note', valueString: CHECKSUMS_NOTE },
          { url: 'contentEncoding', valueCode: 'gzip' },
          ...checked,
        ],
      },
    ],
  };
}
