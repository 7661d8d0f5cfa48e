import type { PageLanguage } from '@provider-access/kernel';

/** The figures of the monthly page (docs/evidence.md). Each is declared here once, with its rule and how it is made. */

/** A text in the languages of the pages. */
export type Told = Readonly<Record<PageLanguage, string>>;

export interface Figure {
  readonly title: Told;
  /** What is counted, and when it counts for the month. */
  readonly how: Told;
}

const WHEN_MADE = { en: 'When the page is made.', es: 'Cuando se hace la página.' };
const level = (what: Told): Told => ({
  en: `${what.en} By the day in the payer's time zone on which each began.`,
  es: `${what.es} Por el día, en la zona horaria de la aseguradora, en que cada uno empezó.`,
});

const ALL = {
  'members-visible': {
    title: { en: 'Members whom an app can see', es: 'Afiliados que una aplicación puede ver' },
    how: {
      en: `The decision of every read, for each attributed member and each app of the provider. ${WHEN_MADE.en}`,
      es: `La decisión de cada lectura, por afiliado atribuido y por aplicación del proveedor. ${WHEN_MADE.es}`,
    },
  },
  'apps-approved': {
    title: { en: 'Apps that are approved', es: 'Aplicaciones aprobadas' },
    how: {
      en: 'At the end of the month, or now if the month has not ended.',
      es: 'Al final del mes, o ahora si el mes no ha terminado.',
    },
  },
  'apps-stopped': {
    title: { en: 'Apps that were suspended, expired or revoked', es: 'Aplicaciones suspendidas, vencidas o revocadas' },
    how: {
      en: 'Decisions of the month about apps that had been approved.',
      es: 'Decisiones del mes sobre aplicaciones que estaban aprobadas.',
    },
  },
  'providers-bound': {
    title: { en: 'Provider identifiers with an approved app', es: 'Identificadores de proveedores con una aplicación' },
    how: {
      en: 'NPIs and TINs to which an approved app is bound, each once. At the end of the month, or now.',
      es: 'NPI y TIN vinculados a una aplicación aprobada, cada uno una vez. Al final del mes, o ahora.',
    },
  },
  releases: {
    title: { en: 'Releases to apps', es: 'Entregas a aplicaciones' },
    how: {
      en: 'Entries of the audit about data that left. Lists and files of one app count once an hour for each member.',
      es: 'Entradas de la auditoría de datos entregados. Listas y archivos cuentan una vez por hora y afiliado.',
    },
  },
  'resources-released': {
    title: { en: 'Resources in these releases', es: 'Recursos en estas entregas' },
    how: { en: 'Resources that the same entries count.', es: 'Recursos que cuentan las mismas entradas.' },
  },
  refusals: {
    title: { en: 'Refusals to apps', es: 'Rechazos a aplicaciones' },
    how: {
      en: 'Entries of the audit about apps that proved who they are and got nothing.',
      es: 'Entradas de la auditoría de aplicaciones que probaron quiénes son y no recibieron nada.',
    },
  },
  looks: {
    title: { en: "Answers to the payer's people, and to members", es: 'Respuestas al personal y a los afiliados' },
    how: {
      en: 'Entries of the audit that name a member to a person or a system of the payer, or to the member.',
      es: 'Entradas de la auditoría que nombran a un afiliado ante el personal, un sistema o el afiliado mismo.',
    },
  },
  'opt-outs-received': {
    title: { en: 'Opt-outs received', es: 'Exclusiones recibidas' },
    how: {
      en: 'Each once, whatever ids the person has. An opt-out that cannot be read denies and is not in this count.',
      es: 'Cada una una vez, con cualquier id de la persona. Una que no se puede leer niega y no cuenta aquí.',
    },
  },
  'opt-ins-received': {
    title: { en: 'Opt-ins received', es: 'Reincorporaciones recibidas' },
    how: {
      en: 'Each once, also those for one provider.',
      es: 'Cada una una vez, también las de un solo proveedor.',
    },
  },
  'opt-outs-in-force': {
    title: { en: 'Member ids with an opt-out in force', es: 'Id de afiliados con una exclusión vigente' },
    how: {
      en: `An opt-out of any scope that has not ended, dated ahead or not. ${WHEN_MADE.en}`,
      es: `Una exclusión de cualquier alcance que no ha terminado, también con fecha futura. ${WHEN_MADE.es}`,
    },
  },
  'opt-outs-late': {
    title: { en: 'Opt-outs that took effect late', es: 'Exclusiones que tuvieron efecto tarde' },
    how: level({ en: 'Missed or overdue after one second.', es: 'Después de un segundo, o aún sin efecto.' }),
  },
  'notices-sent': {
    title: { en: 'Notices sent', es: 'Avisos enviados' },
    how: {
      en: 'Reported as sent, by the day on which the payer says that they were sent.',
      es: 'Informados como enviados, por el día en que la aseguradora dice que se enviaron.',
    },
  },
  'notices-due': {
    title: { en: 'Notices that are due and not sent', es: 'Avisos pendientes sin enviar' },
    how: {
      en: `Due by the end of the month. ${WHEN_MADE.en}`,
      es: `Con plazo hasta el final del mes. ${WHEN_MADE.es}`,
    },
  },
  'answers-in-time': {
    title: { en: 'Exports that were answered in time', es: 'Exportaciones respondidas a tiempo' },
    how: level({ en: 'Complete within one business day.', es: 'Completas en un día hábil.' }),
  },
  'answers-late': {
    title: { en: 'Exports that were late or failed', es: 'Exportaciones tardías o fallidas' },
    how: level({
      en: 'Missed or overdue after one business day.',
      es: 'Después de un día hábil, o aún sin respuesta.',
    }),
  },
  'claims-in-time': {
    title: { en: 'Claims that were visible in time', es: 'Reclamaciones visibles a tiempo' },
    how: level({ en: 'Visible within one business day.', es: 'Visibles en un día hábil.' }),
  },
  'claims-late': {
    title: { en: 'Claims that were late', es: 'Reclamaciones tardías' },
    how: level({ en: 'Missed or overdue after one business day.', es: 'Después de un día hábil, o aún no visibles.' }),
  },
  'authorizations-in-time': {
    title: { en: 'Prior authorizations in time', es: 'Autorizaciones previas a tiempo' },
    how: level({ en: 'Visible within one business day.', es: 'Visibles en un día hábil.' }),
  },
  'authorizations-late': {
    title: { en: 'Prior authorizations that were late', es: 'Autorizaciones previas tardías' },
    how: level({ en: 'Missed or overdue after one business day.', es: 'Después de un día hábil, o aún no visibles.' }),
  },
  'denial-reasons-missing': {
    title: { en: 'Denied prior authorizations without a reason', es: 'Autorizaciones negadas sin motivo' },
    how: {
      en: 'Versions that intake checked, by the UTC day on which the log got them: the first and last day may differ.',
      es: 'Versiones revisadas, por el día UTC en que llegaron: el primer y el último día pueden diferir.',
    },
  },
  attestations: {
    title: { en: 'Attestations of providers', es: 'Declaraciones de proveedores' },
    how: {
      en: 'Members of whom a provider attested the treatment, once for each match.',
      es: 'Afiliados de quienes un proveedor declaró el tratamiento, una vez por búsqueda.',
    },
  },
} as const satisfies Readonly<Record<string, Figure>>;
export type FigureId = keyof typeof ALL;
export const FIGURES: Readonly<Record<FigureId, Figure>> = ALL;
export const FIGURE_IDS = Object.keys(ALL) as readonly FigureId[];

