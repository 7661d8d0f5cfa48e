import { flat } from '../flat.ts';
import { instantOf } from '../calendar.ts';
import type { Member } from '../member.ts';
import { type Json, practitioner, reference } from '../profiles.ts';
import type { RosterPractitioner } from '../roster.ts';

export const meta = (time: number, ...profile: string[]): Json => ({ lastUpdated: instantOf(time), profile });

/** Each resource of a member names the member, so they share what names it. */
const subjects = new WeakMap<Member, Json>();
export function subject(member: Member): Json {
  let known = subjects.get(member);
  if (known === undefined) {
    known = { ...reference('Patient', member.id), display: flat(member.given, ' ', member.family) };
    subjects.set(member, known);
  }
  return known;
}

export const doctor = (p: RosterPractitioner): Json => practitioner(p.id);
