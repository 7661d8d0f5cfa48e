/**
 * Codes that the generator draws from. ICD-10-CM, SNOMED CT and LOINC codes as US Core's examples and value sets use
 * them.
 */
export interface Disease {
  readonly icd: string;
  readonly snomed: string;
  readonly text: string;
  readonly chronic: boolean;
  readonly from: number;
}
export const DISEASES: readonly Disease[] = [
  { icd: 'I10', snomed: '59621000', text: 'Essential hypertension', chronic: true, from: 30 },
  { icd: 'E11.9', snomed: '44054006', text: 'Type 2 diabetes mellitus', chronic: true, from: 35 },
  { icd: 'E78.5', snomed: '55822004', text: 'Hyperlipidemia', chronic: true, from: 35 },
  { icd: 'J45.909', snomed: '195967001', text: 'Asthma', chronic: true, from: 3 },
  { icd: 'M17.9', snomed: '239873007', text: 'Osteoarthritis of knee', chronic: true, from: 50 },
  { icd: 'I25.10', snomed: '53741008', text: 'Coronary arteriosclerosis', chronic: true, from: 55 },
  { icd: 'J44.9', snomed: '13645005', text: 'Chronic obstructive lung disease', chronic: true, from: 55 },
  { icd: 'N18.30', snomed: '433144002', text: 'Chronic kidney disease stage 3', chronic: true, from: 60 },
  { icd: 'F32.A', snomed: '35489007', text: 'Depressive disorder', chronic: true, from: 16 },
  { icd: 'K21.9', snomed: '235595009', text: 'Gastroesophageal reflux disease', chronic: true, from: 25 },
  { icd: 'J06.9', snomed: '54150009', text: 'Upper respiratory infection', chronic: false, from: 1 },
  { icd: 'N39.0', snomed: '68566005', text: 'Urinary tract infectious disease', chronic: false, from: 12 },
  { icd: 'M54.50', snomed: '279039007', text: 'Low back pain', chronic: false, from: 18 },
  { icd: 'H66.90', snomed: '65363002', text: 'Otitis media', chronic: false, from: 1 },
  { icd: 'S93.401A', snomed: '44465007', text: 'Sprain of ankle', chronic: false, from: 8 },
  { icd: 'L30.9', snomed: '43116000', text: 'Eczema', chronic: false, from: 1 },
];

export interface Drug {
  readonly rxnorm: string;
  readonly ndc: string;
  readonly text: string;
  readonly unit: string;
  readonly cents: number;
}
const drug = (rxnorm: string, ndc: string, unit: string, cents: number, text: string): Drug => ({
  rxnorm,
  ndc,
  text,
  unit,
  cents,
});
export const DRUGS: readonly Drug[] = [
  drug('314076', '68180-0980-01', 'tablet', 1_250, 'lisinopril 10 MG Oral Tablet'),
  drug('860975', '65862-0010-01', 'tablet', 1_899, '24 HR metformin hydrochloride 500 MG Extended Release Oral Tablet'),
  drug('617311', '00378-3952-77', 'tablet', 2_210, 'atorvastatin 40 MG Oral Tablet'),
  drug('197361', '00093-0083-01', 'tablet', 990, 'amlodipine 5 MG Oral Tablet'),
  drug('312940', '16714-0613-02', 'tablet', 1_540, 'sertraline 50 MG Oral Tablet'),
  drug('198051', '62175-0118-37', 'capsule', 1_320, 'omeprazole 20 MG Delayed Release Oral Capsule'),
  drug('308182', '00093-3107-01', 'capsule', 870, 'amoxicillin 250 MG Oral Capsule'),
  drug('310965', '00904-5309-60', 'tablet', 640, 'ibuprofen 200 MG Oral Tablet'),
  drug('966247', '00074-6624-90', 'tablet', 2_980, 'levothyroxine sodium 0.05 MG Oral Tablet'),
];

