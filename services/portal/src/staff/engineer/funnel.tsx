import { useEffect, useState } from 'react';
import type { Fault } from '../../common/api.ts';
import { Button, Choice, Heading, Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { FaultNotice } from '../fault.tsx';
import { isText, useSpeech } from '../texts.ts';
import { added, type Funnel as Answer, funnel, type Step } from './funnel-requests.ts';
import { LostMembers } from './lost-members.tsx';

/** Stands for any app of the providers. */
const ANY = '';

/** Why a Group is empty. The server looks at some members an answer, so the page asks until it has looked at all. */
export function Funnel({ group }: { readonly group: string }) {
  const { t, date, language } = useSpeech();
  const number = new Intl.NumberFormat(language);
  const [app, setApp] = useState(ANY);
  const client = app === ANY ? undefined : app;
  const [sum, setSum] = useState<Answer>();
  const [fault, setFault] = useState<Fault>();
  const [tries, setTries] = useState(0);
  const [opened, setOpened] = useState<string>();
  useEffect(() => {
    let isShown = true;
    setFault(undefined);
    void (async () => {
      let [so, next]: [Answer | undefined, string | undefined] = [undefined, undefined];
      do {
        const asked = await funnel({ group, client }, next);
        if (!isShown) return;
        if (asked.fault !== undefined) return setFault(asked.fault);
        so = so === undefined ? asked.data : added(so, asked.data);
        next = asked.data.next;
        setSum(so);
      } while (next !== undefined);
    })();
    return () => void (isShown = false);
  }, [group, client, tries]);
  return (
    <div className="group">
      <Heading level={2}>{t('funnel')}</Heading>
      <p className="soft">{group}</p>
      <p>{t('funnel.text')}</p>
      {sum !== undefined && sum.apps.length > 0 && (
        <Choice
          label={t('funnel.app')}
          value={app}
          onChange={(chosen) => {
            setApp(chosen);
            setOpened(undefined);
          }}
          options={[[ANY, t('funnel.app.any')], ...sum.apps.map((one) => [one.client, labelOf(one)] as const)]}
        />
      )}
      {fault !== undefined && <FaultNotice fault={fault} retry={() => setTries(tries + 1)} />}
      {sum === undefined && fault === undefined && <p role="status">{t('loading')}</p>}
      {sum?.next !== undefined && fault === undefined && (
        <p role="status">{t('funnel.progress', { count: number.format(sum.steps[0]!.members) })}</p>
      )}
      {sum !== undefined && sum.next === undefined && <Verdict {...sum} client={client} />}
      {sum !== undefined && (
        <Rows title={t('funnel')} columns={[t('funnel.step'), t('funnel.pass'), t('funnel.lost'), t('funnel.who')]}>
          {sum.steps.map((one) => (
            <tr key={one.step}>
              <th scope="row">{nameOf(t, one.step)}</th>
              <td>{number.format(one.members)}</td>
              <td>
                {Object.entries(one.lost).map(([reason, count]) => (
                  <div key={reason}>{`${number.format(count)}: ${whyOf(t, reason)}`}</div>
                ))}
              </td>
              <td>
                {lossOf(one) > 0 && (
                  <Button aria-pressed={opened === one.step} onPress={() => setOpened(one.step)}>
                    {t('funnel.show')}
                    <span className="hidden">{` ${nameOf(t, one.step)}`}</span>
                  </Button>
                )}
              </td>
            </tr>
          ))}
        </Rows>
      )}
      {sum?.lastExport !== undefined && <p>{t('funnel.last', { at: date(sum.lastExport) })}</p>}
      {sum?.exportsFrom !== undefined && <p>{t('funnel.exports-from', { at: date(sum.exportsFrom) })}</p>}
      {opened !== undefined && (
        <LostMembers
          key={`${app} ${opened}`}
          of={{ group, client, step: opened }}
          title={t('funnel.members', { step: nameOf(t, opened) })}
        />
      )}
    </div>
  );
}

const labelOf = ({ client, name, status }: Answer['apps'][number]): string => `${name} (${client}, ${status})`;
type T = ReturnType<typeof useSpeech>['t'];
const nameOf = (t: T, step: string): string =>
  isText(`funnel.step.${step}`) ? t(`funnel.step.${step}` as never) : step;
/** A reason that the server may have learned since is shown as it is. */
export const whyOf = (t: T, reason: string): string => {
  if (reason === 'waiting') return t('funnel.waiting');
  return isText(`why.${reason}`) ? t(`why.${reason}` as never) : reason;
};
const lossOf = ({ lost }: Step): number => Object.values(lost).reduce((sum, count) => sum + count, 0);

/** Whether an app sees anybody, and if not, at which step most were lost and what cures that. */
function Verdict({ steps, apps, client }: Answer & { readonly client: string | undefined }) {
  const { t, language } = useSpeech();
  const number = new Intl.NumberFormat(language);
  const seen = steps.find(({ step }) => step === 'in-network')?.members ?? 0;
  const worst = steps.filter(({ step }) => step !== 'exported').toSorted((a, b) => lossOf(b) - lossOf(a))[0]!;
  const step = steps[0]!.members === 0 ? 'listed' : worst.step;
  const cure = isText(`funnel.cure.${step}`) ? t(`funnel.cure.${step}` as never) : '';
  const app = apps.find((one) => one.client === client)?.name;
  const hasApp = apps.some(({ status }) => status === 'approved');
  return (
    <>
      {seen === 0 && (
        <Notice kind="bad">
          {app === undefined
            ? t('funnel.empty', { step: nameOf(t, step) })
            : t('funnel.empty.app', { app, step: nameOf(t, step) })}{' '}
          {cure}
        </Notice>
      )}
      {seen > 0 && (
        <Notice kind="good">
          {app === undefined
            ? t('funnel.seen', { count: number.format(seen) })
            : t('funnel.seen.app', { app, count: number.format(seen) })}
          {lossOf(worst) > 0 && ` ${t('funnel.most', { step: nameOf(t, worst.step) })} ${cure}`}
        </Notice>
      )}
      {!hasApp && <Notice kind="bad">{t('funnel.no-app')}</Notice>}
      {apps.length > 0 && (
        <p>
          <bdi>{t('funnel.apps', { apps: apps.map(({ name, status }) => `${name} (${status})`).join(', ') })}</bdi>
        </p>
      )}
    </>
  );
}
