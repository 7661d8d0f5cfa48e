import { BoundedMap } from '@provider-access/kernel';
import { dateRange, type FhirResource, isObject } from '@provider-access/fhir';
import { servicePeriod } from '../../service-date.ts';
import type { CodeList } from './code-list.ts';
import { type SystemKey, systemsNamed } from './systems.ts';
import { labelOfTag, type Tag, tagOf } from '../tag.ts';

/** A code of a list, with the moments (ms since the epoch) between which a service with it is sensitive. */
interface Listed extends Tag {
  /** Undefined: the list names a system that nobody knows, so the code counts under every system. */
  readonly systems: readonly SystemKey[] | undefined;
  readonly from: number;
  readonly until: number;
}

/** A code that a list has, as it stands in a resource. */
export interface Hit {
  readonly listed: readonly Listed[];
  readonly system: unknown;
  /** Whether a contained resource has the code. Its dates may be others than those of the resource. */
  readonly inside: boolean;
}

/** More would not help to explain why a resource is withheld. Each label keeps at least one tag. */
export const MOST_TAGS = 20;
/** A code that is written in full: letters and digits, so that the first word of a text is seldom one by chance. */
const WORD = /^(?=[^\s]*[A-Za-z])(?=[^\s]*\d)([A-Za-z0-9.-]{3,12})(?:$|[\s:,;–-])/;
/** Blanks, dots and other signs within a code. */
const MOST_SIGNS = 8;
/** Every sign that is neither a letter nor a digit of ASCII may stand before a code. */
const BEYOND = 128;
/** Members of JSON objects that may be a code. */
const MAY_BE_CODES: ReadonlySet<string> = new Set(['code', 'display', 'text']);

/** Letters and digits in upper case: `f11.20` and `F1120` are one code. */
export const normalCode = (code: string): string =>
  code
    .normalize('NFKC')
    .replace(/[^A-Za-z0-9]/g, '')
    .toUpperCase();

/** Finds the codes of lists in resources. Made once for each thread. */
export class Tagger {
  readonly #listed = new Map<string, Listed[]>();
  /** By the code as it is written. `null`: no list has it. */
  readonly #known = new BoundedMap<string, readonly Listed[] | null>(20_000);

  /** By the code of the first sign: whether a code of a list may begin with it. */
  readonly #first = Array.from({ length: BEYOND + 1 }, (_, code) => !/[A-Za-z0-9]/.test(String.fromCharCode(code)));
  #longest = 0;

  constructor(lists: readonly CodeList[]) {
    for (const { list, entries } of lists)
      for (const { system, codes, from, to, label, law } of entries) {
        const systems = systemsNamed(system);
        const dates = {
          from: from === undefined ? -Infinity : (dateRange(from)?.start ?? -Infinity),
          until: to === undefined ? Infinity : (dateRange(to)?.end ?? Infinity),
        };
        const named = systems === undefined ? system : systems.length > 1 ? systems.join(' or ') : systems[0]!;
        for (const code of codes) this.#add({ system: named, code, list, law, label, systems, ...dates });
      }
  }

