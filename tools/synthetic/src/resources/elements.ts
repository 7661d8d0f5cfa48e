import { instantOf } from '../calendar.ts';
import type { Member } from '../member.ts';
import { type Json, reference } from '../profiles.ts';
import type { RosterPractitioner } from '../roster.ts';

export const meta = (time: number, ...profile: string[]): Json => ({ lastUpdated: instantOf(time), profile });

export const subject = (member: Member): Json => ({
  ...reference('Patient', member.id),
  display: `${member.given} ${member.family}`,
});

export const doctor = (p: RosterPractitioner): Json => reference('Practitioner', p.id);
