import { isText, type useSpeech } from '../texts.ts';
import type { OptOut, Provided } from './requests.ts';

export type Speech = ReturnType<typeof useSpeech>;
export type Say = Speech['t'];
/** Names of providers, by `npi|…` or `tin|…`. */
export type Names = Readonly<Record<string, string>>;

const NONE = '0001-';
/** The beginning of what has no beginning. */
export const isEver = (instant: string): boolean => instant.startsWith(NONE);

export const providerIn = (names: Names, key: string): string => {
  const id = key.replace(/^npi\|/, 'NPI ').replace(/^tin\|/, 'TIN ');
  return names[key] === undefined ? id : `${names[key]} (${id})`;
};
export const providersIn = (names: Names, { providers = [], provider, targets = [] }: Provided): string =>
  [...providers, ...targets, ...(provider === undefined ? [] : [provider])]
    .map((key) => providerIn(names, key))
    .join(', ');

const known = (key: string, t: Say, values: Readonly<Record<string, string>>, other: string): string =>
  isText(key) ? t(key, values) : other;
/** Why an app was refused. A word that this page does not know is shown as it is. */
export const whyIn = (t: Say, reason = ''): string =>
  known(`why.${reason}`, t, {}, t('why.other', { reason: reason === '' ? '?' : reason }));
export const factIn = (t: Say, kind: string): string => known(`fact.${kind}`, t, {}, t('fact.other', { kind }));
export const changeIn = (t: Say, change: string): string => known(`change.${change}`, t, {}, change);
export const scopeIn = (t: Say, names: Names, one: OptOut): string =>
  known(`scope.${one.scope}`, t, { names: providersIn(names, one) }, one.scope);
