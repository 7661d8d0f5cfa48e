import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Answer, condition, House } from '../../../test/harness.ts';

/**
 * The attack list of N2 and N3, made by hand before the code: labels that somebody may write for 42 CFR Part 2, other
 * privacy laws, sensitivity and confidentiality, and every place where R4 or DS4P has a label. None may release its
 * resource without a word.
 */
const CODES = 'http://terminology.hl7.org/CodeSystem';
const ACT = `${CODES}/v3-ActCode`;
const CONF = `${CODES}/v3-Confidentiality`;
const PAYER = 'https://payer.example/labels';
const INLINE = 'http://hl7.org/fhir/uv/security-label-ds4p/StructureDefinition/extension-inline-sec-label';

interface Coding {
  readonly system?: string;
  readonly code?: string;
  readonly display?: string;
}
const of = (system: string | undefined, ...codes: string[]): Coding[] =>
  codes.map((code) => ({ ...(system !== undefined && { system }), code }));

const WITHHELD: readonly Coding[] = [
  // The code of the privacy law: blanks, hyphens, signs, case.
  ...of(ACT, '42 CFR Part 2', '42CFR-Part2', '42CFR_Part2', '42cfrpart2', '42 cfr pt. 2', '42 C.F.R. Part 2'),
  // Invisible characters: zero width, joiners, soft hyphen, byte order mark, bidirectional marks, variation selector.
  ...of(ACT, '42CFR\u200bPart2', '42CFR\u00adPart2', '42CFRPart2\u200e', '42\u2060CFRPart2', 'H\u200dIV'),
  ...of(ACT, 'HIV\ufe0f', '42CFR\u00a0Part\u30002', '42CFR\u2011Part2', '42CFR\u2013Part2', '42\tCFR\nPart2'),
  // Full-width and other forms of letters and digits.
  ...of(ACT, '４２ＣＦＲＰａｒｔ２', 'ＨＩＶ', '𝐇𝐈𝐕', '42CFRPart②', '42 CFR Part Ⅱ'),
  // Wrong, unknown and missing systems.
  ...of(undefined, '42CFRPart2', 'HIV', 'R', 'v', '42 CFR Part 2'),
  ...of('urn:', 'SUD'),
  ...of(
    PAYER,
    '42CFRPart2',
    '42 CFR Part 2',
    'Title38Section7332',
    'HIPAA-Psy-Notes',
    'psychotherapy notes',
    'Restricted',
  ),
  ...of(PAYER, 'very restricted', 'HIV/AIDS information sensitivity', 'substance abuse'),
  ...of('http://hl7.org/fhir/v3-ActCode', '42CFRPart2', 'HIV'),
  ...of('http://terminology.hl7.org/CodeSystem/ActCode', 'ETH'),
  ...of('http://terminology.hl7.org/v3-ActCode', 'PSY'),
  ...of('https://payer.example/fhir/CodeSystem/v3-ActCode', 'SDV'),
  ...of('http://terminology.hl7.org/CodeSystem/v3-ActCodes', 'STD'),
  ...of('ActCode', 'MH'),
  ...of('urn:oid:2.16.840.1.113883.5.4.1', 'BH'),
  ...of('http://terminology.hl7.org/CodeSystem/v3-ActCode\u200b', 'GDIS'),
  ...of(`${CODES}/v3-Act_Code`, 'SICKLE'),
  ...of(CONF, '42CFRPart2', 'HIV', 'ETH'),
  // Confidentiality.
  ...of(CONF, 'r', 'Restricted', 'RESTRICTED', 'Very Restricted', 'very-restricted', 'Ｖ', 'Ｒ'),
  ...of(ACT, 'R', 'V'),
  ...of('Confidentiality', 'R'),
  ...of('http://hl7.org/fhir/v3/Confidentialty', 'V'),
  ...of('http://terminology.hl7.org/CodeSystem/v3-ConfidentialityClassification', 'R'),
  ...of('2.16.840.1.113883.1.11.10228', 'V'),
  // The text beside another code, and no code.
  { system: PAYER, code: 'p2', display: '42 CFR Part 2' },
  { system: CONF, code: 'N', display: 'Very restricted' },
  { display: '42CFRPart2' },
  { system: ACT },
  { system: ACT, code: '\u200b' },
];
/** Codes and systems that R4 does not allow: the resource becomes a dead letter. */
const MALFORMED: readonly Coding[] = [
  ...of(ACT, ' 42CFRPart2 ', '\ufeff42CFRPart2'),
  ...of(CONF, 'V '),
  ...of('', 'SUD'),
  ...of(`${CODES}/v3-Act Code`, 'SICKLE'),
];
/** Nobody but the payer knows what these mean. */
const REPORTED: readonly Coding[] = [
  ...of(PAYER, 'R', 'HIV', 'sensitive', 'state-law', 'Part2Data'),
  ...of(ACT, 'НІV', 'HIVV', '42CFRPart3', 'NODSCLCD'),
  ...of('urn:oid:2.16.840.1.113883.3.999.1', 'V'),
];
/** What payers write on ordinary resources. */
const ORDINARY: readonly Coding[] = [
  ...of(CONF, 'N', 'L', 'M', 'U', 'normal'),
  ...of(undefined, 'N'),
  ...of(ACT, 'TBOO', 'VIP'),
  ...of(`${CODES}/v3-ActReason`, 'TREAT'),
];

