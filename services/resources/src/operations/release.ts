import type { FastifyReply } from 'fastify';
import { type Audit, basisOf } from '@provider-access/audit';
import { bufferOf } from '@provider-access/events';
import { type FhirResource, isWhole, type Subset, subsetOf } from '@provider-access/kernel/fhir';
import { etagOf } from '@provider-access/service/http';
import type { SmartRequest } from '@provider-access/smart';
import { isNotModified, lastModifiedOf, type Validators } from './conditional.ts';
import type { Found, Seen } from './find-resource.ts';
import { FHIR_JSON, removedResource, unknownResource } from './fhir-request.ts';

type Action = 'read' | 'vread' | 'history';
/** The request of a client for a resource of one type. */
export interface Asked {
  readonly action: Action;
  readonly type: string;
  readonly request: SmartRequest;
  /** The part of the resource that a read asks for. */
  readonly shape?: Subset;
}
type Refusable = Pick<Extract<Found, { kind: 'refused' }>, 'reason' | 'member'>;

const aboutOf = ({ action, type, request }: Asked, { member }: { readonly member?: string }) => ({
  client: request.smart.client,
  action,
  members: member === undefined ? [] : [member],
  types: [type],
});

/** Records a refusal, then throws the one answer for everything that a client may not see. */
export async function refuse(audit: Audit, asked: Asked, { reason, ...about }: Refusable): Promise<never> {
  await audit.refuse({ ...aboutOf(asked, about), reason });
  throw unknownResource();
}

/** Records what a client gets of a resource that it may see. `reason` says why it gets no content. */
export async function recordRelease(
  audit: Audit,
  asked: Asked,
  seen: Pick<Seen, 'member' | 'decision'>,
  resources: number,
  reason?: 'not-modified' | 'removed',
): Promise<void> {
  await audit.record({
    ...aboutOf(asked, seen),
    outcome: 'released',
    resources,
    ...(reason !== undefined && { reason }),
    ...basisOf([seen.decision]),
  });
}

/** Answers that the resource was removed. The client learns that it was there, so the audit has it as a release. */
export async function answerRemoved(audit: Audit, asked: Asked, seen: Seen): Promise<never> {
  await recordRelease(audit, asked, seen, 0, 'removed');
  throw removedResource();
}

/** Sends a version, or 304 if the client has it. The audit knows of it before. */
export async function answerVersion(
  audit: Audit,
  asked: Asked,
  seen: Seen,
  version: Validators & { readonly line: Uint8Array },
  reply: FastifyReply,
): Promise<void> {
  const current = isNotModified(asked.request.headers, version);
  await recordRelease(audit, asked, seen, current ? 0 : 1, current ? 'not-modified' : undefined);
  void reply
    .header('etag', etagOf(version.versionId))
    .header('last-modified', lastModifiedOf(version))
    .header('cache-control', 'no-store');
  if (current) void reply.code(304).send();
  else void reply.header('content-type', FHIR_JSON).send(partOf(version.line, asked.shape ?? {}));
}

/** The stored line, or the part of it that the client asks for. */
function partOf(line: Uint8Array, shape: Subset): Buffer | string {
  const text = bufferOf(line);
  if (isWhole(shape)) return text;
  return JSON.stringify(subsetOf(JSON.parse(text.toString('utf8')) as FhirResource, shape));
}
