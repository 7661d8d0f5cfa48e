import { Controller, Inject } from '@nestjs/common';
import { type Asked as Said, lookUpOf, nameOf } from '@provider-access/domain/pdex/match';
import { isDayOrInstant, isObject } from '@provider-access/fhir';
import { Refusal } from '@provider-access/kernel';
import { MatchIndex } from '@provider-access/records';
import { JSON_TYPE, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Asked, type Audited, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';

/** Members in an answer. A person cannot tell more of them apart while somebody waits on the telephone. */
const MOST = 10;
const HOUR_MS = 3_600_000;
/** Searches of one person in an hour and in a day. A call needs two or three. */
const LIMITS = [
  { of: 'hour', ms: HOUR_MS, most: 60 },
  { of: 'day', ms: 24 * HOUR_MS, most: 300 },
] as const;

const NAME_TEXT = 'must be a text of 1 to 200 characters';
const name = z.string(NAME_TEXT).trim().min(1, NAME_TEXT).max(200, NAME_TEXT);
const DAY_TEXT = 'must be a day such as 1975-12-31';
const day = z
  .string(DAY_TEXT)
  .regex(/^\d{4}-\d{2}-\d{2}$/, DAY_TEXT)
  .refine(isDayOrInstant, DAY_TEXT);
const BY_NAME = z.strictObject({ family: name, birthDate: day, given: name.optional() });
const BY_ID = z.strictObject({ identifier: name });

const FIND = operation({
  route: 'POST /ops/members/find',
  callers: ['call-centre'],
  audit: 'explain',
  tag: 'Operations',
  summary: 'Find the members whom a caller may be',
  description:
    'By the family name and the birth date, with the first name to tell twins apart, or by the number on a card. ' +
    'Names are compared as in a match: case, accents and hyphens do not count. ' +
    `At most ${MOST} members are named, and \`more\` says that there are others. ` +
    'A person can ask 60 times an hour and 300 times a day. ' +
    'The audit has each search with the members that it named, and not what was asked.',
  body: {
    required: true,
    content: {
      [JSON_TYPE]: {
        schema: {
          type: 'object',
          properties: {
            family: { type: 'string', description: 'The family name, or a former one. With `birthDate`.' },
            birthDate: { type: 'string', format: 'date', description: 'The whole day.' },
            given: { type: 'string', description: 'The first name. Not an initial.' },
            identifier: {
              type: 'string',
              description: 'The number of the member or the subscriber on the card, instead of the name.',
            },
          },
        },
        example: { family: 'Smith', birthDate: '1980-03-04' },
      },
    },
  },
  answer: jsonObject('`members` with `member` (the id), `name` and `birthDate`, and `more`.'),
  refusals: ['invalid-request', 'too-many-requests', 'unavailable'],
});

/** Finds members for people of a call centre (docs/opt-outs.md, ADR 0143). Names stand in the body alone. */
@Controller()
export class FindMemberController {
  constructor(
    @Inject(PORTS) private readonly ports: ServicePorts,
    @Inject(MatchIndex) private readonly index: MatchIndex,
  ) {}

  @Operation(FIND)
  async find({ body, caller }: Asked<typeof FIND>): Promise<Audited> {
    const said = saidIn(body);
    await this.count(caller.mark);
    const found = await this.index.lookUp(lookUpOf(said));
    const members = (found ?? []).slice(0, MOST).map(({ member, patient }) => ({ member, ...shown(patient) }));
    return {
      audit: [{ released: { members: members.map(({ member }) => member), resources: 0 } }],
      answer: { json: { members, more: found === undefined || found.length > MOST } },
    };
  }

  /** Counts in the state store, so that all processes count together. @throws Refusal 429 */
  private async count(person: string): Promise<void> {
    const { state, clock } = this.ports;
    for (const { of, ms, most } of LIMITS) {
      const { count, resetsAt } = await state.counters.hit(`find-member/${of}/${person}`, ms);
      if (count > most)
        throw new Refusal('too-many-requests', `A person can look for members ${most} times in one ${of}.`, {
          retryAfter: Math.max(1, Math.ceil((resetsAt - clock.now()) / 1000)),
        });
    }
  }
}

/** @throws Refusal 400 that names the field and repeats no value */
function saidIn(body: unknown): Said {
  const hasId = isObject(body) && 'identifier' in body;
  const read = hasId ? BY_ID.safeParse(body) : BY_NAME.safeParse(body ?? {});
  if (read.success) return read.data as Said;
  const { path, message, code } = read.error.issues[0]!;
  throw new Refusal(
    'invalid-request',
    code === 'unrecognized_keys' || path.length === 0
      ? 'Give family and birthDate, with given if need be, or identifier alone.'
      : `${path.join('.')} ${message}.`,
  );
}

const shown = (patient: unknown): { readonly name?: string; readonly birthDate?: string } => {
  const full = nameOf(patient);
  const birthDate = isObject(patient) ? patient['birthDate'] : undefined;
  return { ...(full !== undefined && { name: full }), ...(typeof birthDate === 'string' && { birthDate }) };
};
