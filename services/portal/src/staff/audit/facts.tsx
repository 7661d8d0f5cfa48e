import { Rows } from '../../common/table.tsx';
import { isText, useSpeech } from '../texts.ts';
import type { Explained, Span } from './requests.ts';
import { isEver, type Names, providerIn, providersIn, type Say, scopeIn } from './said.ts';

interface Fact extends Span {
  readonly what: string;
  readonly detail: string;
  readonly holds: boolean;
}

/** The facts behind a decision, as they were known, each with whether it was in force. */
function factsOf({ memberFacts, clientFacts, at }: Explained, names: Names, t: Say): readonly Fact[] {
  const when = Date.parse(at);
  const isIn = ({ from, to }: Span): boolean => Date.parse(from) <= when && (to === undefined || when < Date.parse(to));
  const listed = (...details: readonly (string | false)[]): string => details.filter(Boolean).join('; ');
  return [
    ...(clientFacts?.bindings ?? []).map((one) => ({
      ...{ from: one.from, ...(one.to !== undefined && { to: one.to }) },
      ...{ what: t('explain.fact.binding', { name: providerIn(names, one.provider) }), detail: '', holds: isIn(one) },
    })),
    ...(memberFacts?.coverage ?? []).map((one) => ({ ...one, what: t('kind.coverage'), detail: one.coverageId })),
    ...(memberFacts?.attributions ?? []).map((one) => ({
      ...one,
      what: t('kind.attribution', { name: providersIn(names, one) }),
      detail: listed(!one.boundToClient && t('explain.fact.foreign'), !one.inNetwork && t('explain.fact.out')),
    })),
    ...(memberFacts?.attestations ?? []).map((one) => ({
      ...one,
      what: t('kind.attestation', { name: providersIn(names, one) }),
      detail: listed(!one.ofClient && t('explain.fact.foreign'), !one.inNetwork && t('explain.fact.out')),
    })),
    ...(memberFacts?.optOuts ?? []).map((one) => ({
      ...one,
      what: t('kind.opt-out'),
      detail: scopeIn(t, names, one),
    })),
    ...(memberFacts?.holds ?? []).map((one) => ({ ...one, what: t('kind.hold'), detail: one.deadLetter })),
    ...(memberFacts?.sourceHolds ?? []).map((one) => ({ ...one, what: t('kind.source-hold'), detail: one.deadLetter })),
    ...(memberFacts?.notices ?? []).map((one) => ({ ...one, what: t('kind.notice'), detail: one.kind })),
  ];
}

export function Facts({ answer, names }: { readonly answer: Explained; readonly names: Names }) {
  const { t, date } = useSpeech();
  const status = `status.${answer.clientFacts?.statusAt ?? ''}`;
  return (
    <>
      <h3>{t('explain.facts')}</h3>
      <p>
        {t('explain.fact.status')}:{' '}
        <span className="tag">{isText(status) ? t(status) : t('explain.fact.status.none')}</span>
      </p>
      <Rows
        title={t('explain.facts')}
        columns={[t('picture.what'), t('explain.holds'), t('picture.from'), t('picture.to'), t('picture.detail')]}
      >
        {factsOf(answer, names, t).map((one, at) => (
          <tr key={at}>
            <td>
              <bdi>{one.what}</bdi>
            </td>
            <td>{t(one.holds ? 'explain.yes' : 'explain.no')}</td>
            <td>{isEver(one.from) ? t('picture.always') : date(one.from)}</td>
            <td>{one.to === undefined ? t('picture.still') : date(one.to)}</td>
            <td>
              <bdi>{one.detail}</bdi>
            </td>
          </tr>
        ))}
      </Rows>
    </>
  );
}
