import { useEffect, useState } from 'react';
import type { Asked, Fault } from '../common/api.ts';
import { Notice } from '../common/parts.tsx';
import { FaultNotice } from './fault.tsx';
import { accessToken, type OwnApp } from './own-app.ts';
import { useSpeech } from './texts.ts';

/** Asks the platform as the app. Without the key nothing can be asked. */
export async function asApp<T>(app: OwnApp, request: (token: string) => Promise<Asked<T>>): Promise<Asked<T>> {
  const { key } = app;
  if (key === undefined) return { fault: { status: 0, message: '' } };
  const token = await accessToken({ ...app, key });
  return token.fault === undefined ? request(token.data) : token;
}

/** What the app may read, loaded at first sight and again by `reload`. */
export function useAsApp<T>(app: OwnApp, request: (token: string) => Promise<Asked<T>>) {
  const [data, setData] = useState<T>();
  const [fault, setFault] = useState<Fault>();
  async function reload(): Promise<void> {
    if (app.key === undefined) return;
    const asked = await asApp(app, request);
    setFault(asked.fault);
    if (asked.fault === undefined) setData(asked.data);
  }
  useEffect(() => void reload(), [app]);
  return { data, fault, setFault, reload };
}

/** Why nothing is shown yet. */
export function Loading(props: {
  readonly app: OwnApp;
  readonly loaded: boolean;
  readonly fault: Fault | undefined;
  readonly retry: () => void;
}) {
  const { t } = useSpeech();
  if (props.app.key === undefined) return <Notice kind="note">{t('no-key')}</Notice>;
  if (props.fault !== undefined) return <FaultNotice fault={props.fault} retry={props.retry} />;
  return props.loaded ? null : (
    <p role="status" className="loading">
      {t('loading')}
    </p>
  );
}
