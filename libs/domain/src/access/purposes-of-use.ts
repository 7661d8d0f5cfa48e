/**
 * The purposes of use for which this API gives no data: HL7 v3-PurposeOfUse (v3-ActReason 2018-08-12, FHIR R4 4.0.1,
 * CC0) without TREAT, what is below it, and the root above it. `purposes-of-use.unit.spec.ts` compares the table with
 * HL7's package, where it is present.
 */
const ELSEWHERE: ReadonlySet<string> = new Set(
  `HMARKT
  HOPERAT CAREMGT DONAT FRAUD GOV HACCRED HCOMPL HDECD HDIRECT HDM HLEGAL HOUTCOMS HPRGRP HQUALIMP HSYSADMIN LABELING
  METAMGT MEMADMIN MILCDM PATADMIN PATSFTY PERFMSR RECORDMGT SYSDEV HTEST TRAIN
  HPAYMT CLMATTCH COVAUTH COVERAGE ELIGDTRM ELIGVER ENROLLM MILDCRG REMITADV
  HRESCH BIORCH CLINTRCH CLINTRCHNPC CLINTRCHPC PRECLINTRCH DSRCH POARCH TRANSRCH
  PATRQT FAMRQT PWATRNY SUPNWK
  PUBHLTH DISASTER THREAT`.split(/\s+/),
);

/**
 * Whether a code is a known purpose of use that has nothing to do with treatment (N5). False for TREAT, a code above or
 * below it, a code that does not exist, and free text.
 */
export const isElsewhere = (purpose: string): boolean => ELSEWHERE.has(purpose);

/** TREAT with what is above and below it. */
const TREATMENT: ReadonlySet<string> = new Set('PurposeOfUse TREAT CLINTRL COC ETREAT BTG ERTREAT POPHLTH'.split(' '));
/** Whether a code is in HL7's value set v3-PurposeOfUse. */
export const isPurposeOfUse = (code: string): boolean => ELSEWHERE.has(code) || TREATMENT.has(code);
