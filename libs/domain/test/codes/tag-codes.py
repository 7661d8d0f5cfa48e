"""Tags resources by CMS's list of codes, written from the rule alone: it shares nothing with the platform.

Usage: python3 tag-codes.py LIST RESOURCES
LIST is security_labels.yml of CMSgov/beneficiary-fhir-data, or a JSON list of [system, code, start, end]. RESOURCES is
a file with one FHIR resource a line. Prints one line for each: a JSON list of the codes of the list that it has, as
"SYSTEM CODE" without dots. Codes of CPT are left out, because the built-in list of the platform lacks them.
"""
import json
import re
import sys

# OIDs: HL7's registry of code systems. URLs: HL7 terminology (THO) and CARIN. Letters: X12 837, element 1270 and 235.
SYSTEMS = {
    "icd10cm": ["hl7.org/fhir/sid/icd-10-cm", "hl7.org/fhir/sid/icd-10", "2.16.840.1.113883.6.90", "icd-10-cm", "abk",
                "abf", "abj", "apr", "codesystem.x12.org/external/897"],
    "icd10pcs": ["cms.gov/medicare/coding/icd10", "hl7.org/fhir/sid/icd-10-pcs", "2.16.840.1.113883.6.4", "bbr", "bbq",
                 "icd-10-pcs"],
    "icd9cm": ["hl7.org/fhir/sid/icd-9-cm", "2.16.840.1.113883.6.103", "bk", "bf",
               "hl7.org/fhir/sid/icd-9-cm/diagnosis"],
    "icd9pcs": ["cms.gov/medicare/coding/icd9", "2.16.840.1.113883.6.104", "hl7.org/fhir/sid/icd-9-cm", "br", "bq"],
    "hcpcs": ["cms.gov/medicare/coding/hcpcsreleasecodesets", "2.16.840.1.113883.6.285", "2.16.840.1.113883.6.14",
              "ama-assn.org/go/cpt", "2.16.840.1.113883.6.12", "hc", "hcpcs",
              "terminology.hl7.org/codesystem/hcpcs-all"],
    "msdrg": ["cms.gov/medicare/medicare-fee-for-service-payment/acuteinpatientpps/"
              "ms-drg-classifications-and-software", "2.16.840.1.113883.6.301", "dr"],
}


def bare(system):
    system = re.sub(r"^(urn:oid:|https?://(www\.)?)", "", system.strip().lower())
    return re.sub(r"/+$", "", system.split("|")[0])


def kinds(system):
    """The code systems that a name means; None for no name: the code can be of any."""
    if not system:
        return None
    return {kind for kind, names in SYSTEMS.items() if bare(system) in names}


def short(code):
    return re.sub(r"[^A-Za-z0-9]", "", code).upper()


def entries(path):
    text = open(path, encoding="utf-8").read()
    if path.endswith(".json"):
        for system, code, start, end in json.loads(text):
            yield system, code, start, end
        return
    for block in re.split(r"(?m)^- ", text)[1:]:
        found = dict(re.findall(r"(?m)^\s*(\w+): (.*)$", block))
        yield found["system"], found["code"], found["startDate"], found["endDate"]


def codings(node):
    if isinstance(node, list):
        for one in node:
            yield from codings(one)
    elif isinstance(node, dict):
        if isinstance(node.get("code"), str):
            yield node.get("system"), node["code"]
        for value in node.values():
            yield from codings(value)


def main():
    listed = {}
    for system, code, start, end in entries(sys.argv[1]):
        if "ama-assn" not in system:
            for kind in kinds(system):
                listed.setdefault(short(code), []).append((kind, start, end, kinds(system)))
    for line in open(sys.argv[2], encoding="utf-8"):
        resource = json.loads(line)
        period = resource.get("billablePeriod") or {}
        first = period.get("start", "")[:10]
        last = period.get("end", "")[:10]
        found = set()
        for system, code in codings(resource):
            given = kinds(system)
            for kind, start, end, _ in listed.get(short(code), []):
                if given is not None and kind not in given:
                    continue
                if first and last and (last < start or first > end):
                    continue
                found.add(f"{kind} {short(code)}")
        print(json.dumps(sorted(found)))


main()
