import type { Decided } from '../../common/decide.ts';
import { Heading, Notice } from '../../common/parts.tsx';
import { useSpeech } from '../texts.ts';

export type Kind = 'out-all' | 'out-one' | 'in-all' | 'in-one';
export interface Entered {
  readonly member: string;
  readonly kind: Kind;
  readonly npi?: string;
  readonly by: 'member' | 'representative';
  readonly script: string;
  readonly decided: Decided;
  /** ms since the epoch */
  readonly at: number;
}

/** What the member gets on paper, in the language of the page. It does not name who entered it (ADR 0143). */
export function Confirmation({ member, kind, npi, by, script, decided, at }: Entered) {
  const { t, date } = useSpeech();
  return (
    <section className="sheet">
      <Heading>{t('say.done')}</Heading>
      <Notice kind={decided.decides ? 'good' : 'note'}>{t(decided.decides ? 'say.done.now' : 'say.done.later')}</Notice>
      {decided.why !== '' && <p className="no-print">{t('call.why', { message: decided.why })}</p>}
      <p>{t('say.number')}</p>
      <p className="number">{decided.number}</p>
      <p>{t('say.keep')}</p>
      <dl>
        <dt>{t('call.id')}</dt>
        <dd>{member}</dd>
        <dt>{t('say.choice')}</dt>
        <dd>
          {t(`say.${kind}`)}. {t(`say.${kind}.means`)}
        </dd>
        {npi !== undefined && (
          <>
            <dt>{t('say.provider')}</dt>
            <dd>{`NPI ${npi}`}</dd>
          </>
        )}
        <dt>{t('say.by')}</dt>
        <dd>{t(`say.by.${by}`)}</dd>
        <dt>{t('say.script')}</dt>
        <dd>
          <bdi>{script}</bdi>
        </dd>
        <dt>{t('say.when')}</dt>
        <dd>{date(at)}</dd>
      </dl>
      <p>{t('say.always')}</p>
    </section>
  );
}
