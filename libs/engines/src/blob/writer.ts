import { bufferOf } from '@provider-access/events';
import type { BlobInfo, BlobWriter } from './port.ts';

/** The states of a writer, for every engine: after `commit` or `abort` it takes no more. */
export abstract class OpenWriter implements BlobWriter {
  protected readonly name: string;
  protected bytes = 0;
  #open = true;

  constructor(name: string) {
    this.name = name;
  }

  protected abstract add(chunk: Uint8Array): Promise<void>;
  /** Makes the file visible. */
  protected abstract finish(): Promise<void>;
  protected abstract discard(): Promise<void>;

  async write(chunk: Uint8Array): Promise<void> {
    if (!this.#open) throw new Error('the writer is closed');
    this.bytes += chunk.byteLength;
    await this.add(chunk);
  }

  async commit(): Promise<BlobInfo> {
    if (!this.#open) throw new Error('the writer is closed');
    this.#open = false;
    try {
      await this.finish();
    } catch (error) {
      await this.discard();
      throw error;
    }
    return { name: this.name, bytes: this.bytes };
  }

  async abort(): Promise<void> {
    if (!this.#open) return;
    this.#open = false;
    await this.discard();
  }

  /** Writes a whole file. */
  async put(content: Uint8Array | string): Promise<BlobInfo> {
    try {
      await this.write(bufferOf(content));
    } catch (error) {
      await this.abort();
      throw error;
    }
    return this.commit();
  }
}
