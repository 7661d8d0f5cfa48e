import { Controller, Inject } from '@nestjs/common';
import { Refusal } from '@provider-access/kernel';
import { JSON_TYPE } from '@provider-access/service/http';
import { type Answer, type Asked, operation, Operation, ref } from '@provider-access/service/operation';
import { z } from 'zod';
import { CAUSE } from '../../projections/dead-letters.ts';
import { DeadLetterRuns } from './dead-letter-runs.ts';
import { type Run, shown } from './run.ts';

const MOST_CHANGES = 100;
const MOST_PATCH_BYTES = 64 * 1024;
const MOST_REASON = 500;
const PATH = z.string().max(1000);
const VALUE = z.unknown().refine((value) => value !== undefined, 'is missing');
const CHANGE = z.discriminatedUnion(
  'op',
  [
    z.strictObject({ op: z.enum(['add', 'replace', 'test']), path: PATH, value: VALUE }),
    z.strictObject({ op: z.literal('remove'), path: PATH }),
  ],
  'a change has op (add, remove, replace or test), path and value',
);
const BODY = z.strictObject({
  cause: z.string().regex(CAUSE, 'must be a cause of GET /events/dead-letters/causes'),
  action: z.enum(['replay', 'discard'], 'must be replay or discard'),
  reason: z.string().regex(/\S/, 'must not be empty').max(MOST_REASON).optional(),
  patch: z.array(CHANGE).min(1).max(MOST_CHANGES).optional(),
});

const COMMON = { callers: ['payer', 'engineer'], tag: 'Events of the payer' } as const;
const OF_ONE = { ...COMMON, parameters: { run: 'The id of the run, `run-…`.' } } as const;
const ONE = { description: 'The run.', type: JSON_TYPE, schema: ref('DeadLetterRun') } as const;
const BEGIN = operation({
  ...COMMON,
  route: 'POST /events/dead-letters/runs',
  summary: 'Replay or discard every open dead letter of a cause',
  description:
    'The run goes on by itself. A replay sends each event again, corrected by `patch` (RFC 6902 without `move` and ' +
    '`copy`), which changes what `GET /events/dead-letters/{id}` shows as `data`. Nothing is sent that intake would ' +
    'refuse at once: that dead letter stays open, and the run names it. Dead letters that come later stay open. A ' +
    'person needs the role `dead-letter-reader`, too, for a `patch`: what it does not fit tells what an event has.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: BODY,
        fields: {
          cause: 'A cause of `GET /events/dead-letters/causes`.',
          action: '`replay` or `discard`.',
          reason: 'Why they are discarded. Required for `discard`.',
          patch: 'The correction of each event. Only for `replay`.',
        },
      },
    },
  },
  answer: { ...ONE, status: 202, description: 'The run has begun.' },
  refusals: ['invalid-request', 'forbidden', 'not-found', 'conflict'],
});
const LIST = operation({
  ...COMMON,
  route: 'GET /events/dead-letters/runs',
  summary: 'List runs over dead letters',
  answer: {
    description: 'The newest 20, the newest first.',
    type: JSON_TYPE,
    schema: {
      type: 'object',
      required: ['runs'],
      properties: { runs: { type: 'array', items: ref('DeadLetterRun') } },
    },
  },
});
const GET = operation({
  ...OF_ONE,
  route: 'GET /events/dead-letters/runs/{run}',
  summary: 'Show how far a run over dead letters is',
  answer: ONE,
  refusals: ['not-found'],
});
const STOP = operation({
  ...OF_ONE,
  route: 'POST /events/dead-letters/runs/{run}/stop',
  summary: 'Stop a run over dead letters',
  description: 'What it has done stays. At most 50 more dead letters are handled.',
  answer: ONE,
  refusals: ['not-found', 'conflict'],
});

/** Many dead letters at once. */
@Controller()
export class DeadLetterRunsController {
  constructor(@Inject(DeadLetterRuns) private readonly runs: DeadLetterRuns) {}

  @Operation(BEGIN)
  async begin({ body, caller }: Asked<typeof BEGIN>): Promise<Answer> {
    const read = BODY.safeParse(body);
    if (!read.success)
      throw new Refusal(
        'invalid-request',
        read.error.issues.map(({ path, message }) => `${path.join('.') || 'body'}: ${message}`).join('; '),
      );
    const { cause, action, reason: why, patch } = read.data;
    if ((action === 'discard') !== (why !== undefined) || (action === 'discard' && patch !== undefined))
      throw new Refusal('invalid-request', 'A discard has a reason and no patch, and a replay has no reason.');
    if (Buffer.byteLength(JSON.stringify(patch ?? [])) > MOST_PATCH_BYTES)
      throw new Refusal('too-large', `A patch may have at most ${MOST_PATCH_BYTES} bytes.`);
    if (patch !== undefined && caller.roles?.includes('dead-letter-reader') === false)
      throw new Refusal(
        'forbidden',
        'A correction of many needs the role dead-letter-reader, too: it tells what they have.',
      );
    return { json: shown(await this.runs.begin({ cause, action, by: caller.name, ...given({ why, patch }) })) };
  }

  @Operation(LIST)
  async list(): Promise<Answer> {
    return { json: { runs: (await this.runs.runs.list()).map(shown) } };
  }

  @Operation(GET)
  async get({ params: { run } }: Asked<typeof GET>): Promise<Answer> {
    return { json: shown(await this.found(run)) };
  }

  @Operation(STOP)
  async stop({ params: { run } }: Asked<typeof STOP>): Promise<Answer> {
    const { status } = await this.found(run);
    if (status !== 'running') throw new Refusal('conflict', 'This run has ended.');
    return { json: shown(await this.runs.end(run, 'stopped')) };
  }

  private async found(id: string): Promise<Run> {
    const run = await this.runs.runs.get(id);
    if (run === undefined) throw new Refusal('not-found', 'There is no such run.');
    return run;
  }
}

const given = ({ why, patch }: Partial<Pick<Run, 'why' | 'patch'>>): Partial<Pick<Run, 'why' | 'patch'>> => ({
  ...(why !== undefined && { why }),
  ...(patch !== undefined && { patch }),
});
