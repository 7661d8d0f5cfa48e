import { Body, Controller, Get, Header, HttpCode, Inject, Param, Post, Query, UseGuards } from '@nestjs/common';
import type { ClientStatus } from '@provider-access/access';
import { Refusal } from '@provider-access/http';
import { StaticTokenGuard } from '@provider-access/smart';
import { z } from 'zod';
import { AUTH, type Auth } from '../auth.ts';
import { isNpi, isTin } from '../domain/identifiers.ts';
import type { ClientCommand } from '../domain/client.ts';
import { clientDocument } from '../registration/client-document.ts';

const STATUSES = ['pending', 'approved', 'rejected', 'suspended', 'revoked'] as const satisfies readonly ClientStatus[];
const BY = 'administrator';
const PAGE = { default: 500, max: 1000 };

const reason = z.string('must be a text').trim().min(1, 'must not be empty').max(500, 'is longer than 500 characters');
const approval = z.strictObject({
  npis: z.array(z.string().refine(isNpi, 'must be an NPI of ten digits with a good check digit'), 'must be a list of NPIs').optional(),
  tins: z.array(z.string().refine(isTin, 'must be a TIN of nine digits'), 'must be a list of TINs').optional(),
  scope: z.string('must be scopes separated by spaces').optional(),
  reason: reason.optional(),
});
const ending = z.strictObject({ reason });

function read<S extends z.ZodType>(schema: S, body: unknown): z.output<S> {
  const result = schema.safeParse(body ?? {});
  if (result.success) return result.data;
  throw new Refusal('invalid-request', result.error.issues.map((i) => `${i.path.join('.') || 'body'}: ${i.code === 'invalid_type' && i.path.length === 1 ? `must be given (${i.message})` : i.message}`).join('; '));
}

/** The reviewer's side of registration. Repeating a decision that stands changes nothing. */
@Controller('auth/clients')
@UseGuards(StaticTokenGuard('administrator'))
export class ReviewController {
  private readonly auth: Auth;
  constructor(@Inject(AUTH) auth: Auth) {
    this.auth = auth;
  }

  /** In the order of registration; `next` is the URL of the next page. */
  @Get()
  @Header('cache-control', 'no-store')
  list(@Query('status') status?: string, @Query('_count') count?: string, @Query('after') after?: string): Record<string, unknown> {
    if (status !== undefined && !(STATUSES as readonly string[]).includes(status)) throw new Refusal('invalid-value', `status must be one of ${STATUSES.join(', ')}.`);
    if (count !== undefined && !/^[1-9]\d{0,4}$/.test(count)) throw new Refusal('invalid-value', '_count must be a number from 1 on.');
    const size = Math.min(Number(count ?? PAGE.default), PAGE.max);
    const all = this.auth.parties.list();
    const start = after === undefined ? 0 : all.findIndex((c) => c.client === after) + 1;
    if (after !== undefined && start === 0) throw new Refusal('invalid-value', 'after must be the client_id that ended the page before.');
    const found = [];
    let i = start;
    for (; i < all.length && found.length < size; i++) if (status === undefined || all[i]!.status === status) found.push(all[i]!);
    const more = all.slice(i).some((c) => status === undefined || c.status === status);
    const next = new URLSearchParams({ ...(status !== undefined && { status }), _count: String(size), after: found.at(-1)?.client ?? '' });
    return { clients: found.map(clientDocument), ...(more && { next: `${this.auth.config.publicUrl}/auth/clients?${next}` }) };
  }

  @Get(':client')
  @Header('cache-control', 'no-store')
  show(@Param('client') client: string): Record<string, unknown> {
    const found = this.auth.parties.registration(client);
    if (found === undefined) throw new Refusal('not-found', 'There is no client of this id.');
    return { ...clientDocument(found), history: found.history };
  }

  @Post(':client/approve')
  @HttpCode(200)
  approve(@Param('client') client: string, @Body() body: unknown): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'approve', by: BY, ...read(approval, body) });
  }
  @Post(':client/reject')
  @HttpCode(200)
  reject(@Param('client') client: string, @Body() body: unknown): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'reject', by: BY, ...read(ending, body) });
  }
  @Post(':client/suspend')
  @HttpCode(200)
  suspend(@Param('client') client: string, @Body() body: unknown): Promise<Record<string, unknown>> {
    return this.decide(client, { kind: 'suspend', by: BY, ...read(ending, body) });
  }

  private async decide(client: string, command: ClientCommand): Promise<Record<string, unknown>> {
    await this.auth.registry.execute(client, command);
    return this.show(client);
  }
}
