/** An invalid blob name, which is a bug, because names never come from a client. */
class InvalidBlobName extends Error {
  override readonly name = 'InvalidBlobName';
}

const SEGMENT = /^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/;

/**
 * Checks and returns a name `a/b/c`. A segment has letters, digits, `.`, `_` and `-`, and does not begin with `.` or
 * `-`. So no name can leave the store (`..`), be hidden, or be an option of a shell command.
 */
export function blobName(name: string): string {
  if (name.length > 512 || !name.split('/').every((s) => SEGMENT.test(s)))
    throw new InvalidBlobName('a blob name is a/b/c of letters, digits, ".", "_" and "-"');
  return name;
}

/** Checks and returns a prefix: empty for all files, or whole segments with a `/` at the end. */
export function blobPrefix(prefix: string): string {
  if (prefix === '') return prefix;
  if (!prefix.endsWith('/')) throw new InvalidBlobName('a prefix is empty or ends with "/"');
  blobName(prefix.slice(0, -1));
  return prefix;
}
