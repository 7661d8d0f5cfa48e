import { useState } from 'react';
import { Button, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { useSpeech } from '../texts.ts';
import { columnsOf } from './header.ts';
import type { SentFile, Shown } from './imports-page.tsx';
import type { RunFault } from './requests.ts';
import { useWords } from './words.ts';

/** Faults that a map of columns cures. */
const OF_COLUMNS: readonly RunFault['code'][] = ['column-missing', 'mapped-column-missing', 'columns-alike'];

interface WrongFileProps {
  readonly fault: RunFault;
  /** The file, as long as this page has it. */
  readonly sent?: SentFile;
  readonly show: (shown: Shown) => void;
}
/** Why an import ended, or must be looked at again, and how it goes on. */
export function WrongFile({ fault, sent, show }: WrongFileProps) {
  const { t } = useSpeech();
  const words = useWords();
  const [isUnreadable, setUnreadable] = useState(false);
  const { rows = [] } = fault;
  const isOfColumns = OF_COLUMNS.includes(fault.code);
  async function name({ file, about }: SentFile): Promise<void> {
    try {
      show({ at: 'new', about, file, columns: await columnsOf(file) });
    } catch {
      setUnreadable(true);
    }
  }
  return (
    <>
      <Notice kind="bad">
        <p>{words.fault(fault)}</p>
        {isOfColumns && sent === undefined && <p>{t('imports.columns.again')}</p>}
        {isOfColumns && sent !== undefined && (
          <Button onPress={() => void name(sent)}>{t('imports.columns.choose')}</Button>
        )}
      </Notice>
      {isUnreadable && <Notice kind="bad">{t('imports.unreadable')}</Notice>}
      {rows.length > 0 && (
        <section className="sheet">
          <h2>{t('imports.faulty')}</h2>
          <Rows title={t('imports.faulty')} columns={[t('imports.line'), t('imports.column-name'), t('imports.why')]}>
            {rows.map(({ line, column, reason }, at) => (
              <tr key={at}>
                <th scope="row">{words.number(line)}</th>
                <td>
                  <bdi>{column}</bdi>
                </td>
                <td lang="en">{reason}</td>
              </tr>
            ))}
          </Rows>
        </section>
      )}
    </>
  );
}
