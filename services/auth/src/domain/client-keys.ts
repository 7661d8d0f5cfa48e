import type { AppRegistered } from '@provider-access/events';
import type { ClientKeySet } from '@provider-access/facts';
import { instant } from '@provider-access/kernel';
import { keyMark } from '@provider-access/smart';

/** ms: how long auth accepts a key set after the app changed it (docs/client-keys.md). */
const OVERLAP_MS = 24 * 60 * 60 * 1000;
/** Former key sets that auth accepts at once. Each record of a change repeats them. */
const MOST_FORMER = 3;

/** `end`: auth accepts no key from before the change any more, because such a key may be in wrong hands. */
export type PreviousKeys = 'keep' | 'end';

interface Key {
  readonly kid?: unknown;
}
type FormerKeySet = NonNullable<AppRegistered['formerKeys']>[number];

/** `app` is the registration after the change, undefined if the app has these keys already. */
export type KeyChange =
  | { readonly ok: true; readonly app: AppRegistered | undefined }
  | { readonly ok: false; readonly fault: 'invalid' | 'conflict'; readonly text: string };

/** The key sets from before that are accepted at `now`, the newest first. */
export const acceptedFormer = <T extends { readonly until: string }>(
  former: readonly T[] | undefined,
  now: number,
): readonly T[] => (former ?? []).filter(({ until }) => Date.parse(until) > now);

export const setOf = ({ jwks, jwksUri }: ClientKeySet): Pick<AppRegistered, 'jwks' | 'jwksUri'> => ({
  jwks: jwks && { keys: [...jwks.keys] },
  jwksUri,
});
const marksOf = ({ jwks }: ClientKeySet): readonly string[] =>
  (jwks?.keys ?? []).map((key) => `${String((key as Key).kid)} ${keyMark(key)}`).sort();
const sameSet = (a: ClientKeySet, b: ClientKeySet): boolean =>
  a.jwksUri === b.jwksUri && marksOf(a).join() === marksOf(b).join();

/** Decides about new keys of an app. The keys from before stay valid for a day, unless the app ends them. */
export function changeKeys(app: AppRegistered, wanted: ClientKeySet, previous: PreviousKeys, now: number): KeyChange {
  const former: readonly FormerKeySet[] = acceptedFormer(app.formerKeys, now);
  const unchanged = sameSet(app, wanted);
  if (unchanged && (previous === 'keep' || former.length === 0)) return { ok: true, app: undefined };

  const kept: readonly FormerKeySet[] =
    previous === 'end'
      ? []
      : [
          { ...setOf(app), until: instant(now + OVERLAP_MS) },
          ...former.filter((set) => !sameSet(set, wanted) && !sameSet(set, app)),
        ];
  const taken = kidTaken(wanted, kept);
  if (taken !== undefined)
    return {
      ok: false,
      fault: 'invalid',
      text: `jwks.keys.${taken}: has the kid of another key of this app that is still accepted. Give it a new kid.`,
    };
  if (kept.length > MOST_FORMER)
    return {
      ok: false,
      fault: 'conflict',
      text:
        `The keys of the last ${MOST_FORMER} changes are still accepted, until ${kept.at(-1)!.until} at the ` +
        'earliest. Wait, or send "previous_keys": "end", which ends them all.',
    };
  return { ok: true, app: { ...app, ...setOf(wanted), formerKeys: [...kept] } };
}

/** The position of a new key whose kid names another key of a set that stays valid. */
function kidTaken(wanted: ClientKeySet, kept: readonly ClientKeySet[]): number | undefined {
  const old = kept.flatMap(({ jwks }) => jwks?.keys ?? []);
  const at = (wanted.jwks?.keys ?? []).findIndex((key) =>
    old.some((other) => (other as Key).kid === (key as Key).kid && keyMark(other) !== keyMark(key)),
  );
  return at < 0 ? undefined : at;
}
