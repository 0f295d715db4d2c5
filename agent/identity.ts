/** Which endpoint this is: the key it made itself, its certificate, and the authority whose callers it trusts. */
import { X509Certificate, createPrivateKey } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

export type Identity = {
  readonly endpointId: string;
  /** PEM, all three. */
  readonly key: string;
  readonly certificate: string;
  readonly authority: string;
};

/**
 * Names of the files in the state directory; a tool that gives an endpoint its certificate by other means writes them.
 */
export const identityFiles = { key: 'key.pem', certificate: 'certificate.pem', authority: 'authority.pem' } as const;

/** Null while there is no certificate. Throws when there is one that cannot be used. */
export async function readIdentity(stateDirectory: string): Promise<Identity | null> {
  const certificate = await readPem(stateDirectory, identityFiles.certificate);
  if (certificate === null) return null;
  const [key, authority] = await Promise.all([
    readPem(stateDirectory, identityFiles.key),
    readPem(stateDirectory, identityFiles.authority),
  ]);
  if (key === null || authority === null) {
    const missing = key === null ? identityFiles.key : identityFiles.authority;
    throw new Error(
      `${join(stateDirectory, missing)} is missing, but there is a certificate; enrol the endpoint again.`,
    );
  }
  const endpointId = commonNameOf(certificate);
  if (endpointId === null) {
    throw new Error(`${join(stateDirectory, identityFiles.certificate)} is not a certificate with a common name.`);
  }
  if (!new X509Certificate(certificate).checkPrivateKey(createPrivateKey(key))) {
    throw new Error(
      `The certificate in ${stateDirectory} is for another key than the one there; enrol the endpoint again.`,
    );
  }
  return { endpointId, key, certificate, authority };
}

export async function readPem(stateDirectory: string, name: string): Promise<string | null> {
  const path = join(stateDirectory, name);
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw new Error(`${path} cannot be read (${error.code}).`);
  });
}

/** Null for anything that is not a certificate with exactly one common name. */
export function commonNameOf(certificate: string): string | null {
  try {
    const names = new X509Certificate(certificate).subject.split('\n').filter((part) => part.startsWith('CN='));
    return names.length === 1 ? names[0]!.slice(3) : null;
  } catch {
    return null;
  }
}
