import { GUIDE_ROWS, PROFILE_ROWS, UNCHECKED_LINES } from '../definitions/profile-table.ts';
import type { FhirResource } from '../types.ts';
import { check } from './check.ts';
import { compileProfile, placesOf } from './compile.ts';
import type { Group } from './group.ts';
import { QuickGroup } from './quick.ts';
import type { Lack } from './rules.ts';

/** A guide whose profiles are known. */
interface Guide {
  readonly name: string;
  readonly version: string;
  /** SPDX. */
  readonly licence: string;
}

export interface KnownProfile {
  /** Canonical without a version. */
  readonly url: string;
  readonly version: string;
  /** `url|version` */
  readonly canonical: string;
  readonly guide: Guide;
  /** Type of resource. */
  readonly type: string;
  /** What the table cannot check: `<element>: the codes of <system>`, `<element>: the invariant <key>`. */
  readonly unchecked: readonly string[];
}

class TableProfile implements KnownProfile {
  readonly url: string;
  readonly version: string;
  readonly canonical: string;
  readonly guide: Guide;
  readonly type: string;
  readonly #rules: string;
  readonly #unchecked: string;
  #checks: Group | undefined;
  #quick: QuickGroup | undefined;

  constructor({ url, guide, type, rules, unchecked }: (typeof PROFILE_ROWS)[number]) {
    this.url = url;
    this.guide = GUIDE_ROWS[guide]!;
    this.version = this.guide.version;
    this.canonical = `${this.url}|${this.version}`;
    this.type = type;
    this.#rules = rules;
    this.#unchecked = unchecked;
  }
  get unchecked(): readonly string[] {
    return placesOf(this.#unchecked).map((place) => UNCHECKED_LINES[place]!);
  }
  /** Compiled on first use. */
  get checks(): Group {
    return (this.#checks ??= compileProfile(this.type, this.#rules));
  }
  /** The same checks, for a resource that lacks nothing. */
  get quick(): QuickGroup {
    return (this.#quick ??= new QuickGroup(this.checks));
  }
}

const profiles = PROFILE_ROWS.map((row) => new TableProfile(row));
const byUrl = Map.groupBy(profiles, ({ url }) => url);
const byCanonical = Map.groupBy(profiles, ({ canonical }) => canonical);
const byType = Map.groupBy(profiles, ({ type }) => type);
const NONE: readonly never[] = Object.freeze([]);

/**
 * The profiles that a canonical names.
 * @param canonical with `|version` only the profile of that version; without, those of every version that is known
 */
export function profilesNamed(canonical: string): readonly KnownProfile[] {
  return byUrl.get(canonical) ?? byCanonical.get(canonical) ?? NONE;
}

export function profilesOf(type: string): readonly KnownProfile[] {
  return byType.get(type) ?? NONE;
}

/**
 * What the resource lacks for the profile, each once; empty if it conforms as far as the table tells. Use a resource
 * that passed `checkShape`: the structure of R4 is not checked again. Give it the `meta` with which it is served,
 * because CARIN BB asks for `meta.lastUpdated` and `meta.profile`.
 * @param profile one of `profilesNamed` or `profilesOf`
 */
export function lacksOf(profile: KnownProfile, resource: FhirResource): readonly Lack[] {
  if (!(profile instanceof TableProfile)) throw new TypeError('profile: use one of profilesNamed()');
  return profile.quick.holds(resource) ? NONE : (check(profile.checks, resource) ?? NONE);
}
