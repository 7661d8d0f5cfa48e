import type { Fault } from '../common/api.ts';
import { Button, Notice } from '../common/parts.tsx';
import { useSpeech } from './texts.ts';

/** Why something did not work, and what to do. */
export function FaultNotice({ fault, retry }: { readonly fault: Fault; readonly retry?: () => void }) {
  const { t } = useSpeech();
  const own = { 0: 'fault.away', 401: 'fault.session', 403: 'fault.forbidden' } as const;
  const text =
    fault.status in own
      ? t(own[fault.status as keyof typeof own])
      : t('fault', { message: fault.message === '' ? String(fault.status) : fault.message });
  return (
    <Notice kind="bad">
      <p>{text}</p>
      {fault.status === 401 && <a href={location.pathname}>{t('signin.title')}</a>}
      {retry !== undefined && fault.status !== 401 && fault.status !== 403 && (
        <Button onPress={retry}>{t('retry')}</Button>
      )}
    </Notice>
  );
}
