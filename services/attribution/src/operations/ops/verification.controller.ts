import { Controller, Inject } from '@nestjs/common';
import { type ChainCursor, verifyChain } from '@provider-access/audit';
import { Refusal } from '@provider-access/kernel';
import { dayOrNone, PORTS, type ServicePorts } from '@provider-access/service/http';
import { type Answer, type Asked, jsonObject, operation, Operation } from '@provider-access/service/operation';
import { z } from 'zod';

const place = z.int().nonnegative();
const digest = z.string().regex(/^[0-9a-f]{64}$/);
const CURSOR: z.ZodType<ChainCursor> = z.strictObject({
  partition: place,
  offset: place,
  last: z.strictObject({ n: place, digest }).optional(),
  ends: z.array(place.nullable()).max(10_000),
  open: z.strictObject({ range: place, next: place, records: place, digest }).optional(),
});
const PAGE_TEXT = 'page is not valid: follow the next link of an answer unchanged.';
const PAGE = z.string(PAGE_TEXT).max(100_000, PAGE_TEXT).optional();

/** For `pa audit verify` (ADR 0049). A page reads a bounded number of records, of the log only. */
const VERIFY = operation({
  route: 'GET /ops/audit/verification',
  callers: ['auditor', 'compliance'],
  tag: 'Operations',
  summary: 'Compare the audit with its daily seals',
  description: 'Reads a bounded part of the log. `next` of an answer is the path of the next page.',
  fields: {
    from: { schema: dayOrNone('from', 'UTC day'), description: 'The first UTC day. Default: the first one.' },
    to: { schema: dayOrNone('to', 'UTC day'), description: 'The last UTC day. Default: the last one.' },
    page: { schema: PAGE, description: 'From the `next` of an answer.' },
  },
  answer: jsonObject('What was found for each seal and partition.'),
});

@Controller()
export class VerificationController {
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {}

  @Operation(VERIFY)
  async verify({ query: { from, to, page } }: Asked<typeof VERIFY>): Promise<Answer> {
    if (from !== undefined && to !== undefined && from > to)
      throw new Refusal('invalid-value', 'from must not lie after to.');
    const { next, ...found } = await verifyChain(
      this.ports.log,
      { from, to },
      page === undefined ? undefined : cursorOf(page),
    );
    if (next === undefined) return { json: found };
    const link = new URLSearchParams({
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      page: Buffer.from(JSON.stringify(next)).toString('base64url'),
    });
    return { json: { ...found, next: `/ops/audit/verification?${link}` } };
  }
}

function cursorOf(page: string): ChainCursor {
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(page, 'base64url').toString());
  } catch {
    value = undefined;
  }
  const read = CURSOR.safeParse(value);
  if (!read.success) throw new Refusal('invalid-value', PAGE_TEXT, { expression: 'page' });
  return read.data;
}
