import { Controller, Inject } from '@nestjs/common';
import { FILE_KINDS, FILE_SOURCE } from '@provider-access/events';
import { batchNamed, FileFault, IMPORT_KINDS, mapOf } from '@provider-access/full-files';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, type Audited, operation, Operation, ref } from '@provider-access/service/operation';
import { z } from 'zod';
import { CONFIG, type AttributionConfig } from '../../config.ts';
import { jsonOf } from '../ops/json-body.ts';
import { faultOf } from './faults.ts';
import { ImportRuns } from './import-runs.ts';
import { type ImportRun, listed, MOST_PART_BYTES, MOST_PARTS, MOST_ROWS, shown } from './run.ts';
import { sandboxFault } from './run-work.ts';

const MOST_MAP_BYTES = 16 * 1024;
/** Constants stand in each row, so long ones would make a small file large. */
const MOST_CONSTANTS = 200;
const MOST_DAYS = 20;
const OCTETS = 'application/octet-stream';

const isDay = (text: string): boolean => {
  const at = /^\d{4}-\d{2}-\d{2}$/.test(text) ? new Date(text) : new Date(Number.NaN);
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
};
/** No name of a property that every object has. */
const NAME = z.string().regex(/^(?!__proto__$|constructor$|prototype$)/, 'is no name');
const TEXT = z.union([z.string().max(200), z.number(), z.boolean()]);
const MAP = z.strictObject({
  columns: z.record(NAME, TEXT).optional(),
  constants: z
    .record(NAME, TEXT)
    .refine((all) => Object.values(all).join('').length <= MOST_CONSTANTS, `has at most ${MOST_CONSTANTS} characters`)
    .optional(),
  values: z.record(NAME, z.record(NAME, TEXT)).optional(),
  days: z.string().max(MOST_DAYS).optional(),
  separator: z.string().length(1).optional(),
});
const BODY = z.strictObject({
  kind: z.enum(FILE_KINDS, `must be ${FILE_KINDS.join(', ')}`),
  source: z.string().regex(FILE_SOURCE, 'is a name of lower-case letters, digits and -, at most 40'),
  asOf: z.string().refine(isDay, 'is a day: YYYY-MM-DD'),
  rows: z.int().min(1).max(MOST_ROWS).optional(),
  map: MAP.optional(),
  name: z
    .string()
    .min(1)
    .max(200)
    // Control characters have no place in a name.
    .regex(/^[^\p{Cc}/\\]+$/u, 'is the name of a file without its folder'),
});
const UNDOES = z.strictObject({ batch: z.string().max(300) });
const CONFIRM = z.strictObject({ number: z.string().regex(/^\d{5}-\d{5}$/, 'is the number of a report') });

