import type { Checksum } from '../../../segments/index.ts';
import type { FileKind } from '../../../files/part-set.ts';

/** A file that the client may see now. */
export interface ListedFile {
  readonly kind: FileKind;
  readonly type: string;
  /** Absolute. */
  readonly url: string;
  /** Lines. */
  readonly count: number;
  /** Absent if the file has changed since it was written. */
  readonly gzip?: Checksum | undefined;
  /** The URL of the file in which the last block goes on. */
  readonly continuesIn?: string | undefined;
}
/** What every version of a manifest says. */
export interface ManifestContent {
  readonly transactionTime: string;
  /** The URL of the kick-off. */
  readonly request: string;
  readonly files: readonly ListedFile[];
  /** Present if the files have blocks. */
  readonly organizedBy?: 'Patient' | undefined;
}

export const CHECKSUMS_NOTE =
  'Size in bytes and SHA-256 of the files, as a request with "Accept-Encoding: gzip" gets them now. An opt-out ' +
  'changes the bytes, and size and SHA-256 are then not true any more. A file that has changed since it was written ' +
  'is not listed.';

/** An item of `output`. A file of blocks has resources of many types, so it has no type. */
export const outputItem = (
  { type, url, count, continuesIn }: ListedFile,
  { organizedBy }: Pick<ManifestContent, 'organizedBy'>,
): object => ({
  ...(organizedBy === undefined && { type }),
  url,
  ...(continuesIn !== undefined && { continuesInFile: continuesIn }),
  count,
});
