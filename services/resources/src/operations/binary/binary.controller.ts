import type { Readable } from 'node:stream';
import { Controller, Get, Head, Inject, Param, Req, Res, UseGuards } from '@nestjs/common';
import type { FastifyReply } from 'fastify';
import { Audit, basisOf } from '@provider-access/audit';
import { Refusal } from '@provider-access/kernel';
import {
  acceptedMedia,
  AccessEnded,
  chooseRange,
  dropWhenAccessEnds,
  etagOf,
  isJson,
  matchesVersion,
  mediaOfFormat,
  notJson,
  startedStream,
  whileDecided,
} from '@provider-access/service/http';
import { SmartGuard, type SmartRequest } from '@provider-access/smart';
import { AttachmentStore, type StoredAttachment } from '../../attachments/attachment-store.ts';
import { FHIR_JSON, parametersOf } from '../fhir-request.ts';
import { type Asked, refuse } from '../release.ts';
import { Carriers } from './carrier.ts';

/** How a browser must treat content that somebody else wrote: never as a page of this server. */
const SAFE = {
  'content-disposition': 'attachment',
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
};

/**
 * GET and HEAD [base]/Binary/{id}: the content of an attachment that intake moved to the file store (ADR 0052), as
 * bytes of its own type with ranges, or as a Binary resource. https://hl7.org/fhir/R4/binary.html#rest
 */
@Controller('fhir/Binary')
@UseGuards(SmartGuard)
export class BinaryController {
  constructor(
    @Inject(AttachmentStore) private readonly attachments: AttachmentStore,
    @Inject(Carriers) private readonly carriers: Carriers,
    @Inject(Audit) private readonly audit: Audit,
  ) {}

  @Head(':id')
  async head(@Param('id') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(id, request, reply);
  }
  @Get(':id')
  async get(@Param('id') id: string, @Req() request: SmartRequest, @Res() reply: FastifyReply): Promise<void> {
    return this.serve(id, request, reply);
  }

  private async serve(id: string, request: SmartRequest, reply: FastifyReply, again = false): Promise<void> {
    const { client, scopes } = request.smart;
    const { headers, method } = request;
    const asResource = wantsResource(request);
    const asked: Asked = { action: 'read', type: 'Binary', request };
    const found = await this.carriers.find(client, scopes, id);
    if (found.kind === 'refused') return refuse(this.audit, asked, found);
    const { about, seen } = found;
    // Every answer from here on says that the content exists, also 304 and 416. The audit has one entry an hour.
    await this.audit.release({
      client,
      action: 'read',
      members: seen.member === undefined ? [] : [seen.member],
      resources: 1,
      types: ['Binary', about.type],
      file: id,
      ...basisOf([seen.decision]),
    });
    const envelope = asResource ? enveloped(about) : undefined;
    // The resource and the bytes have different tags, because a client with one of them lacks the other.
    const version = asResource ? `${id}.json` : id;
    const tag = asResource ? etagOf(version) : `"${version}"`;
    const unchanged = {
      ...SAFE,
      etag: tag,
      vary: 'accept, accept-encoding',
      'cache-control': 'no-store',
      ...(envelope === undefined && { 'accept-ranges': 'bytes' }),
    };
    if (headers['if-none-match'] !== undefined && matchesVersion(headers['if-none-match'], version))
      return void reply.code(304).headers(unchanged).send();
    // The content of an id never changes, so a range may count without If-Range.
    const ifRange = headers['if-range'];
    const counts = envelope === undefined && method === 'GET' && (ifRange === undefined || ifRange === tag);
    const range = chooseRange(counts ? headers.range : undefined, about.size);
    if (range.kind === 'unsatisfiable')
      throw new Refusal('range-not-satisfiable', 'The range starts after the end of the content.', {
        headers: { ...unchanged, 'content-range': `bytes */${about.size}` },
      });
    const { start, end } = range.kind === 'part' ? range : { start: 0, end: about.size };
    const sent = {
      ...unchanged,
      'content-type': envelope === undefined ? about.contentType : FHIR_JSON,
      'content-length': String(envelope === undefined ? end - start : envelope.length),
      ...(range.kind === 'part' && { 'content-range': `bytes ${start}-${end - 1}/${about.size}` }),
    };
    if (method === 'HEAD') return void reply.headers(sent).send();

    const bytes = whileDecided(this.attachments.content(id, start, end), () => this.carriers.stays(client, found));
    let stream: Readable;
    try {
      stream = await startedStream(envelope === undefined ? bytes : envelope.around(bytes), 1);
    } catch (error) {
      // Access ended between the decision and the first byte. Nothing was sent, so decide again.
      if (!(error instanceof AccessEnded) || again) throw error;
      return this.serve(id, request, reply, true);
    }
    dropWhenAccessEnds(stream, request.raw.socket);
    return void reply
      .code(range.kind === 'part' ? 206 : 200)
      .headers(sent)
      .send(stream);
  }
}

/** Formats of FHIR that are not served: https://hl7.org/fhir/R4/http.html#mime-type */
const OTHER_FORMATS = new Set(['xml', 'text/xml', 'application/xml', 'ttl', 'html', 'text/html', 'text/turtle']);
const OTHER_FHIR = /^application\/(?:fhir\+(?!json)[a-z]+|xml\+fhir)$/;

/**
 * Whether the client asks for the Binary resource. Any type but those of FHIR gets the bytes:
 * https://hl7.org/fhir/R4/binary.html#rest
 *
 * @throws Refusal 406 if it asks for a format of FHIR that is not served
 */
function wantsResource({ headers, url }: SmartRequest): boolean {
  const formats = parametersOf(url).getAll('_format').map(mediaOfFormat);
  if (formats.some((format) => OTHER_FORMATS.has(format) || OTHER_FHIR.test(format))) throw notJson();
  if (formats.length > 0) return formats.every(isJson);
  const accepted = acceptedMedia(headers.accept ?? '');
  if (accepted.length > 0 && accepted.every((media) => OTHER_FHIR.test(media))) throw notJson();
  return accepted.some((media) => /^application\/(?:fhir\+json|json\+fhir)$/.test(media));
}

/** The Binary resource around the content in base64. `length` is in bytes. */
function enveloped({ id, contentType, type, resource, size }: StoredAttachment) {
  const securityContext = { reference: `${type}/${resource}` };
  const text = JSON.stringify({ resourceType: 'Binary', id, contentType, securityContext, data: '' });
  const [head, tail] = [Buffer.from(text.slice(0, -2)), Buffer.from(text.slice(-2))];
  async function* around(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    let rest: Uint8Array = Buffer.alloc(0);
    let begun = false;
    for await (const chunk of bytes) {
      // The head waits for the first decision.
      if (!begun) yield head;
      begun = true;
      const all = Buffer.concat([rest, chunk]);
      const whole = all.length - (all.length % 3);
      if (whole > 0) yield Buffer.from(all.toString('base64', 0, whole));
      rest = all.subarray(whole);
    }
    yield Buffer.concat([Buffer.from(Buffer.from(rest).toString('base64')), tail]);
  }
  return { length: head.length + Math.ceil(size / 3) * 4 + tail.length, around };
}
