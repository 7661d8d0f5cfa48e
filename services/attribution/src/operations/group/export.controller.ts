import type { Readable } from 'node:stream';
import { All, Controller, Inject, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { Refusal } from '@provider-access/kernel';
import { FORWARD_EXPORT } from '../../tokens.ts';

export interface ForwardedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>;
  readonly body: Uint8Array | undefined;
}
export interface ForwardedResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | readonly string[] | number | undefined>>;
  readonly body: string | Uint8Array | Readable;
}
/** Hands a request on to export, whichever way the runner reaches it. */
export type ForwardExport = (request: ForwardedRequest) => Promise<ForwardedResponse>;

/**
 * `$export` and `$davinci-data-export` belong to export: passed on unchanged, credentials included
 * (docs/architecture.md#routes).
 */
@Controller()
export class GroupExportController {
  private readonly forward: ForwardExport;
  constructor(@Inject(FORWARD_EXPORT) forward: ForwardExport) {
    this.forward = forward;
  }

  @All(['fhir/Group/:id/$export', 'fhir/Group/:id/$davinci-data-export'])
  async export(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const { method, url, body } = request;
    // The body's length is the forwarder's to tell.
    const { 'content-length': _received, ...headers } = request.headers;
    if (method !== 'GET' && method !== 'POST')
      throw new Refusal('method-not-allowed', 'Use GET or POST.', { headers: { allow: 'GET, POST' } });
    const answer = await this.forward({ method, url, headers, body: body instanceof Uint8Array ? body : undefined });
    const { connection: _connection, 'transfer-encoding': _coding, ...kept } = answer.headers;
    void reply
      .code(answer.status)
      .headers(kept as Record<string, string>)
      .send(answer.body);
  }
}
