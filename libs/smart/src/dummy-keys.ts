import type { JWK } from 'jose';
import type { AssertionAlgorithm } from './client-keys.ts';

/**
 * Public keys whose private keys no longer exist. No signature verifies with them, but the check takes as long as a
 * real one.
 */
export const DUMMY_KEYS: Readonly<Record<AssertionAlgorithm, JWK>> = {
  RS384: {
    kty: 'RSA',
    n:
      'plFgoKPSGcWhLeDEftsh5vExcGTibhcHsKc-YyRC2iGJbMPf-uieNiM34Elot3C61tmWdIo_gnRsS6DZyIoUTA6OaxPPJj9FzeS-' +
      't-QjAqz6fRx0F-qrKil52wwnfaDv4IP8hwxjwOPOkfEVFVRCqaGc_i5BIRfpU-QUYueRChU3bFU-KXOYky8gLCr-uK7H18Od3M3Z' +
      'o9PRbv89kv1Se1Xc0RJTDT5HIQ5WWdE3oEbdjPE-DC6SjlJi_Lk00Fm8kLhQjsC7nFkqLInhlTizJJVeEsLsTuNNH_l5TosBpYaW' +
      'b6i3UvwdHaSws_9NTvr7cr-hD8iDnJeuDaaUyviJVw',
    e: 'AQAB',
  },
  ES384: {
    kty: 'EC',
    x: '4At80SM-wckWmbXI1EMF9oioLSn1IQHG4h_pCtc_6XmY3dIeSsVq5Ny07KVgXUmm',
    y: 'vTwv9fWPy-_2ZrYVg5LkK4TPznLed5nFagbO3K9AeQKjZvpyYYdsusb3-nL50pMi',
    crv: 'P-384',
  },
};
