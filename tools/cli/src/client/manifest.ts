import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

interface ManifestFile {
  readonly type: string;
  readonly url: string;
  readonly count?: number;
}
interface Checksum {
  readonly url: string;
  /** Bytes, as gzip. */
  readonly size: number;
  /** Hexadecimal. */
  readonly sha256: string;
}
/** What `pa` needs of a manifest, whatever version of Bulk Data it has. */
export interface Manifest {
  readonly transactionTime: string;
  readonly output: readonly ManifestFile[];
  readonly deleted?: readonly ManifestFile[];
  readonly error: readonly ManifestFile[];
  /** Absent in the state that an earlier release of `pa` kept. */
  readonly checksums?: readonly Checksum[];
}
type Sent = Omit<ManifestFile, 'type'> & { readonly type?: string };
interface Wire {
  readonly transactionTime: string;
  readonly outputOrganizedBy?: string;
  readonly output: readonly Sent[];
  readonly deleted?: readonly Sent[];
  readonly error?: readonly Sent[];
  /** Bulk Data 4 */
  readonly outcome?: readonly Sent[];
  readonly extension?:
    | { readonly checksums?: { readonly files?: readonly Checksum[] } }
    | readonly { readonly extension?: readonly Extension[] }[];
}
interface Extension {
  readonly url: string;
  readonly valueUrl?: string;
  readonly valueString?: string;
  readonly valueDecimal?: number;
  readonly extension?: readonly Extension[];
}

/** Reads a manifest of Bulk Data 1 to 4. A file without a type gets one that says what it has. */
export function readManifest(text: string): Manifest {
  const {
    transactionTime,
    outputOrganizedBy,
    output,
    deleted = [],
    error,
    outcome,
    extension,
  } = JSON.parse(text) as Wire;
  const typed = (files: readonly Sent[], type: string): readonly ManifestFile[] =>
    files.map((file) => ({ ...file, type: file.type ?? type }));
  return {
    transactionTime,
    output: typed(output, `${outputOrganizedBy ?? 'Resource'}-blocks`),
    deleted: typed(deleted, 'Bundle'),
    error: typed(error ?? outcome ?? [], 'OperationOutcome'),
    checksums: checksumsOf(extension),
  };
}

function checksumsOf(extension: Wire['extension']): readonly Checksum[] {
  if (extension === undefined) return [];
  if ('checksums' in extension) return extension.checksums?.files ?? [];
  return (extension as readonly { readonly extension?: readonly Extension[] }[])
    .flatMap((each) => each.extension ?? [])
    .filter(({ url }) => url === 'file')
    .flatMap(({ extension: of = [] }) => {
      const value = (name: string): Extension | undefined => of.find(({ url }) => url === name);
      const [url, size, sha256] = [value('url')?.valueUrl, value('size')?.valueDecimal, value('sha256')?.valueString];
      return url === undefined || size === undefined || sha256 === undefined ? [] : [{ url, size, sha256 }];
    });
}

/** Whether the file on the disk is the one of the manifest. Undefined if the manifest has no checksum of it. */
export async function hasChecksum(
  file: string,
  url: string,
  { checksums = [] }: Manifest,
): Promise<boolean | undefined> {
  const listed = checksums.find((each) => each.url === url);
  if (listed === undefined) return undefined;
  const hash = createHash('sha256');
  let size = 0;
  for await (const chunk of createReadStream(file)) {
    hash.update(chunk as Buffer);
    size += (chunk as Buffer).length;
  }
  return size === listed.size && hash.digest('hex') === listed.sha256;
}
