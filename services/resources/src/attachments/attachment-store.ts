import type { Readable } from 'node:stream';
import { type Blobs, BlobStoreFull } from '@provider-access/engines/blob';
import { EngineUnavailable } from '@provider-access/engines/log';
import { bufferOf } from '@provider-access/events';
import { type Attached, BINARY_ID, type MovedAttachment } from '../domain/attachments.ts';

/** What the store says of an attachment, beside its content. */
export interface StoredAttachment extends Attached {
  readonly v: 1;
  /** ms since the epoch: since then no version refers to it, as the job found that removes such attachments. */
  readonly unusedSince?: number;
  /** The content is being removed. A reader finds nothing. */
  readonly removed?: true;
}

const PREFIX = 'attachments/';
const folderOf = (id: string): string => `${PREFIX}${id.slice(0, 2)}/${id}/`;
const aboutName = (id: string): string => `${folderOf(id)}about.json`;
const contentFolder = (id: string): string => `${folderOf(id)}content/`;
const contentName = (id: string): string => `${contentFolder(id)}bytes`;
const ABOUT = /^attachments\/[0-9a-f]{2}\/([0-9a-f]{64})\/about\.json$/;

/**
 * Attachments in the file store (ADR 0052): the content, and beside it whose it is. The description is written after
 * the content and taken away before it, so whoever reads a description finds the content.
 */
export class AttachmentStore {
  readonly #store: Blobs | undefined;
  /** @param store undefined: the service has no file store, so nothing is found */
  constructor(store: Blobs | undefined) {
    this.#store = store;
  }
  /** Whether the service has a file store. */
  get isOpen(): boolean {
    return this.#store !== undefined;
  }
  get #blobs(): Blobs {
    if (this.#store === undefined) throw new TypeError('there is no file store for attachments');
    return this.#store;
  }

  /**
   * Stores what is not there. Repeat it after the append of the record, because an attachment that was unused may have
   * been removed meanwhile.
   * @throws EngineUnavailable if the store is full or away; the batch of the event is delivered again
   */
  async put(attachments: readonly MovedAttachment[]): Promise<void> {
    for (const { bytes, ...about } of attachments) {
      const known = await this.about(about.id);
      if (known !== undefined && known.unusedSince === undefined && (await this.#isWhole(known))) continue;
      try {
        await this.#blobs.put(contentName(about.id), bytes);
        await this.#write({ v: 1, ...about });
      } catch (error) {
        if (error instanceof BlobStoreFull) throw new EngineUnavailable('the file store for attachments is full');
        throw error;
      }
    }
  }

  /** Undefined if there is no such attachment. */
  async about(id: string): Promise<StoredAttachment | undefined> {
    if (this.#store === undefined || !BINARY_ID.test(id)) return undefined;
    const found = await this.#described(id);
    return found === undefined || found.removed === true ? undefined : found;
  }

  /** Bytes [start, end) of the content. */
  content(id: string, start: number, end: number): Readable {
    return this.#blobs.range(contentName(id), start, end);
  }

  /** Notes since when nothing refers to it, or that something does. */
  async mark({ unusedSince: _before, ...about }: StoredAttachment, unusedSince: number | undefined): Promise<void> {
    await this.#write({ ...about, ...(unusedSince !== undefined && { unusedSince }) });
  }

  /** Removes it. An end in between leaves a description that says so, and the next run continues. */
  async remove(about: StoredAttachment): Promise<void> {
    await this.#write({ ...about, removed: true });
    await this.#blobs.deletePrefix(contentFolder(about.id));
    await this.#blobs.deletePrefix(folderOf(about.id));
  }

  /** Every description, those of attachments that are being removed included. */
  async *all(): AsyncGenerator<StoredAttachment> {
    for await (const { name } of this.#blobs.list(PREFIX)) {
      const id = ABOUT.exec(name)?.[1];
      const about = id === undefined ? undefined : await this.#described(id);
      if (about !== undefined) yield about;
    }
  }

  /** Whether the content is there to its last byte. A copy of the store may have been restored in part. */
  async #isWhole({ id, size }: StoredAttachment): Promise<boolean> {
    try {
      return (await this.content(id, size - 1, size).toArray()).length > 0;
    } catch {
      // If the store is away, the write that follows says so.
      return false;
    }
  }

  /** A broken description counts as none, so that the next publication of the resource replaces it. */
  async #described(id: string): Promise<StoredAttachment | undefined> {
    const bytes = await this.#blobs.get(aboutName(id));
    if (bytes === undefined) return undefined;
    try {
      return JSON.parse(bufferOf(bytes).toString('utf8')) as StoredAttachment;
    } catch {
      return undefined;
    }
  }

  async #write(about: StoredAttachment): Promise<void> {
    await this.#blobs.put(aboutName(about.id), JSON.stringify(about));
  }
}
