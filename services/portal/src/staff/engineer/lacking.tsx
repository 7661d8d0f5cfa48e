import { Notice } from '../../common/parts.tsx';
import { Rows } from '../../common/table.tsx';
import { isText, useSpeech } from '../texts.ts';
import { useFirst } from './first-rows.tsx';
import type { Lacks } from './requests.ts';

interface LackingProps {
  readonly from: string;
  readonly to: string;
  readonly feeds: readonly Lacks[];
}
const nameOf = (profile: string): string => profile.slice(profile.lastIndexOf('/') + 1);

/** What the resources of the last days lack, and why some were withheld. */
export function Lacking({ from, to, feeds }: LackingProps) {
  const { t, language } = useSpeech();
  const number = new Intl.NumberFormat(language);
  const lacking = feeds.filter((one) => one.lacking > 0);
  const named = feeds.flatMap(({ source, type, unknownLabels = [], withheldTags = [] }) => [
    ...unknownLabels.map(({ label, count }) => ({ source, type, what: t('lacks.label', { label }), count })),
    ...withheldTags.map(({ tag, count }) => ({ source, type, what: t('lacks.withheld', { tag }), count })),
  ]);
  const first = useFirst(lacking, (all) => t('feeds.all', { count: number.format(all) }));
  const firstNamed = useFirst(named, (all) => t('lacks.all', { count: number.format(all) }));
  const ruleOf = (rule: string): string => {
    const key = `lacks.rule.${rule}`;
    return isText(key) ? t(key) : rule;
  };
  const policyOf = ({ policy }: Lacks): string => (policy === undefined ? '' : t(`lacks.policy.${policy}`));
  return (
    <>
      <p>{t('lacks.text', { from, to })}</p>
      {lacking.length === 0 && <Notice kind="good">{t('lacks.good')}</Notice>}
      {lacking.length > 0 && (
        <Rows title={t('lacks')} columns={[t('feeds.feed'), t('lacks.count'), t('lacks.what')]}>
          {first.shown.map((one) => (
            <tr key={JSON.stringify([one.source, one.type, one.profile])}>
              <th scope="row">
                {one.type}
                <div className="soft source">{nameOf(one.profile ?? '')}</div>
                <div className="soft source">
                  <bdi>{one.source}</bdi>
                </div>
              </th>
              <td>
                {t('lacks.of', { lacking: number.format(one.lacking), checked: number.format(one.checked) })}
                <div className="soft">{policyOf(one)}</div>
              </td>
              <td>
                {one.lacks.map(({ element, rule, count }) => (
                  <div key={`${element} ${rule}`}>
                    <span className="code">{element}</span>{' '}
                    <span className="soft">{`${ruleOf(rule)} (${number.format(count)})`}</span>
                  </div>
                ))}
              </td>
            </tr>
          ))}
        </Rows>
      )}
      {first.more}
      {named.length > 0 && (
        <Rows title={t('lacks.codes')} columns={[t('feeds.feed'), t('lacks.codes'), t('lacks.resources')]}>
          {firstNamed.shown.map(({ source, type, what, count }) => (
            <tr key={JSON.stringify([source, type, what])}>
              <th scope="row">
                {type}
                <div className="soft source">
                  <bdi>{source}</bdi>
                </div>
              </th>
              <td>
                <bdi>{what}</bdi>
              </td>
              <td>{number.format(count)}</td>
            </tr>
          ))}
        </Rows>
      )}
      {firstNamed.more}
    </>
  );
}
