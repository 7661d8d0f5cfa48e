import { RESULT_PROFILES, type ResultKind } from '@provider-access/domain/pdex/match';
import { isObject } from '@provider-access/fhir';
import { gunzipLines } from '../client/download.ts';
import type { BulkResult } from '../client/bulk.ts';
import type { Submitted } from './submitted.ts';

type Json = Readonly<Record<string, unknown>>;
const objects = (value: unknown): readonly Json[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** What became of one person. */
interface Outcome {
  readonly from: string;
  readonly result: 'matched' | 'not matched' | 'consent constrained';
  /** The id of our Patient. */
  readonly patient?: string;
  /** What was wrong with the bundle. */
  readonly fault?: string;
}
export interface MatchResult {
  /** The matched Group. */
  readonly group: string;
  readonly until?: string;
  readonly outcomes: readonly Outcome[];
}

const RESULTS: Readonly<Record<ResultKind, Outcome['result']>> = {
  matched: 'matched',
  nonmatched: 'not matched',
  constrained: 'consent constrained',
};
const MATCH_PARAMETERS = 'http://hl7.org/fhir/us/davinci-pdex/StructureDefinition/base-ext-match-parameters';
const PLACE = /MemberBundle (\d+)/;

/** Reads the Groups and errors of a finished match. @throws if it has no matched Group */
export async function readResult({ files }: BulkResult, people: readonly Submitted[]): Promise<MatchResult> {
  const places = placesOf(people);
  const outcomes = new Map<number, Outcome>();
  const faults = new Map<number, string>();
  let group: string | undefined;
  let until: string | undefined;
  for (const { file, kind, type } of files)
    for await (const line of gunzipLines(file)) {
      if (line.trim() === '') continue;
      const resource = JSON.parse(line) as Json;
      if (kind === 'error') for (const [place, text] of faultsOf(resource)) faults.set(place, text);
      if (kind !== 'output' || type !== 'Group') continue;
      const found = kindOf(resource);
      if (found === 'matched') {
        group = resource['id'] as string;
        until = (objects(resource['characteristic'])[0]?.['period'] as Json | undefined)?.['end'] as string | undefined;
      }
      for (const { entity } of objects(resource['member'])) {
        const place = isObject(entity) ? placeOf(entity, places) : undefined;
        if (place === undefined) continue;
        const [, patient] = /^Patient\/(.+)$/.exec(String((entity as Json)['reference'])) ?? [];
        const from = people[place - 1]!.from;
        outcomes.set(place, { from, result: RESULTS[found], ...(patient !== undefined && { patient }) });
      }
    }
  if (group === undefined) throw new Error('the result has no matched Group');
  return {
    group,
    ...(until !== undefined && { until }),
    outcomes: people.map(({ from }, at) => {
      const fault = faults.get(at + 1);
      return { ...(outcomes.get(at + 1) ?? { from, result: 'not matched' }), ...(fault !== undefined && { fault }) };
    }),
  };
}

/** Groups are told apart by their profile. An empty matched Group has none (MATCH.md M51, M56). */
function kindOf({ meta }: Json): ResultKind {
  const profiles = isObject(meta) && Array.isArray(meta['profile']) ? (meta['profile'] as unknown[]) : [];
  const kinds = Object.entries(RESULT_PROFILES) as [ResultKind, string][];
  return kinds.find(([, profile]) => profiles.includes(profile))?.[0] ?? 'matched';
}

/** The place of each submitted Patient, by its id. An id that two have names none of them. */
function placesOf(people: readonly Submitted[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [at, { bundle }] of people.entries()) {
    const part = objects((bundle as Json)['part']).find(({ name }) => name === 'MemberPatient');
    const id = isObject(part?.['resource']) ? part['resource']['id'] : undefined;
    if (typeof id === 'string') places.set(id, places.has(id) ? 0 : at + 1);
  }
  return places;
}

/** The platform makes the id of a Patient unique by its place: `1-7` is the seventh. */
function placeOf({ extension, reference, display }: Json, places: ReadonlyMap<string, number>): number | undefined {
  const submitted = objects(extension).find(({ url }) => url === MATCH_PARAMETERS)?.['valueReference'];
  const text = isObject(submitted) ? submitted['reference'] : reference;
  const [, id] = typeof text === 'string' ? (/^#(.+)$/.exec(text) ?? []) : [];
  const known = id === undefined ? undefined : places.get(id);
  if (known !== undefined && known > 0) return known;
  const [, place] = (id === undefined ? PLACE.exec(String(display)) : /-(\d+)(?:\.\d+)?$/.exec(id)) ?? [];
  return place === undefined ? undefined : Number(place);
}

function* faultsOf({ issue }: Json): Generator<[number, string]> {
  for (const { details } of objects(issue)) {
    const text = isObject(details) && typeof details['text'] === 'string' ? details['text'] : '';
    const [, place] = PLACE.exec(text) ?? [];
    if (place !== undefined) yield [Number(place), text];
  }
}
