import type { PageLanguage } from '@provider-access/kernel';
import { AUDIT_ACTIONS, type AuditAction } from '@provider-access/events';

interface Words {
  readonly title: string;
  readonly plan: string;
  readonly member: string;
  readonly from: string;
  readonly first: string;
  readonly until: string;
  readonly made: string;
  readonly count: string;
  readonly time: string;
  readonly recipient: string;
  readonly what: string;
  readonly purpose: string;
  readonly none: string;
  readonly app: (id: string) => string;
  readonly more: (count: number) => string;
  readonly resources: string;
  readonly asked: string;
  readonly export: (job: string) => string;
  readonly recalled: (names: string) => string;
  readonly purposes: Readonly<Record<string, string>>;
  /** In which way a member is given to somebody; undefined where nothing is. */
  readonly gives: (action: AuditAction) => string | undefined;
}

const NAMED_IN_LIST = 'nombrado en una lista';
const GIVES_ES: Readonly<Partial<Record<AuditAction, string>>> = {
  read: 'leído',
  vread: 'leído en una versión anterior',
  history: 'leído con sus versiones anteriores',
  search: 'encontrado por una búsqueda',
  'group-read': NAMED_IN_LIST,
  'group-search': NAMED_IN_LIST,
  download: 'descargado como parte de una exportación',
};

export const ACCOUNTING_WORDS: Readonly<Record<PageLanguage, Words>> = {
  en: {
    title: 'Accounting of disclosures',
    plan: 'Health plan',
    member: 'Member',
    from: 'From',
    first: 'the first entry',
    until: 'Until',
    made: 'Made',
    count: 'Disclosures',
    time: 'Date and time (UTC)',
    recipient: 'Recipient',
    what: 'What was disclosed',
    purpose: 'Purpose',
    none: 'Nothing was disclosed in this period.',
    app: (id) => `App ${id}`,
    more: (count) => `and ${count} more`,
    resources: 'Resources',
    asked: 'asked about by a search',
    export: (job) => `export ${job}`,
    recalled: (names) => `Had wrong data: recall ${names}`,
    purposes: { TREAT: 'Treatment', HOPERAT: 'Health care operations' },
    gives: (action) => AUDIT_ACTIONS[action].gives,
  },
  es: {
    title: 'Informe de divulgaciones',
    plan: 'Plan de salud',
    member: 'Afiliado',
    from: 'Desde',
    first: 'la primera entrada',
    until: 'Hasta',
    made: 'Hecho',
    count: 'Divulgaciones',
    time: 'Fecha y hora (UTC)',
    recipient: 'Destinatario',
    what: 'Lo que se divulgó',
    purpose: 'Propósito',
    none: 'No se divulgó nada en este período.',
    app: (id) => `Aplicación ${id}`,
    more: (count) => `y ${count} más`,
    resources: 'Recursos',
    asked: 'consultado por una búsqueda',
    export: (job) => `exportación ${job}`,
    recalled: (names) => `Tenía datos erróneos: retirada ${names}`,
    purposes: { TREAT: 'Tratamiento', HOPERAT: 'Operaciones de atención médica' },
    gives: (action) => (AUDIT_ACTIONS[action].gives === undefined ? undefined : GIVES_ES[action]),
  },
};
