import type { FigureId, Told } from './figures.ts';

/** A test that proves a rule. Its name, or that of a group around it, names the rule. */
export interface RuleTest {
  /** Its file in the repository. */
  readonly file: string;
  readonly name: string;
}
export interface Rule {
  readonly id: `R${number}`;
  /** The citation for Medicare Advantage. docs/regulation.md has those for other payers. */
  readonly source: string;
  readonly does: Told;
  /** Empty only for a rule that no program can prove. */
  readonly tests: readonly RuleTest[];
  /** Empty for a rule that has nothing to count. */
  readonly figures: readonly FigureId[];
}

const DOMAIN = 'libs/domain/src';
const AUTH = 'services/auth/src/operations';
const RESOURCES = 'services/resources/src';
const METADATA = `${RESOURCES}/operations/metadata/capability-statement.unit.spec.ts`;
const OPT_OUTS = ['opt-outs-received', 'opt-ins-received', 'opt-outs-in-force', 'opt-outs-late'] as const;

/** R1 to R26 of the project's digest of the regulation, for the monthly page and for docs/evidence.md. */
export const RULES: readonly Rule[] = [
  {
    id: 'R1',
    source: '42 CFR 422.121(a)(1)(ii)',
    does: {
      en: 'Serves FHIR R4, US Core, SMART Backend Services and Bulk Data, and says so in its CapabilityStatement.',
      es: 'Ofrece FHIR R4, US Core, SMART Backend Services y Bulk Data, y lo dice en su CapabilityStatement.',
    },
    tests: [
      {
        file: METADATA,
        name: 'R1: is a valid one of an instance of R4, and says which formats and versions it serves',
      },
    ],
    figures: ['apps-approved', 'releases'],
  },
  {
    id: 'R2',
    source: '45 CFR 170.215(d)(1)',
    does: {
      en: 'Exports a Group by $export and by $davinci-data-export, with one engine.',
      es: 'Exporta un Group con $export y con $davinci-data-export, con un solo motor.',
    },
    tests: [
      {
        file: 'services/export/test/road.int.spec.ts',
        name: 'R2: brings everything of the Group in scope, what it refers to, and nothing else',
      },
    ],
    figures: ['answers-in-time', 'answers-late'],
  },
  {
    id: 'R3',
    source: '45 CFR 170.215, 170.213',
    does: {
      en: 'Checks resources by the profiles of US Core 6.1.0 and 3.1.1, and takes scopes of SMART version 1 and 2.',
      es: 'Revisa los recursos con los perfiles de US Core 6.1.0 y 3.1.1, y acepta permisos de SMART 1 y 2.',
    },
    tests: [
      { file: 'libs/fhir/src/profiles/profiles.unit.spec.ts', name: 'R3: the profiles of US Core 6.1.0' },
      { file: `${DOMAIN}/smart/scopes.unit.spec.ts`, name: 'R3: parseScope' },
    ],
    figures: [],
  },
  {
    id: 'R4',
    source: '42 CFR 422.119(c)(4)',
    does: {
      en: 'Names the versions of the guides that it meets, and no version that a test has not shown.',
      es: 'Nombra las versiones de las guías que cumple, y ninguna que una prueba no haya mostrado.',
    },
    tests: [
      {
        file: METADATA,
        name: 'E80, R4: claims a guide together with its statement, and none of which something is lacking',
      },
    ],
    figures: [],
  },
  {
    id: 'R5',
    source: '42 CFR 422.119(c)(3)',
    does: {
      en: 'Checks codes of required value sets when an event arrives, and reports what is wrong by feed.',
      es: 'Revisa los códigos obligatorios cuando llega un evento, e informa de los errores por fuente.',
    },
    tests: [{ file: 'libs/fhir/src/bindings.unit.spec.ts', name: 'R5: required bindings of base R4' }],
    figures: [],
  },
  {
    id: 'R6',
    source: '42 CFR 422.119(c)(2)',
    does: {
      en: 'A probe walks from the token to the download with a synthetic member. The audit is sealed each day.',
      es: 'Una sonda va del token a la descarga con un afiliado sintético. La auditoría se sella cada día.',
    },
    tests: [{ file: 'e2e/src/probe.e2e.spec.ts', name: 'R6: walks the whole road and says how each step went' }],
    figures: ['refusals', 'looks'],
  },
  {
    id: 'R7',
    source: '42 CFR 422.119(d)',
    does: {
      en: 'Shows its documentation, its OpenAPI document and its CapabilityStatement to anybody, without an account.',
      es: 'Muestra su documentación, su documento OpenAPI y su CapabilityStatement a todos, sin cuenta.',
    },
    tests: [{ file: `${AUTH}/docs/docs.int.spec.ts`, name: 'R7: a site that was built' }],
    figures: [],
  },
  {
    id: 'R8',
    source: '42 CFR 422.119(e)',
    does: {
      en: 'A reviewer decides about an app with a reason of a fixed list. A report shows decisions by reason and age.',
      es: 'Quien revisa decide con un motivo de una lista fija. Un informe muestra las decisiones por motivo y tiempo.',
    },
    tests: [
      {
        file: `${AUTH}/clients/life-of-an-app.int.spec.ts`,
        name: 'rejects only with a security code, for good, also an app in review (R8, P23, P32)',
      },
      {
        file: `${AUTH}/clients/life-of-an-app.int.spec.ts`,
        name: 'reports decisions by reason and age, also of apps that were never approved (R8, P33)',
      },
    ],
    figures: ['apps-approved', 'apps-stopped'],
  },
  {
    id: 'R9',
    source: '42 CFR 422.121(a)(2)',
    does: {
      en: 'Keeps care from 2016 on, and removes remittances and what the enrollee pays before anything is stored.',
      es: 'Guarda la atención desde 2016, y quita pagos y costos del afiliado antes de guardar.',
    },
    tests: [
      {
        file: `${DOMAIN}/pdex/redact/redact.unit.spec.ts`,
        name: 'R9: drops totals, amounts and benefit balance, and counts them by path',
      },
      { file: `${DOMAIN}/pdex/service-date.unit.spec.ts`, name: 'R9: goes, for all of it was before 2016' },
    ],
    figures: ['resources-released'],
  },
  {
    id: 'R10',
    source: '42 CFR 422.119(b)(1)',
    does: {
      en: 'Measures for each claim whether it was visible within one business day.',
      es: 'Mide para cada reclamación si fue visible en un día hábil.',
    },
    tests: [
      {
        file: `${DOMAIN}/pdex/service-levels/measure.unit.spec.ts`,
        name: 'R10: knows adjudicated claims and prior authorizations',
      },
    ],
    figures: ['claims-in-time', 'claims-late'],
  },
  {
    id: 'R11',
    source: '42 CFR 422.121(a)(2)',
    does: {
      en: 'Measures for each export whether it was complete within one business day of the request.',
      es: 'Mide para cada exportación si se completó en un día hábil después de la solicitud.',
    },
    tests: [
      {
        file: `${DOMAIN}/pdex/service-levels/business-calendar.unit.spec.ts`,
        name: 'R11: one business day after',
      },
    ],
    figures: ['answers-in-time', 'answers-late'],
  },
  {
    id: 'R12',
    source: '42 CFR 422.121(a)(2)',
    does: {
      en: 'Gives a token and data only for a provider who is in network at that moment.',
      es: 'Da un token y datos solo para un proveedor que está en la red en ese momento.',
    },
    tests: [{ file: 'services/export/test/network.int.spec.ts', name: 'R12: a provider out of network' }],
    figures: ['providers-bound', 'refusals'],
  },
  {
    id: 'R13',
    source: '42 CFR 422.121(a)(2)(i)',
    does: {
      en: 'Authenticates an app by its key, binds it to identifiers, and shows it its attributed or attested members.',
      es: 'Autentica una aplicación por su clave, y le muestra solo afiliados atribuidos o declarados.',
    },
    tests: [
      {
        file: `${AUTH}/token/token.int.spec.ts`,
        name: 'R13: gives an approved app in the network a bearer token of 300 s',
      },
      {
        file: 'services/attribution/src/attribution.int.spec.ts',
        name: 'R13: of another provider and one that does not exist are the same 404, to the byte',
      },
    ],
    figures: ['providers-bound', 'attestations', 'members-visible'],
  },
  {
    id: 'R14',
    source: '42 CFR 422.121(a)(2)(ii)',
    does: {
      en: 'Asks for opt-outs at every gate: match, kick-off, each part of an export, and download.',
      es: 'Revisa las exclusiones en cada paso: búsqueda, inicio, cada parte de una exportación y descarga.',
    },
    tests: [
      {
        file: 'services/export/test/opt-out-scopes.int.spec.ts',
        name: 'R14: every scope of an opt-out, inside an export',
      },
    ],
    figures: OPT_OUTS,
  },
  {
    id: 'R15',
    source: '42 CFR 422.121(a)(2)(iii)',
    does: {
      en: 'Labels sensitive codes when an event arrives, and withholds by the policy before a resource leaves.',
      es: 'Marca los códigos sensibles cuando llega un evento, y los retiene según la política.',
    },
    tests: [
      { file: `${DOMAIN}/pdex/labels/codes/tagger.unit.spec.ts`, name: 'R15: every code of the list is found' },
      {
        file: 'e2e/src/sensitive-data.e2e.spec.ts',
        name: 'R15 a claim with a code of the built-in list does not exist for a provider, and explain says why',
      },
    ],
    figures: [],
  },
  {
    id: 'R16',
    source: '42 CFR 422.121(a)(3)',
    does: {
      en: 'Attributes enrollees to providers by what the payer states, and explains each decision.',
      es: 'Atribuye afiliados a proveedores por lo que dice la aseguradora, y explica cada decisión.',
    },
    tests: [
      {
        file: 'services/attribution/src/attribution.int.spec.ts',
        name: 'R16: is found by NPI and read with its members by the client of that provider',
      },
    ],
    figures: ['members-visible'],
  },
  {
    id: 'R17',
    source: '42 CFR 422.121(a)(4)(i)',
    does: {
      en: 'An opt-out of a member or a representative works at once, has no end, and can be changed at any time.',
      es: 'La exclusión de un afiliado o representante vale al momento, no vence, y se puede cambiar siempre.',
    },
    tests: [
      {
        file: 'services/consent/src/consent.int.spec.ts',
        name: 'R17: denies at once, an opt-in permits again, and late or repeated events change nothing',
      },
    ],
    figures: OPT_OUTS,
  },
  {
    id: 'R18',
    source: '42 CFR 422.121(a)(4)(ii)',
    does: {
      en: 'Lists notices before they are due, records what was sent, and shows the notice on a public page.',
      es: 'Lista los avisos antes de su plazo, registra los enviados, y muestra el aviso en una página pública.',
    },
    tests: [
      {
        file: 'services/attribution/src/notices.int.spec.ts',
        name: 'R18, N30, N31, N32: first, on enrolment, and yearly',
      },
      { file: `${AUTH}/public-pages/public-pages.int.spec.ts`, name: '/notice (R18, N33, N42)' },
    ],
    figures: ['notices-sent', 'notices-due'],
  },
  {
    id: 'R19',
    source: '42 CFR 422.121(a)(5)',
    does: {
      en: 'A public page tells providers how to ask for data, and how attribution works here.',
      es: 'Una página pública dice a los proveedores cómo pedir datos y cómo funciona la atribución.',
    },
    tests: [
      {
        file: `${AUTH}/public-pages/public-pages.int.spec.ts`,
        name: 'R19: says how to ask, how attribution works here, and which lines are open',
      },
    ],
    figures: [],
  },
  {
    id: 'R20',
    source: '42 CFR 422.119(b)(1)(iv)(A)',
    does: {
      en: 'Serves prior authorizations with their decision, dates, units and denial reason, and without drugs.',
      es: 'Ofrece autorizaciones previas con decisión, fechas, unidades y motivo, y sin medicamentos.',
    },
    tests: [
      {
        file: `${DOMAIN}/pdex/redact/prior-authorizations.unit.spec.ts`,
        name: 'R20: keeps units, denial and decision',
      },
      {
        file: `${RESOURCES}/intake/drugs.int.spec.ts`,
        name: 'R20, S3, N70: a mixed prior authorization keeps its services, and the receipt says what it lost',
      },
    ],
    figures: ['denial-reasons-missing'],
  },
  {
    id: 'R21',
    source: '42 CFR 422.119(b)(1)(iv)(B)',
    does: {
      en: 'Measures each change of a prior authorization, and keeps it a year after its last change of status.',
      es: 'Mide cada cambio de una autorización previa, y la guarda un año después del último cambio.',
    },
    tests: [
      {
        file: `${RESOURCES}/intake/retire-authorizations.int.spec.ts`,
        name: 'counts from the last change of the status, and not of anything else (R21)',
      },
    ],
    figures: ['authorizations-in-time', 'authorizations-late'],
  },
  {
    id: 'R22',
    source: '42 CFR 422.122(a)',
    does: {
      en: 'Serves the specific reason of a denial as the payer sent it, and lists denials that lack one.',
      es: 'Ofrece el motivo de una negación como lo envió la aseguradora, y lista las que no lo tienen.',
    },
    tests: [
      {
        file: `${RESOURCES}/operations/feeds/feeds.int.spec.ts`,
        name: 'R22: lists denied prior authorizations without a reason, with or without a declared profile',
      },
    ],
    figures: ['denial-reasons-missing'],
  },
  {
    id: 'R23',
    source: '42 CFR 422.119(f), CMS-0062-P',
    does: {
      en: 'Counts releases, resources and refusals each month, although no usage metric is required yet.',
      es: 'Cuenta entregas, recursos y rechazos cada mes, aunque todavía no se exige ninguna medida de uso.',
    },
    tests: [
      {
        file: 'services/attribution/src/evidence.int.spec.ts',
        name: 'R23: counts releases, resources, refusals and looks of the month',
      },
    ],
    figures: ['releases', 'resources-released', 'refusals'],
  },
  {
    id: 'R24',
    source: '45 CFR 156.222(c)',
    does: {
      en: 'Shares a line of business from its start date on, by a table of plans.',
      es: 'Comparte una línea de negocio desde su fecha de inicio, con una tabla de planes.',
    },
    tests: [{ file: `${DOMAIN}/access/lines.unit.spec.ts`, name: 'R24: decide, with lines of business' }],
    figures: [],
  },
  {
    id: 'R25',
    source: 'preamble of CMS-0057-F',
    does: {
      en: 'Nothing here makes a provider use the API. This rule is about what the payer asks of providers.',
      es: 'Nada aquí obliga a un proveedor a usar la API. Esta regla trata de lo que pide la aseguradora.',
    },
    tests: [],
    figures: [],
  },
  {
    id: 'R26',
    source: '42 CFR 422.119(a)',
    does: {
      en: 'Shows nobody without current coverage. Access stops when the coverage ends.',
      es: 'No muestra a nadie sin cobertura vigente. El acceso termina con la cobertura.',
    },
    tests: [{ file: `${DOMAIN}/access/decide.unit.spec.ts`, name: 'R26 no coverage' }],
    figures: ['members-visible'],
  },
];
