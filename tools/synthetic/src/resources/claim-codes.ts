import { flat } from '../flat.ts';
import { C4BB_CODES, CDT, coded, CPT, ICD10, kept, NDC, NUBC, organization, PLACE_OF_SERVICE } from '../profiles.ts';

/** Concepts of claims by their code, and the insurer by its id. There are few of each, and claims share them. */
export const cpt = kept((code) => coded(CPT, code));
export const cdt = kept((code) => coded(CDT, code));
export const ndc = kept((code) => coded(NDC, code));
export const icd = kept((code) => coded(ICD10, code));
export const place = kept((code) => coded(PLACE_OF_SERVICE, code));
export const revenue = kept((code) => coded(flat(NUBC, 'RevenueCodes'), code));
export const bill = kept((code) => coded(flat(NUBC, 'TypeOfBill'), code));
export const roleOf = kept((role) => coded(flat(C4BB_CODES, 'C4BBClaimCareTeamRole'), role));
export const taxonomy = kept((code) => coded('http://nucc.org/provider-taxonomy', code));
export const subType = kept((kind) => coded(flat(C4BB_CODES, 'C4BBInstitutionalClaimSubType'), kind));
export const insurer = kept((id) => ({ ...organization(id), display: 'Northfield Health Plan' }));
