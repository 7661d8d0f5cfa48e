/**
 * The next step of a client that asks for an export of all patients or of the whole system. The rule and PDex know
 * exports of a Group only (docs/regulation.md#exports).
 */
export const EXPORT_IS_PER_GROUP =
  'Exports are per Group: there is none of all patients or of the whole system. Find your Group with ' +
  'GET /fhir/Group?identifier=http://hl7.org/fhir/sid/us-npi|NPI (your NPI), then start the export with ' +
  'GET /fhir/Group/ID/$export (the id of the Group).';
