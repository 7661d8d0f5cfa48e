import { dateRange, type FhirResource, isObject } from '@provider-access/fhir';
import { isPriorAuthorization } from './feeds/denial-reason.ts';

type Source = Readonly<Record<string, unknown>>;
const objectsOf = (value: unknown): readonly Source[] => (Array.isArray(value) ? value.filter(isObject) : []);

/** Elements that say what was decided. */
const HEADER = ['status', 'outcome', 'disposition', 'preAuthRef', 'preAuthRefPeriod', 'adjudication'] as const;
const PARTS = ['detail', 'subDetail'] as const;

const decisionsOf = (item: Source): readonly unknown[] => [
  item['sequence'] ?? item['itemSequence'],
  item['adjudication'],
  ...PARTS.flatMap((name) => objectsOf(item[name]).map(decisionsOf)),
];

/**
 * The status of a prior authorization as text: its state, its number and time, and the decisions about it and each of
 * its items. Notes, supporting information and people do not belong to it. Undefined for another resource.
 */
export function authorizationStatus(resource: FhirResource): string | undefined {
  if (!isPriorAuthorization(resource)) return undefined;
  return JSON.stringify([
    ...HEADER.map((name) => resource[name]),
    ...['item', 'addItem'].map((name) => objectsOf(resource[name]).map(decisionsOf)),
  ]);
}

const ITEM_PERIOD = /\/extension-itemPreAuthPeriod$/;
/** The end of the time for which it authorizes, ms since the epoch. Undefined if it says none. */
export function authorizedUntil(resource: Source): number | undefined {
  const periods = [
    ...objectsOf(resource['preAuthRefPeriod']),
    ...['item', 'addItem'].flatMap((name) =>
      objectsOf(resource[name]).flatMap(({ extension }) =>
        objectsOf(extension)
          .filter(({ url }) => typeof url === 'string' && ITEM_PERIOD.test(url))
          .map(({ valuePeriod }) => (isObject(valuePeriod) ? valuePeriod : {})),
      ),
    ),
  ];
  const ends = periods.flatMap(({ end }) => (typeof end === 'string' ? (dateRange(end)?.end ?? []) : []));
  return ends.length === 0 ? undefined : Math.max(...ends);
}
