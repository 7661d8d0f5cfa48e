import { Controller, Inject } from '@nestjs/common';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';
import { cursorOf, encode, PAGE_TEXT, SourceRows } from './source-rows.ts';

/** Imports of a source and kind in the list. */
const NEWEST = 20;

/** For the page on which people import files (ADR 0157). */
const LIST = operation({
  route: 'GET /ops/sources',
  callers: ['payer', 'engineer'],
  tag: 'Events of the payer',
  summary: 'List the sources of full files, with their imports',
  description:
    'Each source and kind of which a full file was imported, in the order of names, in pages. `next` of an answer is ' +
    `the path of the next page. \`imports\` are the newest ${NEWEST}, the newest first, and \`more\` counts the ` +
    'others. `undoes` names the import that one takes back.',
  fields: { page: { schema: z.string(PAGE_TEXT).max(1000, PAGE_TEXT).optional(), description: 'From `next`.' } },
  answer: jsonObject('A row for each source and kind. It names no member.'),
  refusals: ['unavailable'],
});

@Controller()
export class SourceListController {
  constructor(@Inject(SourceRows) private readonly source: SourceRows) {}

  @Operation(LIST)
  async list({ query: { page } }: Asked<typeof LIST>): Promise<Answer> {
    const after = page === undefined ? undefined : cursorOf(page);
    if (after === undefined) await this.source.current();
    const { lists, next } = await this.source.all(after);
    const sources = lists.map(({ list, imports }) => {
      const [source, kind] = list.split('/');
      const newest = imports.toReversed().slice(0, NEWEST);
      return {
        ...{ source, kind, more: imports.length - newest.length },
        imports: newest.map(({ batch, asOf, rows, time, undoes }) => ({
          ...{ batch, asOf, rows, time },
          ...(undoes !== undefined && { undoes }),
        })),
      };
    });
    return { json: { sources, ...(next && { next: `/ops/sources?page=${encode(next)}` }) } };
  }
}
