import { Inject, Injectable } from '@nestjs/common';
import { PA_FILE_ROWS } from '@provider-access/events';
import type { ViewDocument, ViewReader } from '@provider-access/engines/views';
import { Facts } from '@provider-access/facts';
import { Refusal } from '@provider-access/kernel';
import { PORTS, type ServicePorts } from '@provider-access/service/http';
import { z } from 'zod';
import {
  type FileRowPart,
  fileRows,
  type ImportedFile,
  importsId,
  type ImportsPart,
} from '../../projections/file-rows.ts';

/** Rows of a page. */
const PAGE = 1000;
/** Sources and kinds of a page. */
const LISTS = 100;
/** How long a reader waits until the view has what the payer has published, ms. */
const WAIT_MS = 20_000;

export interface After {
  readonly values: readonly string[];
  readonly id: string;
}
export const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';
const AFTER: z.ZodType<After> = z.strictObject({
  values: z.array(z.string().max(64)).length(1),
  id: z.string().max(400),
});
/** The place of a page in a link, and back. */
export const encode = (after: After): string => Buffer.from(JSON.stringify(after)).toString('base64url');
/** @throws Refusal */
export function cursorOf(page: string): After {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(page, 'base64url').toString());
  } catch {
    value = undefined;
  }
  const read = AFTER.safeParse(value);
  if (!read.success) throw new Refusal('invalid-value', PAGE_TEXT, { expression: 'page' });
  return read.data;
}

/** What the newest full files of a source say: its imports, and its rows in the order of their subjects. */
@Injectable()
export class SourceRows {
  private readonly reader: ViewReader;
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(Facts) private readonly facts: Facts,
  ) {
    this.reader = ports.views.reader(fileRows);
  }

  /** Waits until the view has everything that the payer has published until now. @throws Refusal */
  async current(): Promise<void> {
    const passed = await this.facts.access.waitForPayer(await this.facts.access.payerHead(), WAIT_MS);
    // What was derived of it is in the log by now.
    if (passed && (await this.reader.waitFor(await this.ports.log.head([PA_FILE_ROWS]), WAIT_MS))) return;
    throw new Refusal('unavailable', 'The rows of the source are not up to date yet. Repeat the request.', {
      retryAfter: 5,
    });
  }

  /** The imports that are complete, the oldest first. @param list `source/kind` */
  async imports(list: string): Promise<readonly ImportedFile[]> {
    const row = (await this.reader.get(importsId(list)))?.['row'] as
      { readonly imports: readonly ImportedFile[] } | undefined;
    return row?.imports ?? [];
  }

  /** A page of rows behind a place. `next` is the place of its last row; undefined at the end. */
  async page(
    list: string,
    after: After | undefined,
  ): Promise<{ readonly rows: readonly Omit<FileRowPart, 'list'>[]; readonly next: After | undefined }> {
    const { found, next } = await this.find(list, after, PAGE);
    const rows = found.map((document) => {
      const { list: _list, ...row } = document['row'] as FileRowPart;
      return row;
    });
    return { rows, next };
  }

  /** A page of all sources and kinds with imports. */
  async all(after: After | undefined): Promise<{
    readonly lists: readonly { readonly list: string; readonly imports: readonly ImportedFile[] }[];
    readonly next: After | undefined;
  }> {
    const { found, next } = await this.find('imports', after, LISTS);
    const lists = found.map((document) => {
      const { subject: list, imports } = document['row'] as ImportsPart;
      return { list, imports };
    });
    return { lists, next };
  }

  private async find(
    list: string,
    after: After | undefined,
    limit: number,
  ): Promise<{ readonly found: readonly ViewDocument[]; readonly next: After | undefined }> {
    const found = await this.reader.find({
      index: 'by_list',
      equals: [list],
      ...(after !== undefined && { after }),
      limit,
    });
    const last = found.length < limit ? undefined : found.at(-1)!;
    return { found, next: last && { values: [(last['row'] as FileRowPart).subject], id: last._id } };
  }
}