const resource = (id: string, extra: object) => condition('m1', id, extra);
const inside = (id: string, ...contained: object[]) =>
  resource(id, {
    contained: contained.map((one, i) => ({ id: `x${i}`, ...one })),
    extension: contained.map((_, i) => ({ url: 'https://payer.example/of', valueReference: { reference: `#x${i}` } })),
  });
const note = (extra: object) => ({
  resourceType: 'DocumentReference',
  status: 'current',
  content: [{ attachment: { title: 'note' } }],
  ...extra,
});
const contract = (part: object) => ({
  resourceType: 'Contract',
  term: [{ offer: { text: 'x' }, securityLabel: [part] }],
});
const inner = (coding: Coding) => ({ resourceType: 'Basic', code: { text: 'x' }, meta: { security: [coding] } });

/** Where a label may stand, as a resource with this id. */
const PLACES: Readonly<Record<string, (coding: Coding, id: string) => object>> = {
  meta: (coding, id) => resource(id, { meta: { security: [coding] } }),
  'meta, after an ordinary one': (coding, id) =>
    resource(id, { meta: { security: [{ system: CONF, code: 'N' }, coding] } }),
  'meta of a contained resource': (coding, id) => inside(id, inner(coding)),
  'meta within a contained Bundle': (coding, id) =>
    inside(id, { resourceType: 'Bundle', type: 'collection', entry: [{ resource: inner(coding) }] }),
  'meta within contained Parameters': (coding, id) =>
    inside(id, { resourceType: 'Parameters', parameter: [{ name: 'a', resource: inner(coding) }] }),
  'an inline label': (coding, id) => resource(id, { extension: [{ url: INLINE, valueCoding: coding }] }),
  'an inline label of a primitive': (coding, id) =>
    resource(id, { _recordedDate: { extension: [{ url: INLINE, valueCoding: coding }] } }),
  'an inline label under another base': (coding, id) =>
    resource(id, {
      note: [
        {
          text: 'x',
          extension: [{ url: INLINE.replace(/^.*(?=ext)/, 'https://payer.example/'), valueCoding: coding }],
        },
      ],
    }),
  'DocumentReference.securityLabel': (coding, id) =>
    note({ id, subject: { reference: 'Patient/m1' }, securityLabel: [{ coding: [coding] }] }),
  'a second coding of DocumentReference.securityLabel': (coding, id) =>
    note({
      id,
      subject: { reference: 'Patient/m1' },
      securityLabel: [{ coding: [{ system: CONF, code: 'N' }, coding] }],
    }),
  'securityLabel of a contained DocumentReference': (coding, id) =>
    inside(id, note({ securityLabel: [{ coding: [coding] }] })),
  'Contract.term.securityLabel': (coding, id) => inside(id, contract({ classification: coding })),
  'Contract.term.securityLabel.control': (coding, id) =>
    inside(id, contract({ classification: { system: CONF, code: 'N' }, control: [coding] })),
  'AuditEvent.entity.securityLabel': (coding, id) =>
    inside(id, {
      ...{ resourceType: 'AuditEvent', type: { code: 'rest' }, recorded: '2024-01-01T00:00:00Z' },
      ...{ agent: [{ requestor: false }], source: { observer: { display: 'x' } } },
      entity: [{ securityLabel: [coding] }],
    }),
};
interface Receipt {
  readonly counts: Record<string, number>;
  readonly unknownLabels: Record<string, number>;
}
/** A code without a system, which only this place has. */
const composition = (confidentiality: unknown, id: string) =>
  inside(id, {
    ...{ resourceType: 'Composition', status: 'final', type: { text: 'x' }, date: '2024-01-01' },
    ...{ author: [{ display: 'x' }], title: 'x', confidentiality },
  });

