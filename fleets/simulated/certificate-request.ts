/** The key and the certificate request of a clone that is to have an identity of its own. */
// oxlint-disable-next-line import/no-unassigned-import -- @peculiar/x509 needs it before it is loaded
import 'reflect-metadata';
import { generateKeyPairSync, webcrypto } from 'node:crypto';
import { Pkcs10CertificateRequestGenerator } from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;

/** A new key (PKCS#8) and a PKCS#10 request for it, both PEM. */
export async function newCertificateRequest(): Promise<{ readonly key: string; readonly request: string }> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const request = await Pkcs10CertificateRequestGenerator.create({
    keys: {
      privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
    },
    signingAlgorithm: algorithm,
  });
  return { key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), request: request.toString('pem') };
}
