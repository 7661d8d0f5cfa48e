import { createHash } from 'node:crypto';
import { Enums, Models, Serialize, Spec, SPDX } from '@cyclonedx/cyclonedx-library';
import type { Piece } from './piece.ts';

const {
  Bom,
  Component,
  ComponentRepository,
  HashDictionary,
  LicenseExpression,
  LicenseRepository,
  Metadata,
  Property,
  PropertyRepository,
  SpdxLicense,
  Tools,
} = Models;

const TYPES = {
  ours: Enums.ComponentType.Library,
  npm: Enums.ComponentType.Library,
  bundled: Enums.ComponentType.Library,
  node: Enums.ComponentType.Platform,
  system: Enums.ComponentType.Library,
} as const;

export interface Product {
  readonly name: string;
  readonly version: string;
  readonly licence: string;
  /** Refs of what the roles start from. */
  readonly dependsOn: readonly string[];
}

/**
 * The bill of materials as CycloneDX 1.6 JSON. The same pieces give the same bytes: the serial number is a hash of
 * them, and the time is `seconds` (absent if undefined).
 */
export function billOfMaterials(product: Product, pieces: readonly Piece[], seconds: number | undefined): string {
  const component = new Component(Enums.ComponentType.Application, product.name, {
    bomRef: product.name,
    version: product.version,
    licenses: licences(product.licence),
    purl: `pkg:generic/${product.name}@${product.version}`,
  });
  const components = new Map(pieces.map((piece) => [piece.ref, componentOf(piece)]));
  const depend = (from: Models.Component, on: readonly string[]): void => {
    for (const ref of on) {
      const target = components.get(ref);
      if (target === undefined) throw new Error(`${from.name} needs ${ref}, which is not in the image`);
      from.dependencies.add(target.bomRef);
    }
  };
  depend(component, product.dependsOn);
  for (const piece of pieces) depend(components.get(piece.ref)!, piece.dependsOn);
  const maker = new Component(Enums.ComponentType.Application, 'image:rootfs', {
    group: product.name,
    version: product.version,
  });
  const bom = new Bom({
    serialNumber: serialNumber(product, pieces),
    metadata: new Metadata({
      ...(seconds !== undefined && { timestamp: new Date(seconds * 1000) }),
      component,
      tools: new Tools({ components: new ComponentRepository([maker]) }),
    }),
    components: new ComponentRepository(components.values()),
  });
  const serializer = new Serialize.JsonSerializer(new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6));
  return `${serializer.serialize(bom, { sortLists: true, space: 1 })}\n`;
}

function componentOf(piece: Piece): Models.Component {
  const [group, name] = piece.name.startsWith('@') ? piece.name.split('/') : [undefined, piece.name];
  const inside = Object.entries(piece.contains ?? {}).map(
    ([part, version]) => new Component(Enums.ComponentType.Library, part, { bomRef: `${piece.ref}#${part}`, version }),
  );
  return new Component(TYPES[piece.kind], name!, {
    bomRef: piece.ref,
    group,
    version: piece.version,
    description: piece.description,
    purl: piece.purl,
    cpe: piece.cpe as Models.Component['cpe'],
    licenses: licences(piece.licence),
    scope: Enums.ComponentScope.Required,
    hashes: new HashDictionary(piece.sha512 === undefined ? [] : [[Enums.HashAlgorithm['SHA-512'], piece.sha512]]),
    properties: new PropertyRepository(piece.paths.map((path) => new Property('provider-access:path', path))),
    components: new ComponentRepository(inside),
  });
}

const licences = (licence: string): Models.LicenseRepository =>
  new LicenseRepository([SPDX.isSupportedSpdxId(licence) ? new SpdxLicense(licence) : new LicenseExpression(licence)]);

/** A UUID (version 8, from our own hash) of the contents. */
function serialNumber(product: Product, pieces: readonly Piece[]): string {
  const hex = createHash('sha256')
    .update(JSON.stringify([product, pieces.map(({ ref, purl, sha512, contains }) => [ref, purl, sha512, contains])]))
    .digest('hex');
  const [first, second, third, fourth] = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(13, 16), hex.slice(17, 20)];
  return `urn:uuid:${first}-${second}-8${third}-a${fourth}-${hex.slice(20, 32)}`;
}