describe('a label that is nearly right', () => {
  let house: House;
  let token: string;
  beforeAll(async () => {
    house = await House.open();
    await house.approve('app1');
    await house.attribute('m1');
    token = await house.token('app1');
  });
  afterAll(() => house.close());

  const typeOf = (one: object): string => (one as { resourceType: string }).resourceType;
  const idOf = (one: object): string => (one as { id: string }).id;
  const read = (one: object): Promise<Answer> => house.call('GET', `/fhir/${typeOf(one)}/${idOf(one)}`, { token });
  /** The names of what was not withheld, in the place and the spelling, and the labels that the receipt counts. */
  const publish = async (resources: readonly object[]): Promise<{ served: string[] } & Receipt> => {
    const { receipt } = await house.publish(resources.map((one) => ({ subject: 'm1', resource: one })));
    await house.settled();
    const answers: Answer[] = [];
    for (const one of resources) answers.push(await read(one));
    expect([200, 404]).toEqual(expect.arrayContaining([...new Set(answers.map(({ status }) => status))]));
    return {
      served: resources.filter((_, i) => answers[i]!.status !== 404).map(idOf),
      ...(receipt as Receipt),
    };
  };
  let n = 0;
  const ids = new Map<string, string>();
  const idFor = (coding: Coding): string => {
    const id = `a${(n += 1)}`;
    ids.set(id, JSON.stringify(coding));
    return id;
  };

  it.each(Object.entries(PLACES))('withholds in %s', async (_place, at) => {
    expect(WITHHELD.length).toBeGreaterThanOrEqual(60);
    const { served, unknownLabels, counts } = await publish(WITHHELD.map((coding) => at(coding, idFor(coding))));
    expect(counts).toEqual({ recorded: WITHHELD.length });
    expect(served.map((id) => ids.get(id))).toEqual([]);
    // A code with a text may have a label that nobody knows beside the one that withholds.
    expect(unknownLabels).toEqual({ [`${PAYER}|p2`]: 1 });
    const malformed = await publish(MALFORMED.map((coding) => at(coding, idFor(coding))));
    expect(malformed).toMatchObject({ served: [], counts: { parked: MALFORMED.length } });
  });
  it.each(Object.entries(PLACES))('is served and counted, or served as ordinary, in %s', async (_place, at) => {
    const { served, unknownLabels } = await publish(REPORTED.map((coding) => at(coding, idFor(coding))));
    expect(served).toHaveLength(REPORTED.length);
    expect(Object.values(unknownLabels)).toEqual(REPORTED.map(() => 1));
    const ordinary = await publish(ORDINARY.map((coding) => at(coding, idFor(coding))));
    expect(ordinary).toMatchObject({ counts: { recorded: ORDINARY.length }, unknownLabels: {} });
    expect(ordinary.served).toHaveLength(ORDINARY.length);
  });
  it('withholds in Composition.confidentiality', async () => {
    const withheld = ['R', 'V', 'r', 'Restricted', 'very restricted', 'Ｒ', '42CFRPart2', 'HIV'];
    expect((await publish(withheld.map((code) => composition(code, idFor({ code }))))).served).toEqual([]);
    expect((await publish(['N', 'L'].map((code) => composition(code, idFor({ code }))))).served).toHaveLength(2);
  });
  it('is escaped in the receipt and the report of feeds, and there once for a resource', async () => {
    const coding = { system: PAYER, code: 'a\u200bb' };
    const { unknownLabels: counted } = await publish([inside('escaped', inner(coding), inner(coding))]);
    expect(counted).toEqual({ [`${PAYER}|a\\u{200b}b`]: 1 });
    const labels = async (): Promise<Record<string, number>> => {
      const report = await house.call('GET', '/ops/feeds', { token: house.payerToken });
      const { feeds } = report.json<{ feeds: { type: string; unknownLabels: { label: string; count: number }[] }[] }>();
      const ofConditions = feeds
        .filter(({ type }) => type === 'Condition')
        .flatMap(({ unknownLabels }) => unknownLabels);
      return Object.fromEntries(ofConditions.map(({ label, count }) => [label, count]));
    };
    const places = Object.keys(PLACES).filter((place) => !/^(a second coding of )?DocumentReference/.test(place));
    // The report has a view of its own, for which no request waits.
    await expect.poll(labels).toMatchObject({ [`${PAYER}|a\\u{200b}b`]: 1, [`${PAYER}|state-law`]: places.length });
  });
});
