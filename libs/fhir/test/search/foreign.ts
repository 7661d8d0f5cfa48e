/** Says on stderr what a test leaves out, and why. */
export function skipped(what: string): void {
  process.stderr.write(`skipped: ${what}, because this machine has no shared/data\n`);
}
