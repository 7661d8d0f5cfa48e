/** Thrown for a name that is no blob name: a programming error, never a caller's input. */
class InvalidBlobName extends Error {
  override readonly name = 'InvalidBlobName';
}

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Checks `a/b/c`: segments of letters, digits, `.`, `_` and `-` that do not begin with `.` or `-`, so that no name
 * leaves the store (`..`), hides in it or means something to a shell. Returns the name.
 */
export function blobName(name: string): string {
  if (name.length > 512 || !name.split('/').every((s) => SEGMENT.test(s)))
    throw new InvalidBlobName('a blob name is a/b/c of letters, digits, ".", "_" and "-"');
  return name;
}

/** Checks a prefix: empty (everything) or whole segments with a `/` at the end, as folders and S3 keys both have it. */
export function blobPrefix(prefix: string): string {
  if (prefix === '') return prefix;
  if (!prefix.endsWith('/')) throw new InvalidBlobName('a prefix is empty or ends with "/"');
  blobName(prefix.slice(0, -1));
  return prefix;
}