export interface LabTest {
  readonly loinc: string;
  readonly text: string;
  readonly ucum: string;
  readonly low: number;
  readonly high: number;
  readonly digits: number;
}
const lab = (loinc: string, text: string, ucum: string, low: number, high: number, digits: number): LabTest => ({
  loinc,
  text,
  ucum,
  low,
  high,
  digits,
});
export interface Panel {
  readonly loinc: string;
  readonly text: string;
  readonly tests: readonly LabTest[];
}
export const PANELS: readonly Panel[] = [
  {
    loinc: '24323-8',
    text: 'Comprehensive metabolic panel',
    tests: [
      lab('2345-7', 'Glucose [Mass/volume] in Serum or Plasma', 'mg/dL', 70, 140, 0),
      lab('2160-0', 'Creatinine [Mass/volume] in Serum or Plasma', 'mg/dL', 0.6, 1.6, 2),
      lab('3094-0', 'Urea nitrogen [Mass/volume] in Serum or Plasma', 'mg/dL', 7, 25, 0),
      lab('2951-2', 'Sodium [Moles/volume] in Serum or Plasma', 'mmol/L', 134, 146, 0),
      lab('2823-3', 'Potassium [Moles/volume] in Serum or Plasma', 'mmol/L', 3.4, 5.2, 1),
      lab('17861-6', 'Calcium [Mass/volume] in Serum or Plasma', 'mg/dL', 8.4, 10.4, 1),
    ],
  },
  {
    loinc: '58410-2',
    text: 'CBC panel - Blood by Automated count',
    tests: [
      lab('6690-2', 'Leukocytes [#/volume] in Blood by Automated count', '10*3/uL', 4, 11, 1),
      lab('789-8', 'Erythrocytes [#/volume] in Blood by Automated count', '10*6/uL', 3.9, 5.6, 2),
      lab('718-7', 'Hemoglobin [Mass/volume] in Blood', 'g/dL', 11, 17, 1),
      lab('777-3', 'Platelets [#/volume] in Blood by Automated count', '10*3/uL', 140, 420, 0),
    ],
  },
  {
    loinc: '57698-3',
    text: 'Lipid panel with direct LDL - Serum or Plasma',
    tests: [
      lab('2093-3', 'Cholesterol [Mass/volume] in Serum or Plasma', 'mg/dL', 130, 260, 0),
      lab('2571-8', 'Triglyceride [Mass/volume] in Serum or Plasma', 'mg/dL', 60, 280, 0),
      lab('2085-9', 'Cholesterol in HDL [Mass/volume] in Serum or Plasma', 'mg/dL', 32, 80, 0),
    ],
  },
  {
    loinc: '4548-4',
    text: 'Hemoglobin A1c/Hemoglobin.total in Blood',
    tests: [lab('4548-4', 'Hemoglobin A1c/Hemoglobin.total in Blood', '%', 4.8, 9.6, 1)],
  },
];

export interface Service {
  readonly cpt: string;
  readonly text: string;
  readonly snomed?: string;
  readonly cents: number;
}
export const OFFICE_VISITS: readonly Service[] = [
  { cpt: '99213', text: 'Office or other outpatient visit, established patient, low complexity', cents: 12_400 },
  { cpt: '99214', text: 'Office or other outpatient visit, established patient, moderate complexity', cents: 18_200 },
  { cpt: '99203', text: 'Office or other outpatient visit, new patient', cents: 21_500 },
];
export const SERVICES: readonly Service[] = [
  { cpt: '93000', text: 'Electrocardiogram, complete', snomed: '29303009', cents: 6_500 },
  { cpt: '71046', text: 'Radiologic examination, chest, 2 views', snomed: '399208008', cents: 9_300 },
  { cpt: '97110', text: 'Therapeutic exercises', snomed: '229070002', cents: 7_100 },
  { cpt: '36415', text: 'Collection of venous blood by venipuncture', snomed: '82078001', cents: 1_400 },
  { cpt: '45378', text: 'Colonoscopy, diagnostic', snomed: '73761001', cents: 92_000 },
  { cpt: '20610', text: 'Arthrocentesis, major joint', snomed: '397956004', cents: 15_800 },
  { cpt: '94010', text: 'Spirometry', snomed: '127783003', cents: 8_200 },
  { cpt: '80053', text: 'Comprehensive metabolic panel', cents: 3_900 },
  { cpt: '85025', text: 'Complete blood count, automated', cents: 2_600 },
];
/**
 * Services that need prior authorization: X12 service type, CPT. No drugs (docs/regulation.md#prior-authorizations).
 */
export const AUTHORIZED: readonly { type: string; cpt: string; text: string }[] = [
  { type: '62', cpt: '70551', text: 'MRI brain without contrast' },
  { type: '62', cpt: '72148', text: 'MRI lumbar spine without contrast' },
  { type: '1', cpt: '97110', text: 'Therapeutic exercises' },
  { type: '2', cpt: '27447', text: 'Total knee arthroplasty' },
  { type: '3', cpt: '99205', text: 'Specialist consultation' },
  { type: '73', cpt: '95811', text: 'Polysomnography with positive airway pressure' },
];
export type Vaccine = readonly [cvx: string, text: string];
export const VACCINES: readonly Vaccine[] = [
  ['140', 'Influenza, seasonal, injectable, preservative free'],
  ['115', 'Tdap'],
  ['33', 'Pneumococcal polysaccharide PPV23'],
  ['187', 'Zoster vaccine recombinant'],
  ['208', 'COVID-19, mRNA, LNP-S, PF, 30 mcg/0.3 mL dose'],
];
export type Allergy = readonly [snomed: string, text: string, category: string];
export const ALLERGIES: readonly Allergy[] = [
  ['91936005', 'Allergy to penicillin', 'medication'],
  ['91934008', 'Allergy to nut', 'food'],
  ['300916003', 'Allergy to latex', 'environment'],
  ['294505008', 'Allergy to amoxicillin', 'medication'],
];
export const NOTE_TYPES = [
  ['11506-3', 'Progress note'],
  ['34117-2', 'History and physical note'],
  ['11488-4', 'Consult note'],
] as const;