  #add(listed: Listed): void {
    const code = normalCode(listed.code);
    // Claims write a DRG with three digits or with four.
    const forms = listed.systems?.includes('MS-DRG') === true ? [code, `0${code}`] : [code];
    for (const form of forms) {
      this.#longest = Math.max(this.#longest, form.length + MOST_SIGNS);
      for (const first of [form, form.toLowerCase()]) this.#first[first.charCodeAt(0)] = true;
      const before = this.#listed.get(form);
      if (before === undefined) this.#listed.set(form, [listed]);
      else before.push(listed);
    }
  }

  /** The entries of lists with this code, under whatever system; undefined if no list has it. */
  lookUp(code: string): readonly Listed[] | undefined {
    // Most codes of a claim begin with a letter that no list has, or are long.
    if (code.length > this.#longest || !this.#first[Math.min(code.charCodeAt(0), BEYOND)]) return undefined;
    let found = this.#known.get(code);
    if (found === undefined) {
      found = this.#listed.get(normalCode(code)) ?? null;
      this.#known.set(code, found);
    }
    return found ?? undefined;
  }

  /** As `lookUp`, of a text that stands in the place of a code: the code alone, or a code and words. */
  lookUpText(text: string): readonly Listed[] | undefined {
    const word = WORD.exec(text)?.[1];
    return word === undefined ? undefined : this.lookUp(word);
  }

  /**
   * The code of lists that a member of a JSON object is: `code` beside `system`, the `display` of a Coding without a
   * code, or the `text` of a concept without a Coding. Called for every member with one of these names.
   */
  hitOf(name: string, value: string, source: Readonly<Record<string, unknown>>, inside: boolean): Hit | undefined {
    let listed: readonly Listed[] | undefined;
    if (name === 'code') listed = this.lookUp(value);
    else if (name === 'text') listed = source['coding'] === undefined ? this.lookUpText(value) : undefined;
    else if (source['code'] === undefined && source['system'] !== undefined) listed = this.lookUpText(value);
    return listed && { listed, system: source['system'], inside };
  }

  /** The labels (`labelOfTag`) of a resource by what it has of lists, each once, sorted. */
  tagsOf(resource: FhirResource, hits: readonly Hit[]): readonly string[] {
    return hits.length === 0 ? [] : this.tagsIn(servicePeriod(resource), hits);
  }

  /** As `tagsOf`, of something with this period of service. */
  tagsIn(period: ReturnType<typeof servicePeriod>, hits: readonly Hit[]): readonly string[] {
    const found = new Map<string, Set<string>>();
    for (const { listed, system, inside } of hits) {
      const systems = systemsNamed(system);
      for (const one of listed) {
        if (systems !== undefined && one.systems?.some((key) => systems.includes(key)) === false) continue;
        if (!inside && period !== undefined && (period.until <= one.from || period.from >= one.until)) continue;
        const of = found.get(one.label) ?? new Set();
        found.set(one.label, of.add(labelOfTag(one)));
      }
    }
    const most = Math.max(1, Math.floor(MOST_TAGS / Math.max(1, found.size)));
    return [...found.values()].flatMap((of) => [...of].toSorted().slice(0, most)).toSorted();
  }

  /**
   * The tags of a stored resource by these lists. A part that redaction removed may have been the reason of a tag, so
   * the codes of the former tags count as well.
   */
  again(resource: FhirResource, former: readonly string[]): readonly string[] {
    return this.search(resource, this.#hitsOf(former));
  }

  /** The tags that these lists give to the codes of tags of lines that were cut, on whatever day. */
  ofCut(cut: readonly string[]): readonly string[] {
    return cut.length === 0 ? [] : this.tagsIn(undefined, this.#hitsOf(cut));
  }
  #hitsOf(former: readonly string[]): readonly Hit[] {
    return former.flatMap((label) => {
      const tag = tagOf(label);
      return (tag && this.hitOf('code', tag.code, { system: tag.system }, false)) ?? [];
    });
  }

  /** The tags of a resource, found by a walk of its own. @param before codes that were found elsewhere */
  search(resource: FhirResource, before: readonly Hit[] = []): readonly string[] {
    return this.tagsOf(resource, [...before, ...this.hitsIn(resource)]);
  }

  /** The codes of lists in a resource or a part of one. @param isInside whether it is a contained resource */
  hitsIn(part: unknown, isInside = false): readonly Hit[] {
    const hits: Hit[] = [];
    const open: (readonly [node: unknown, inside: boolean])[] = [[part, isInside]];
    while (open.length > 0) {
      const [node, inside] = open.pop()!;
      if (Array.isArray(node)) for (const item of node as unknown[]) open.push([item, inside]);
      if (!isObject(node)) continue;
      for (const [name, child] of Object.entries(node))
        if (typeof child === 'string') {
          const hit = MAY_BE_CODES.has(name) ? this.hitOf(name, child, node, inside) : undefined;
          if (hit !== undefined) hits.push(hit);
        } else if (typeof child === 'object') open.push([child, inside || name === 'contained' || name === 'resource']);
    }
    return hits;
  }
}