/** Why a figure is not known. It is never shown as 0. */
export const UNKNOWN = {
  'nothing-recorded': {
    en: 'The platform had recorded nothing by the end of this month.',
    es: 'La plataforma no había registrado nada hasta el final de este mes.',
  },
  // `{looked}` is the number of members that the count has looked at.
  'being-counted': {
    en: 'It is being counted: {looked} members so far. Ask again in some minutes.',
    es: 'Se está contando: {looked} afiliados hasta ahora. Pregunte otra vez en unos minutos.',
  },
} as const satisfies Readonly<Record<string, Told>>;
export type UnknownReason = keyof typeof UNKNOWN;

/**
 * `at-least`: the count ended at its bound. `countedAt` (ms since the epoch) says when a long count ended, if that was
 * before the page was made. `looked` is there while a count goes on: so many members it has looked at.
 */
export type Value =
  | { readonly state: 'exact' | 'at-least'; readonly value: number; readonly countedAt?: number }
  | { readonly state: 'unknown'; readonly why: UnknownReason; readonly looked?: number };
export const exact = (value: number): Value => ({ state: 'exact', value });
export const unknown = (why: UnknownReason): Value => ({ state: 'unknown', why });
/** The count, or at least `bound` where it ended there. */
export const upTo = (bound: number, value: number): Value =>
  value >= bound ? { state: 'at-least', value: bound } : exact(value);
