import { Controller, Get, Header, Inject, Query, UseGuards } from '@nestjs/common';
import { type ChainCursor, verifyChain } from '@provider-access/audit';
import { Refusal } from '@provider-access/kernel';
import { dayPipe, PORTS, type ServicePorts, zodPipe } from '@provider-access/service/http';
import { StaticTokenGuard } from '@provider-access/smart';
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

/** Compares pa.audit with its daily seals: the answers for `pa audit verify` (ADR 0049). It reads the log only. */
@Controller('ops/audit/verification')
@UseGuards(StaticTokenGuard('administrator'))
export class VerificationController {
  constructor(@Inject(PORTS) private readonly ports: ServicePorts) {}

  /** A page reads a bounded number of records. `next` is a path on this server. */
  @Get()
  @Header('content-type', 'application/json; charset=utf-8')
  @Header('cache-control', 'no-store')
  async verify(
    @Query('from', dayPipe('from', 'UTC day')) from: string | undefined,
    @Query('to', dayPipe('to', 'UTC day')) to: string | undefined,
    @Query('page', zodPipe('invalid-value', PAGE)) page: string | undefined,
  ): Promise<string> {
    if (from !== undefined && to !== undefined && from > to)
      throw new Refusal('invalid-value', 'from must not lie after to.');
    const { next, ...found } = await verifyChain(
      this.ports.log,
      { from, to },
      page === undefined ? undefined : cursorOf(page),
    );
    if (next === undefined) return JSON.stringify(found);
    const link = new URLSearchParams({
      ...(from !== undefined && { from }),
      ...(to !== undefined && { to }),
      page: Buffer.from(JSON.stringify(next)).toString('base64url'),
    });
    return JSON.stringify({ ...found, next: `/ops/audit/verification?${link}` });
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
