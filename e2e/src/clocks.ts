import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { eventually } from '@provider-access/testing';
import { COMPILED } from './compiled.ts';

/** The clocks of processes that a test starts with `env`. The test moves them one by one. */
export class Clocks {
  readonly #folder = mkdtempSync(join(tmpdir(), 'provider-access-clocks-'));
  readonly env: Readonly<Record<string, string>>;

  /** `first`: how many ms they are ahead at their start. */
  constructor(first = 0) {
    const shifted = pathToFileURL(join(import.meta.dirname, 'shifted-clock.ts'));
    this.env = {
      SHIFTED_CLOCKS: this.#folder,
      SHIFTED_CLOCKS_FIRST: String(first),
      NODE_OPTIONS: `${COMPILED['NODE_OPTIONS']!} --import=${shifted.href}`,
    };
  }

  /** Resolves when the process reads a clock that is so many ms ahead of the machine's (negative: behind). */
  async set(pid: number, ahead: number): Promise<void> {
    const file = join(this.#folder, String(pid));
    writeFileSync(`${file}.new`, String(ahead));
    renameSync(`${file}.new`, file);
    await eventually(() => readFileSync(`${file}.read`, 'utf8') === String(ahead), {
      what: `process ${pid} reads its clock`,
    });
  }
  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
