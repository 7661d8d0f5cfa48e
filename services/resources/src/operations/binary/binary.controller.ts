import { Controller, Inject } from '@nestjs/common';
import { basisOf } from '@provider-access/audit';
import { Refusal } from '@provider-access/kernel';
import {
  acceptedMedia,
  chooseRange,
  FHIR_TYPE,
  isJson,
  mediaOfFormat,
  notJson,
  startedStream,
  utf8,
  whileDecided,
} from '@provider-access/service/http';
import {
  type Asked,
  type Audited,
  etagOf,
  isNotModified,
  operation,
  Operation,
} from '@provider-access/service/operation';
import { AttachmentStore, type StoredAttachment } from '../../attachments/attachment-store.ts';
import { CONDITIONS, NOT_MODIFIED } from '../read/texts.ts';
import { refused } from '../release.ts';
import { Carriers } from './carrier.ts';

/**
 * The content of an attachment that intake moved to the file store (ADR 0052), as bytes of its own type with ranges, or
 * as a Binary resource. https://hl7.org/fhir/R4/binary.html#rest
 */
const BINARY = operation({
  route: 'GET /fhir/Binary/{id}',
  head: true,
  callers: 'app',
  audit: 'read',
  interaction: 'read',
  tag: 'Reads and searches',
  summary: 'Get the content of a large attachment',
  description:
    'The URL is in `Attachment.url` of a resource. The app needs the scope to read that resource, and may see the ' +
    'content as long as it may see a version that refers to it.',
  parameters: { id: 'The id of the Binary.' },
  query: { parameters: [{ name: '_format', description: '`json` gives a Binary resource.' }] },
  headers: [
    { name: 'Accept', description: `\`${FHIR_TYPE}\` gives a Binary resource, with the content in base64.` },
    { name: 'Range', description: 'One range of bytes, for example `bytes=1000-`.' },
    { name: 'If-Range', description: '`ETag` of the part that the app has.' },
    CONDITIONS[0],
  ],
  answer: {
    description: 'The bytes, with the `contentType` of the attachment.',
    type: '*/*',
    schema: { type: 'string', format: 'binary' },
    headers: { ETag: 'The content of an id never changes.', 'Accept-Ranges': '`bytes`' },
  },
  also: { 206: 'The range.', ...NOT_MODIFIED },
  refusals: ['not-found', 'not-acceptable', 'range-not-satisfiable'],
});

/** How a browser must treat content that somebody else wrote: never as a page of this server. */
const SAFE = {
  'content-disposition': 'attachment',
  'content-security-policy': "default-src 'none'; sandbox",
  'cross-origin-resource-policy': 'same-origin',
};

@Controller()
export class BinaryController {
  constructor(
    @Inject(AttachmentStore) private readonly attachments: AttachmentStore,
    @Inject(Carriers) private readonly carriers: Carriers,
  ) {}

  @Operation(BINARY)
  async get(asked: Asked<typeof BINARY>): Promise<Audited> {
    const { client, scopes, params, request } = asked;
    const { id } = params;
    const { headers, method } = request;
    const asResource = wantsResource(asked);
    const found = await this.carriers.find({ client, scopes }, id);
    if (found.kind === 'refused') return refused(found);
    const { about, seen } = found;
    const envelope = asResource ? enveloped(about) : undefined;
    // The resource and the bytes have different tags, because a client with one of them lacks the other.
    const version = asResource ? { tag: `${id}.json` } : { tag: id, strong: true };
    const unchanged = {
      ...SAFE,
      vary: 'accept, accept-encoding',
      ...(envelope === undefined && { 'accept-ranges': 'bytes' }),
    };
    // Every answer from here on says that the content exists, also 304 and 416.
    const answered = (answer: Audited['answer']): Audited => ({
      audit: [
        {
          hourly: {
            members: seen.member === undefined ? [] : [seen.member],
            resources: 1,
            types: ['Binary', about.type],
            file: id,
            ...basisOf([seen.decision]),
          },
        },
      ],
      answer,
    });
    if (isNotModified(headers, version, 'not-match')) return answered({ status: 304, version, headers: unchanged });
    // The content of an id never changes, so a range may count without If-Range.
    const ifRange = headers['if-range'];
    const etag = etagOf(version);
    const counts = envelope === undefined && method === 'GET' && (ifRange === undefined || ifRange === etag);
    const range = chooseRange(counts ? headers.range : undefined, about.size);
    if (range.kind === 'unsatisfiable')
      return answered(
        new Refusal('range-not-satisfiable', 'The range starts after the end of the content.', {
          headers: { ...unchanged, etag, 'content-range': `bytes */${about.size}` },
        }),
      );
    const { start, end } = range.kind === 'part' ? range : { start: 0, end: about.size };
    const sent = {
      ...unchanged,
      'content-type': envelope === undefined ? about.contentType : utf8(FHIR_TYPE),
      'content-length': String(envelope === undefined ? end - start : envelope.length),
      ...(range.kind === 'part' && { 'content-range': `bytes ${start}-${end - 1}/${about.size}` }),
    };
    if (method === 'HEAD') return answered({ version, headers: sent });
    return answered({
      status: range.kind === 'part' ? 206 : 200,
      version,
      headers: sent,
      body: () => {
        const bytes = whileDecided(this.attachments.content(id, start, end), () =>
          this.carriers.stays({ client, scopes }, found),
        );
        return startedStream(envelope === undefined ? bytes : envelope.around(bytes), 1);
      },
    });
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
function wantsResource({ request: { headers }, given }: Asked<typeof BINARY>): boolean {
  const formats = given.getAll('_format').map(mediaOfFormat);
  if (formats.some((format) => OTHER_FORMATS.has(format) || OTHER_FHIR.test(format))) throw notJson();
  if (formats.length > 0) return formats.every(isJson);
  const accepted = acceptedMedia(headers.accept ?? '');
  if (accepted.length > 0 && accepted.every((media) => OTHER_FHIR.test(media))) throw notJson();
  return accepted.some((media) => media === FHIR_TYPE || media === 'application/json+fhir');
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
