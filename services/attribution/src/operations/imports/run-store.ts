import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { gunzip, gzip } from 'node:zlib';
import { type ListedRun, ListedRuns, unknownRun } from '@provider-access/engines/jobs';
import type { Streams } from '@provider-access/engines/state';
import { Refusal } from '@provider-access/kernel';
import { type ImportRun, LISTED, MOST_OPEN, MOST_OPEN_OF_ONE, MOST_PARTS, type Part } from './run.ts';

const partsOf = (id: string): string => `import-part/${id}/`;
const [pack, unpack] = [promisify(gzip), promisify(gunzip)];

interface Entry extends ListedRun {
  readonly by: string;
  /** `source/kind` */
  readonly list: string;
}
/** A part of a file, as gzip in base64. */
interface Content {
  readonly content: string;
}
const listOf = ({ source, kind }: Pick<ImportRun, 'source' | 'kind'>): string => `${source}/${kind}`;

/** The runs and the parts of their files, in the state store, so that they go on in another process. */
export class RunStore {
  readonly #streams: Streams;
  readonly #runs: ListedRuns<ImportRun, Entry>;
  constructor(streams: Streams) {
    this.#streams = streams;
    const names = { list: 'import-runs', streams: 'import-run/', prefix: 'imp' };
    this.#runs = new ListedRuns(streams, { ...names, most: LISTED });
  }

  /** @throws Refusal while another run has a file of the source and kind, or too many are open */
  async add(run: Omit<ImportRun, 'id'>): Promise<ImportRun> {
    const list = listOf(run);
    const { added, dropped } = await this.#runs.add(run, { by: run.by, list }, (open) => {
      if (open.some((one) => one.list === list))
        throw new Refusal('conflict', 'A run has a file of this source and kind now. Wait for it, or discard it.');
      if (open.filter(({ by }) => by === run.by).length >= MOST_OPEN_OF_ONE)
        throw new Refusal('conflict', `You have ${MOST_OPEN_OF_ONE} open runs. Finish or discard one of them.`);
      if (open.length >= MOST_OPEN)
        throw new Refusal('conflict', `At most ${MOST_OPEN} runs are open. Finish or discard one of them.`);
    });
    for (const id of dropped) {
      await this.#streams.remove(partsOf(id));
      await this.#streams.remove(this.#runs.nameOf(id));
    }
    return added;
  }

  /** The newest runs, the newest first. */
  list(): Promise<readonly ImportRun[]> {
    return this.#runs.newest();
  }
  /** The runs that have not ended, the oldest first. */
  open(): Promise<readonly ImportRun[]> {
    return this.#runs.open();
  }
  get(id: string): Promise<ImportRun | undefined> {
    return this.#runs.get(id);
  }
  /** Changes a run by compare-and-set. @throws Refusal for an unknown one, and what `change` throws */
  change(id: string, change: (run: ImportRun) => ImportRun): Promise<ImportRun> {
    return this.#runs.change(id, change);
  }

  /** Removes what is left of the file of a run that has ended, also if a process was killed while it did so. */
  async clear(id: string): Promise<void> {
    await this.#streams.remove(partsOf(id));
    await this.#runs.close(id);
  }

  /**
   * Adds a part to a file. The same part again changes nothing. Its content has its digest in its name, so that of two
   * requests with different bytes each keeps its own, and the run says which one counts.
   * @throws Refusal for another order, other bytes, and a file that is complete
   */
  async addPart(id: string, n: number, bytes: Uint8Array): Promise<ImportRun> {
    const part: Part = { bytes: bytes.byteLength, digest: createHash('sha256').update(bytes).digest('hex') };
    const accepts = (run: ImportRun): boolean => {
      const known = run.parts[n];
      if (known !== undefined && known.digest === part.digest) return false;
      if (known !== undefined)
        throw new Refusal('conflict', 'This part has other bytes already. Discard the run and begin a new one.');
      if (run.state !== 'uploading') throw new Refusal('conflict', 'The upload of this run has ended.');
      if (n !== run.parts.length)
        throw new Refusal('conflict', `Parts come in order: the next one is ${run.parts.length}.`);
      if (n >= MOST_PARTS) throw new Refusal('too-large', `A file has at most ${MOST_PARTS} parts. Import it by pa.`);
      return true;
    };
    const now = await this.get(id);
    if (now === undefined) throw unknownRun();
    if (!accepts(now)) return now;
    const name = contentOf(id, n, part);
    const content: Content = { content: (await pack(bytes, { level: 1 })).toString('base64') };
    const { ok } = await this.#streams.append(name, 0, [], content);
    try {
      return await this.change(id, (run) => (accepts(run) ? { ...run, parts: [...run.parts, part] } : run));
    } catch (error) {
      // Any other error may come from a change that was made.
      if (ok && error instanceof Refusal) await this.#streams.remove(name);
      throw error;
    }
  }
  /** The bytes of the file, part by part. @throws Refusal if the run ends meanwhile */
  async *bytes({ id, parts }: Pick<ImportRun, 'id' | 'parts'>): AsyncGenerator<Uint8Array> {
    for (const [n, part] of parts.entries()) {
      const stored = await this.#streams.load<Content>(contentOf(id, n, part));
      if (stored === undefined) throw unknownRun();
      yield await unpack(Buffer.from(stored.snapshot.content, 'base64'));
    }
  }
}

const contentOf = (id: string, n: number, { digest }: Part): string => `${partsOf(id)}${n}/${digest}`;
