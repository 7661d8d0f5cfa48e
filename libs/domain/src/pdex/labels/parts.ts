import { isObject } from '@provider-access/fhir';
import { objectsOf, type Source } from './drugs.ts';

/** What a cut of a claim asks about the parts that go and those that stay. */

/** Words that say nothing about a certain drug. Other words of a removed item must not stand in the rest. */
const ORDINARY = new Set(
  (
    'administered administration adult agent approved auto authorization authorized autoinjector biological ' +
    'biologicals biosimilar capsule capsules chemotherapy chloride classified compounded concentrate ' +
    'contraceptive contrast covered delivery device diagnostic disease dose doses drops drug drugs each ' +
    'excludes extended fluid formulation generic hours human hydrochloride imaging implant implants include ' +
    'includes including infusion inhalation inhaler initial injectable injection intramuscular intravenous ' +
    'iodine kit less liquid maintenance material medical medication medications microgram micrograms milligram ' +
    'milligrams million nasal noncovered ointment ophthalmic other otherwise package patch patient pediatric ' +
    'pharmacy phosphate powder prefilled prescription product products quantity release requested saline ' +
    'service services single sodium solution specified spray sterile study subcutaneous sulfate supplies ' +
    'supply suspension syringe system tablet tablets therapeutic therapy topical treatment unclassified under ' +
    'units vaccine vials virus water weekly weight within without'
  ).split(' '),
);
const SHORTEST = 5;

export const numbersOf = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);

/** The ids of contained resources to which references lead. */
export const localIn = (value: unknown): readonly unknown[] =>
  [...(JSON.stringify(value) ?? '').matchAll(/"reference":"#([^"]+)"/g)].map(([, id]) => id);
export const wordsOf = (text: string): readonly string[] =>
  text.toLowerCase().match(/[\p{L}\d]+(?:-[\p{L}\d]+)*/gu) ?? [];
/** Whether the word may be the name of a drug. */
export const isOwn = (word: string): boolean =>
  word.length >= SHORTEST && !ORDINARY.has(word) && /\p{L}{3}/u.test(word);
export const hasText = (value: unknown): boolean => {
  if (Array.isArray(value)) return (value as unknown[]).some(hasText);
  if (!isObject(value)) return false;
  return Object.entries(value).some(([name, child]) =>
    typeof child === 'string' ? name === 'text' || name === 'valueString' || name === 'valueMarkdown' : hasText(child),
  );
};
/** Whether a reference leads to a contained resource that is gone. */
export function refersToNothing(rest: Source): boolean {
  const there = new Set(objectsOf(rest['contained']).map(({ id }) => id));
  return localIn(rest).some((id) => !there.has(id));
}
