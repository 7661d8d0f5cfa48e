import { vi } from 'vitest';
import { run } from '../src/program.ts';

export interface Captured {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command line in this process, as `pa` does, and returns what it printed. */
export async function pa(...argv: readonly string[]): Promise<Captured> {
  const [out, err]: [string[], string[]] = [[], []];
  const into =
    (chunks: string[]) =>
    (text: string | Uint8Array): boolean => {
      chunks.push(String(text));
      return true;
    };
  const spies = [
    vi.spyOn(process.stdout, 'write').mockImplementation(into(out)),
    vi.spyOn(process.stderr, 'write').mockImplementation(into(err)),
  ];
  const before = process.exitCode;
  process.exitCode = undefined;
  try {
    return { code: await run(argv), stdout: out.join(''), stderr: err.join('') };
  } finally {
    process.exitCode = before;
    for (const spy of spies) spy.mockRestore();
  }
}
