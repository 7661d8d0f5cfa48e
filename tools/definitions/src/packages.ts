/** A version of a package of HL7's definitions. HL7 publishes all of them under CC0 1.0. */
export interface Hl7Package {
  readonly name: string;
  readonly version: string;
  /** SHA-256 of the definitions (`digestOf`). */
  readonly sha256: string;
  /** The archive, if HL7's package server has other definitions under this name and version, or none. */
  readonly url?: string;
  /** The name of the archive in the collection `shared/data/ig`, if it differs from `NAME-VERSION.tgz`. */
  readonly file?: string;
  /** How somebody else gets these definitions, if the archive was not published by HL7 in this form. */
  readonly made?: string;
}

const fromSource = (repository: string): string =>
  `built from https://github.com/HL7/${repository} before HL7 published the version, with snapshots`;

/**
 * The packages from which the tables of `libs/fhir` are generated, and with which specs compare what the platform says
 * and does (docs/adr/0083-hl7-packages.md). Another hash means other definitions: generate the tables again, and read
 * what changed in them.
 */
export const HL7_PACKAGES = {
  R4: {
    name: 'hl7.fhir.r4.core',
    version: '4.0.1',
    sha256: 'c333b148a0e6d365e601b0faf4c82e981195964cc5c71b400d5c7b26158bd376',
  },
  US_CORE_3: {
    name: 'hl7.fhir.us.core',
    version: '3.1.1',
    sha256: '068f2d17a53bc697130e9eab2fbf25e958ee09497f2d9cee23be38070d45d885',
    file: 'us_core_311.tgz',
  },
  US_CORE_6: {
    name: 'hl7.fhir.us.core',
    version: '6.1.0',
    sha256: 'c346d9ada67bb1a4210da572bc8fc019cd6e1939915d178c6ab842c7fe88056d',
    url:
      'https://raw.githubusercontent.com/inferno-framework/us-core-test-kit/' +
      '95e8fff343e8f7ca7731fa1280f17e2bd157d275/lib/us_core_test_kit/igs/us_core_610.tgz',
    file: 'us_core_610.tgz',
  },
  US_CORE_7: {
    name: 'hl7.fhir.us.core',
    version: '7.0.0',
    sha256: '4eaab3e24177c0343794c6e2c3848d970afd7d3943fce6f4f6fd2d64e8888323',
    url:
      'https://raw.githubusercontent.com/inferno-framework/us-core-test-kit/' +
      'ec9371254db3ca84646ad36a28d75d8352b97be2/data/igs/us_core_700.tgz',
    file: 'us_core_700.tgz',
  },
  CARIN_BB_2_1: {
    name: 'hl7.fhir.us.carin-bb',
    version: '2.1.0',
    sha256: '6a48a61f5a6b81071dc6b9429994620369b38bb824895d9774096c172444a274',
    file: 'carin-bb-2.1.0.tgz',
    made: fromSource('carin-bb'),
  },
  CARIN_BB_2_2: {
    name: 'hl7.fhir.us.carin-bb',
    version: '2.2.0',
    sha256: '8004868d04d3a2df45f912084f268dedd7b64372b7b74093b521a688b8d5a5ea',
    file: 'carin-bb-2.2.0-sushi.tgz',
    made: fromSource('carin-bb'),
  },
  PDEX: {
    name: 'hl7.fhir.us.davinci-pdex',
    version: '2.2.0',
    sha256: '755e2ed3b2d18149c95dff3f347bd88e7ec0587b0e93f267a5dfdb41b9443f1f',
    file: 'pdex-2.2.0.tgz',
    made: fromSource('davinci-epdx'),
  },
  ATR: {
    name: 'hl7.fhir.us.davinci-atr',
    version: '2.1.0',
    sha256: 'a27ced8da06361b59fc83e9810826628a9d607a29a5f29b53e8f0905623f042f',
    file: 'atr-2.1.0.tgz',
    made: 'the definitions of https://github.com/HL7/davinci-atr (input/resources), converted from XML',
  },
} as const satisfies Record<string, Hl7Package>;