const COMMON = { callers: ['payer', 'engineer'], tag: 'Events of the payer' } as const;
const STEP = { ...COMMON, audit: 'file-rows' } as const;
const RUN = { id: 'The id of the run, `imp-…`.' } as const;
const ONE = { description: 'The run.', type: JSON_TYPE, schema: ref('ImportRun') } as const;
const BEGIN = operation({
  ...STEP,
  route: 'POST /ops/imports',
  summary: 'Begin the import of a full file',
  description:
    'Then send the bytes of the file in parts, have it checked, look at the report, and confirm it. Nothing is ' +
    'published before. A file has at most 64 MiB, also without compression, and a million rows. A larger one is ' +
    'imported by `pa import --full`. At most 20 runs are open, 3 of one person, and one of a source and kind.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: BODY,
        fields: {
          kind: 'What the file has.',
          source: 'Who sent it.',
          asOf: 'The day of which it tells. Rows that it does not have ended the day before.',
          rows: 'How many rows its sender says that it has.',
          map: 'Which column is which attribute (/docs/import.html).',
          name: 'The name of the file, without its folder.',
        },
      },
    },
  },
  answer: { ...ONE, status: 201 },
  refusals: ['invalid-request', 'forbidden', 'conflict', 'too-large'],
});
const PART = operation({
  ...COMMON,
  route: 'PUT /ops/imports/{id}/parts/{n}',
  summary: 'Send a part of a full file',
  description:
    `The bytes as they are in the file, at most ${MOST_PART_BYTES} of them. Parts come in order, from 0 on, at most ` +
    `${MOST_PARTS}. The same bytes again change nothing.`,
  parameters: { ...RUN, n: 'The number of the part.' },
  body: { required: true, content: { [OCTETS]: { schema: { type: 'string', format: 'binary' } } } },
  answer: ONE,
  refusals: ['invalid-request', 'not-found', 'conflict', 'too-large', 'unsupported-media-type'],
});
const CHECK = operation({
  ...STEP,
  route: 'POST /ops/imports/{id}/check',
  summary: 'Find out what a full file would change',
  description: 'The file is complete. The dry run goes on by itself, and publishes nothing.',
  parameters: RUN,
  answer: { ...ONE, status: 202 },
  refusals: ['not-found', 'conflict'],
});
const LIST = operation({
  ...COMMON,
  route: 'GET /ops/imports',
  summary: 'List imports of full files',
  answer: {
    description: 'The newest 20 runs, the newest first, without lists of providers and faulty rows.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['runs'],
      properties: { runs: { type: 'array', items: ref('ImportRun') } },
    },
  },
});
const GET = operation({
  ...COMMON,
  route: 'GET /ops/imports/{id}',
  summary: 'Show how far the import of a full file is',
  parameters: RUN,
  answer: ONE,
  refusals: ['not-found'],
});
const CONFIRMED = operation({
  ...STEP,
  route: 'POST /ops/imports/{id}/confirm',
  summary: 'Publish what a full file changes',
  description:
    'The platform makes the plan again. If its number is another one, the run is `checked` again with the new ' +
    'report, and nothing is published. Otherwise it publishes by itself. Any engineer may confirm.',
  parameters: RUN,
  body: {
    required: true,
    content: { [JSON_TYPE]: { schema: CONFIRM, fields: { number: 'Of the report that you have checked.' } } },
  },
  answer: { ...ONE, status: 202 },
  refusals: ['invalid-request', 'not-found', 'conflict'],
});
const DISCARD = operation({
  ...STEP,
  route: 'DELETE /ops/imports/{id}',
  summary: 'Stop the import of a full file',
  description: 'Its file is deleted. What it has published stays, until an undo of its batch.',
  parameters: RUN,
  answer: ONE,
  refusals: ['not-found', 'conflict'],
});

const UNDO = operation({
  ...STEP,
  route: 'POST /ops/imports/undo',
  summary: 'Take the import of a full file back',
  description:
    'The run is `checked` when it knows which rows it would make what they were before. `report` has their number, ' +
    'the rows that stay because a later file changed them (`kept`), and how many members may have been seen by the ' +
    'import, since when. Then it needs a confirmation, as an import. Opt-outs are not taken back.',
  body: {
    required: true,
    content: { [JSON_TYPE]: { schema: UNDOES, fields: { batch: 'The name of the import.' } } },
  },
  answer: { ...ONE, status: 201 },
  refusals: ['invalid-request', 'unprocessable', 'forbidden', 'conflict'],
});

/** Imports of full files by people (ADR 0157). */
@Controller()
export class ImportsController {
  constructor(
    @Inject(ImportRuns) private readonly runs: ImportRuns,
    @Inject(CONFIG) private readonly config: AttributionConfig,
  ) {}

  @Operation(BEGIN)
  async begin({ body, caller }: Asked<typeof BEGIN>): Promise<Audited> {
    const { map, rows, ...asked } = readAs(BODY, jsonOf(body));
    if (Buffer.byteLength(JSON.stringify(map ?? {})) > MOST_MAP_BYTES)
      throw new Refusal('too-large', `A map may have at most ${MOST_MAP_BYTES} bytes.`);
    checkMap(map, asked.kind);
    this.mayPublish(asked.source);
    const given = { ...(rows !== undefined && { rows }), ...(map !== undefined && { map }) };
    return step(await this.runs.begin({ ...asked, ...given, by: caller.name }), `asOf=${asked.asOf}`);
  }

