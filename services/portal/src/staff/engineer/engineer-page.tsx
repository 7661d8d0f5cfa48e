import { Heading } from '../../common/parts.tsx';
import { Loaded } from '../loaded.tsx';
import { useSpeech } from '../texts.ts';
import { Feeds } from './feeds.tsx';
import { Lacking } from './lacking.tsx';
import { Lists } from './lists.tsx';
import { feeds, lacking, lists, views } from './requests.ts';
import { Views } from './views.tsx';

/** What the payer's systems send, what it lacks, and how far the platform has read it (docs/engineer-page.md). */
export function EngineerPage() {
  const { t } = useSpeech();
  return (
    <>
      <Heading>{t('engineer')}</Heading>
      <Loaded title={t('feeds')} text={t('feeds.text')} ask={feeds} show={(rows) => <Feeds rows={rows} />} />
      <Loaded title={t('lacks')} ask={lacking} show={(report) => <Lacking {...report} />} />
      <Loaded title={t('lists')} text={t('lists.text')} ask={lists} show={(first) => <Lists first={first} />} />
      <Loaded title={t('views')} text={t('views.text')} ask={views} show={(rows) => <Views rows={rows} />} />
    </>
  );
}
