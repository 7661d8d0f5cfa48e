import { importJWK, type CryptoKey, type JWK } from 'jose';

/** An asymmetric key for one algorithm. @throws the error of jose for an invalid JWK */
export async function importKey(jwk: JWK, algorithm: string): Promise<CryptoKey> {
  const key = await importJWK(jwk, algorithm);
  if (key instanceof Uint8Array) throw new TypeError('A symmetric key is not accepted.');
  return key;
}
