/** A certificate authority kept in a folder: ECDSA on P-256, one key, no intermediate. */
import 'reflect-metadata';
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { access, mkdir, readFile } from 'node:fs/promises';
import { isIP } from 'node:net';
import { join } from 'node:path';
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { JsonGeneralName, PublicKey } from '@peculiar/x509';
import { controlName, controlNameOf, siteControlPrefix } from '../../../protocol/enrolment.ts';
import { writeOnce } from '../../../system/whole-files.ts';
import { RequestRefused } from '../../ports/authority.ts';
import type { AuthorityPort } from '../../ports/authority.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const;
const authorityValidityDays = 3650;
/** Clocks of endpoints may be a little behind. */
const backdatedMilliseconds = 10 * 60_000;
const dayMilliseconds = 86_400_000;
/** What may stand as a host name in a certificate, and in a file name. */
const endpointName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?(\.[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?)*$/;

/** Opens the authority in `folder`, making it first when there is none. Making it twice is making it once. */
export async function openAuthority(folder: string): Promise<AuthorityPort> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const keyPem = await keepOnce(join(folder, 'authority-key.pem'), newKey);
  const keys = await importKeys(keyPem);
  const certificatePem = await keepOnce(join(folder, 'authority.pem'), () => makeAuthority(keys));
  const authority = new X509Certificate(certificatePem);
  const sign = (subject: Subject) => signCertificate(authority, keys.privateKey, subject);
  return {
    certificate: async () => certificatePem,
    signEndpoint: async ({ endpointId, certificateRequest, validityDays }) => {
      checkEndpointId(endpointId);
      const publicKey = await readRequest(certificateRequest);
      return sign({ name: endpointId, publicKey, usages: bothSides, alternatives: [dns(endpointId)], validityDays });
    },
    issueControl: async (validityDays, siteId) => {
      const name = siteId === undefined ? controlName : controlNameOf(siteId);
      const key = newKey();
      const { publicKey } = await importKeys(key);
      const usages = [ExtendedKeyUsage.clientAuth];
      return { key, certificate: await sign({ name, publicKey, usages, alternatives: [], validityDays }) };
    },
    issueServer: async ({ name, addresses, validityDays }) => {
      const key = newKey();
      const { publicKey } = await importKeys(key);
      const usages = [ExtendedKeyUsage.serverAuth];
      const alternatives = [name, ...addresses].map((each) => (isIP(each) ? ip(each) : dns(each)));
      return { key, certificate: await sign({ name, publicKey, usages, alternatives, validityDays }) };
    },
  };
}

const bothSides = [ExtendedKeyUsage.serverAuth, ExtendedKeyUsage.clientAuth];

type Subject = {
  readonly name: string;
  readonly publicKey: PublicKey | webcrypto.CryptoKey;
  readonly usages: readonly ExtendedKeyUsage[];
  readonly alternatives: readonly JsonGeneralName[];
  readonly validityDays: number;
};

const dns = (value: string): JsonGeneralName => ({ type: 'dns', value });
const ip = (value: string): JsonGeneralName => ({ type: 'ip', value });

/** The control plane's names must never become an endpoint's: that endpoint could order others about. */
function checkEndpointId(endpointId: string): void {
  if (endpointId === controlName || endpointId.startsWith(siteControlPrefix))
    throw new RequestRefused(`${endpointId} is a name of the control plane, not an endpoint's.`);
  if (endpointId.length > 63 || !endpointName.test(endpointId)) {
    throw new RequestRefused(
      'An endpoint id is at most 63 lower-case letters, digits, hyphens and dots, as a host name has them.',
    );
  }
}

async function readRequest(pem: string): Promise<PublicKey> {
  const request = parseRequest(pem);
  const signed = await request.verify().catch(() => false);
  if (!signed) throw new RequestRefused('The certificate request is not signed with its own key.');
  const { name, namedCurve } = request.publicKey.algorithm as { name: string; namedCurve?: string };
  if (name === 'ECDSA' && namedCurve === 'P-256') return request.publicKey;
  throw new RequestRefused('The certificate request must be for an ECDSA key on P-256.');
}

function parseRequest(pem: string): Pkcs10CertificateRequest {
  try {
    return new Pkcs10CertificateRequest(pem);
  } catch {
    throw new RequestRefused('The certificate request is not a PKCS#10 request in PEM.');
  }
}

async function makeAuthority(keys: webcrypto.CryptoKeyPair): Promise<string> {
  const made = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerialNumber(),
    name: 'CN=Patchcycle authority',
    ...validFor(authorityValidityDays),
    keys,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return made.toString('pem');
}

async function signCertificate(
  authority: X509Certificate,
  signingKey: webcrypto.CryptoKey,
  { name, publicKey, usages, alternatives, validityDays }: Subject,
): Promise<string> {
  const made = await X509CertificateGenerator.create({
    serialNumber: newSerialNumber(),
    subject: [{ CN: [name] }],
    issuer: authority.subject,
    ...validFor(validityDays),
    publicKey,
    signingKey,
    signingAlgorithm: algorithm,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([...usages]),
      ...(alternatives.length === 0 ? [] : [new SubjectAlternativeNameExtension([...alternatives])]),
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(authority),
    ],
  });
  return made.toString('pem');
}

function validFor(days: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - backdatedMilliseconds), notAfter: new Date(now + days * dayMilliseconds) };
}

/** Random, as RFC 5280 §4.1.2.2 allows: an identifier of a document, not of an effect. */
function newSerialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0]! & 0x7f) | 0x01;
  return bytes.toString('hex');
}

/** PKCS#8 PEM. */
function newKey(): string {
  return generateKeyPairSync('ec', { namedCurve: 'P-256' })
    .privateKey.export({ type: 'pkcs8', format: 'pem' })
    .toString();
}

async function importKeys(pem: string): Promise<webcrypto.CryptoKeyPair> {
  const privateKey = createPrivateKey(pem);
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = createPublicKey(privateKey).export({ type: 'spki', format: 'der' });
  return {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, algorithm, true, ['verify']),
  };
}

/** Keeps what `make` gives under `path`, unless somebody was first. */
async function keepOnce(path: string, make: () => string | Promise<string>): Promise<string> {
  if (!(await exists(path))) await writeOnce(path, await make());
  return readFile(path, 'utf8');
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
