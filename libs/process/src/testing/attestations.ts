import { createHash } from 'node:crypto';
import {
  type AttestationEnded,
  encodeEvent,
  type MemberAttested,
  type MembersMatched,
  PA_ATTESTATIONS,
} from '@provider-access/events';
import type { NewRecord } from '@provider-access/engines/log';

/** Records of pa.attestations, as a match appends them: the same statement is the same event. */
function record(type: string, subject: string, data: object, time: string): NewRecord {
  const id = createHash('sha256')
    .update(JSON.stringify([type, subject, data]))
    .digest('base64url');
  return encodeEvent({ id, source: `urn:test:${PA_ATTESTATIONS}`, type, time, subject, data });
}

export const attestedRecord = (data: MemberAttested): NewRecord =>
  record('pa.member-attested.v1', data.member, data, data.from);
export const attestationEndedRecord = (data: AttestationEnded): NewRecord =>
  record('pa.attestation-ended.v1', data.member, data, data.at);
export const membersMatchedRecord = (data: MembersMatched): NewRecord =>
  record('pa.members-matched.v1', data.group, data, data.from);
