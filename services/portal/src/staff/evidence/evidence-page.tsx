import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Choice, Heading, Notice } from '../../common/parts.tsx';
import { save } from '../../common/save.ts';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { useSpeech } from '../texts.ts';
import { evidence, evidenceFile, type Figure, type Page } from './requests.ts';

/** Months that can be chosen. `pa evidence` has every month. */
const MONTHS = 24;
/** The months until this one, the newest first: `2026-11`. */
function monthsUntil(period: string): readonly string[] {
  const [year, month] = period.split('-').map(Number) as [number, number];
  return Array.from({ length: MONTHS }, (_, n) => new Date(Date.UTC(year, month - 1 - n, 1)).toISOString().slice(0, 7));
}

/** One month on one page (docs/evidence.md), to read, to print and to keep. */
export function EvidencePage() {
  const { t, date, language } = useSpeech();
  const [period, setPeriod] = useState<string>();
  const [page, setPage] = useState<Page>();
  /** The month of the server's clock, in the payer's time zone. */
  const [current, setCurrent] = useState<string>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  useEffect(() => {
    let isShown = true;
    setFault(undefined);
    void evidence(period, language).then((asked) => {
      if (!isShown) return;
      setFault(asked.fault);
      setPage(asked.data);
      if (asked.fault === undefined) setCurrent((known) => known ?? asked.data.report.period);
    });
    return () => void (isShown = false);
  }, [period, language, tries]);

  async function keep({ report }: Page): Promise<void> {
    const asked = await evidenceFile(report.period, language);
    setFault(asked.fault);
    if (asked.fault === undefined) save(`evidence-${report.period}.csv`, asked.data);
  }
  const named = new Intl.DateTimeFormat(language, { month: 'long', year: 'numeric', timeZone: 'UTC' });
  return (
    <>
      <Heading>{t('evidence')}</Heading>
      {current !== undefined && (
        <div className="no-print">
          <Choice
            label={t('evidence.month')}
            value={period ?? current}
            onChange={(chosen) => {
              setPage(undefined);
              setPeriod(chosen);
            }}
            options={monthsUntil(current).map((one) => [one, named.format(new Date(`${one}-01T00:00:00Z`))] as const)}
          />
          {page !== undefined && (
            <div className="buttons">
              <Button look="main" onPress={() => print()}>
                {t('evidence.print')}
              </Button>
              <Button onPress={() => void keep(page)}>{t('evidence.csv')}</Button>
            </div>
          )}
        </div>
      )}
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {page === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {page?.report.figures.some(({ looked }) => looked !== undefined) === true && (
        <Notice kind="note">
          <p>{t('evidence.counting')}</p>
          <Button onPress={() => setTries(tries + 1)}>{t('evidence.again')}</Button>
        </Notice>
      )}
      {page !== undefined && <Month {...page} date={date} />}
    </>
  );
}

function Month({ report, signature, date }: Page & { readonly date: (at: string) => string }) {
  const { t, language } = useSpeech();
  const made = date(report.madeAt);
  const number = new Intl.NumberFormat(language);
  const valueOf = ({ state, value = 0 }: Figure): string => {
    if (state === 'unknown') return t('evidence.unknown');
    return state === 'at-least' ? t('evidence.least', { value: number.format(value) }) : number.format(value);
  };
  const shown = new Map(report.figures.map((figure) => [figure.id, figure]));
  return (
    <>
      {!report.complete && <Notice kind="note">{t('evidence.open')}</Notice>}
      <p>{t('evidence.period', { from: report.from, to: report.to, zone: report.timeZone, made })}</p>
      <section className="sheet figures">
        <h2>{t('evidence.figures')}</h2>
        <Rows title={t('evidence.figures')} columns={[t('evidence.figure'), t('evidence.value')]}>
          {report.figures.map((figure) => (
            <tr key={figure.id}>
              <th scope="row">
                {figure.title}
                <div className="soft">{figure.why ?? figure.how}</div>
                {figure.countedAt !== undefined && (
                  <div className="soft">{t('evidence.counted', { at: date(figure.countedAt) })}</div>
                )}
              </th>
              <td>{valueOf(figure)}</td>
            </tr>
          ))}
        </Rows>
      </section>
      <section className="sheet">
        <h2>{t('evidence.rules')}</h2>
        <Rows title={t('evidence.rules')} columns={[t('evidence.rule'), t('evidence.does'), t('evidence.figures')]}>
          {report.rules.map(({ id, does, source, tests, figures }) => (
            <tr key={id}>
              <th scope="row">{id}</th>
              <td>
                {does}
                <div className="soft">{source}</div>
                {tests.length === 0 && <div className="soft">{t('evidence.untested')}</div>}
                {tests.map(({ file, name }) => (
                  <div className="soft" key={`${file} ${name}`}>
                    {file}
                  </div>
                ))}
              </td>
              <td>
                {figures.map((figure) => (
                  <div key={figure}>{`${shown.get(figure)!.title}: ${valueOf(shown.get(figure)!)}`}</div>
                ))}
              </td>
            </tr>
          ))}
        </Rows>
      </section>
      <section className="sheet">
        <h2>{t('evidence.signature')}</h2>
        <p>{t('evidence.signed')}</p>
        <p className="signature">{signature.sha256}</p>
      </section>
    </>
  );
}
