import type { Reasons } from '@provider-access/domain/pdex/reasons';
import { bindingReasons, reasonsOf } from '../../domain/client.ts';

type Choices = readonly { readonly code: string; readonly text: string }[];

/** The codes that each decision may have, with the texts of the payer's list, so that a page can offer them. */
export function reasonChoices(reasons: Reasons): Readonly<Record<'reject' | 'suspend' | 'revoke' | 'end', Choices>> {
  const all = Object.values(reasons).flat();
  const withTexts = (codes: readonly string[]): Choices =>
    codes.map((code) => ({ code, text: all.find((one) => one.code === code)?.text ?? code }));
  return {
    reject: withTexts(reasonsOf('reject', reasons)),
    suspend: withTexts(reasonsOf('suspend', reasons)),
    revoke: withTexts(reasonsOf('revoke', reasons)),
    end: withTexts(bindingReasons(reasons)),
  };
}
