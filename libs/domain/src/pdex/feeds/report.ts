import type { ProfileRule } from './policy.ts';

/** What the resources of one source and type lack of one profile, over the days of a report. */
export interface FeedReport {
  /** UTC days on which the platform got the events, both included. */
  readonly from: string;
  readonly to: string;
  readonly feeds: readonly Feed[];
}
export interface Feed {
  /** `source` of the events, or `(others)` for sources beyond the bound of a day. */
  readonly source: string;
  /** resourceType */
  readonly type: string;
  /**
   * `url|version`; without version where only the reasons of denials were checked. Absent: the resources declare no
   * profile that the platform checks.
   */
  readonly profile?: string;
  /** The guide of the profile, with its version. Absent if the tables of this release do not know the profile. */
  readonly guide?: string;
  /** What the policy does with a resource that lacks something. */
  readonly policy?: ProfileRule;
  /** Number of resources that were recorded, or refused by the policy. */
  readonly checked: number;
  /** Number of those that lack something. */
  readonly lacking: number;
  /** By number of resources, the most frequent first. */
  readonly lacks: readonly { readonly element: string; readonly rule: string; readonly count: number }[];
  /**
   * Security labels that the policy of the platform does not know, with the number of resources that have them. A
   * platform of an earlier release does not report them.
   */
  readonly unknownLabels?: readonly { readonly label: string; readonly count: number }[];
  /**
   * Codes of lists because of which resources were withheld as they came, with the number of resources: `ICD-10 F11.20,
   * list 2026-08-22, 42 CFR Part 2`. A platform of an earlier release does not report them.
   */
  readonly withheldTags?: readonly { readonly tag: string; readonly count: number }[];
  /** What the platform does not check of the profile: licensed code systems, invariants. */
  readonly unchecked: readonly string[];
}
