import type { Disease } from './catalogue.ts';
import type { Draft } from './draft.ts';
import type { Member } from './member.ts';
import type { Resource } from './profiles.ts';
import type { Random } from './random.ts';
import type { Roster } from './roster.ts';

/** The input of a member's history. Everything in it is a pure function of these. */
export interface Telling {
  readonly seed: string | number;
  readonly member: Member;
  readonly roster: Roster;
  readonly asOf: number;
  /** Chronic diseases of the member. */
  readonly chronic: readonly Disease[];
  stream(purpose: string): Random;
  /** `m-000057-eob-12`, counted per kind. */
  nextId(kind: string): string;
  /**
   * Adds a resource version. It is published some hours after its business time unless the caller gives another time.
   */
  tell(system: string, resource: Resource, time: number, published?: number): void;
  add(draft: Draft): void;
}