  @Operation(UNDO)
  async undo({ body, caller }: Asked<typeof UNDO>): Promise<Audited> {
    const of = named(readAs(UNDOES, jsonOf(body)).batch);
    this.mayPublish(of.source);
    return step(await this.runs.undo(of, caller.name), `undoes=${of.batch}`);
  }

  @Operation(PART)
  async part({ params: { id, n }, body, request }: Asked<typeof PART>): Promise<Answer> {
    if ((request.headers['content-type'] ?? '').split(';')[0]!.trim().toLowerCase() !== OCTETS)
      throw new Refusal('unsupported-media-type', `Send a part as ${OCTETS}.`);
    if (!/^\d{1,3}$/.test(n)) throw new Refusal('invalid-request', 'A part has a number, from 0 on.');
    if (!Buffer.isBuffer(body) || body.byteLength === 0)
      throw new Refusal('invalid-request', 'A part has at least one byte.');
    return { json: shown(await this.runs.store.addPart(id, Number(n), body)) };
  }

  @Operation(CHECK)
  async check({ params: { id } }: Asked<typeof CHECK>): Promise<Audited> {
    return step(await this.runs.check(id));
  }

  @Operation(LIST)
  async list(): Promise<Answer> {
    return { json: { runs: (await this.runs.store.list()).map(listed) } };
  }

  @Operation(GET)
  async get({ params: { id } }: Asked<typeof GET>): Promise<Answer> {
    return { json: shown(await this.runs.found(id)) };
  }

  @Operation(CONFIRMED)
  async confirm({ params: { id }, body, caller }: Asked<typeof CONFIRMED>): Promise<Audited> {
    const { number } = readAs(CONFIRM, jsonOf(body));
    return step(await this.runs.confirm(id, number, caller.name), `number=${number}`);
  }

  @Operation(DISCARD)
  async discard({ params: { id } }: Asked<typeof DISCARD>): Promise<Audited> {
    return step(await this.runs.discard(id));
  }

  /** @throws Refusal in a sandbox */
  private mayPublish(source: string): void {
    const fault = this.config.sandbox ? sandboxFault(source) : undefined;
    if (fault !== undefined) throw new Refusal('forbidden', `No file is imported here: ${fault}.`);
  }
}

function readAs<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const faults = read.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`);
  throw new Refusal('invalid-request', faults.slice(0, 10).join('; '));
}
/** @throws Refusal for a text that names no import, and for an import of opt-outs */
function named(batch: string): ReturnType<typeof batchNamed> {
  try {
    return batchNamed(batch);
  } catch (error) {
    if (!(error instanceof FileFault)) throw error;
    throw new Refusal(error.code === 'no-undo' ? 'unprocessable' : 'invalid-request', faultOf(error).text);
  }
}
/** @throws Refusal with the place of the fault, which is a name of an attribute */
function checkMap(map: unknown, kind: ImportRun['kind']): void {
  try {
    mapOf(map, IMPORT_KINDS[kind]);
  } catch (error) {
    if (!(error instanceof FileFault) || error.detail.code !== 'map') throw error;
    throw new Refusal('invalid-request', `map: ${error.detail.faults.join('; ').slice(0, 1000)}`);
  }
}
/**
 * The answer of a step, with its entry in the audit: who did it, and to which import. It names no member, because the
 * report has none.
 */
function step(run: ImportRun, ...more: readonly string[]): Audited {
  const { id, kind, source, batch } = run;
  const query = [
    `run=${id}`,
    `kind=${kind}`,
    `source=${source}`,
    ...(batch === undefined ? [] : [`batch=${batch}`]),
    ...more,
  ];
  return {
    audit: [{ released: { members: [], resources: 0, query: query.join('&') } }],
    answer: { json: shown(run) },
  };
}
