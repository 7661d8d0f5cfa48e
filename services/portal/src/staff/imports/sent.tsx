import { Notice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';
import type { Sending } from './requests.ts';
import { useWords } from './words.ts';

/** Files that the window for choosing one shows. */
export const ENDINGS = '.csv,.txt,.tsv,.gz';

/** How much of a file the server has. */
export function Sent({ file, now: { sent, isAway } }: { readonly file: File; readonly now: Sending }) {
  const { t } = useSpeech();
  const words = useWords();
  const kilobytes = (bytes: number): string => words.number(Math.ceil(bytes / 1024));
  return (
    <>
      {isAway && <Notice kind="bad">{t('imports.away')}</Notice>}
      <label>
        {t('imports.sending')} <progress value={sent / file.size} />{' '}
        {t('imports.sent', { sent: kilobytes(sent), all: kilobytes(file.size) })}
      </label>
    </>
  );
}
