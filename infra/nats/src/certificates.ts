import { isIP } from 'node:net'
import { generate, type SelfsignedOptions } from 'selfsigned'

export interface CertificatePair {
  /** PEM. */
  readonly cert: string
  readonly key: string
}

const AUTHORITY_DAYS = 3_650
/** Longer is refused by some clients. */
const CERTIFICATE_DAYS = 825
const DAY_MS = 86_400_000

/** An authority of one's own, for servers that only we speak with. */
export function makeAuthority(name: string, nowMs: number): Promise<CertificatePair> {
  return make(name, AUTHORITY_DAYS, nowMs, {
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  })
}

/** A certificate for a server under all of these names; servers of a cluster show it to each other as clients too. */
export function makeCertificate(
  authority: CertificatePair,
  names: readonly [string, ...string[]],
  nowMs: number,
): Promise<CertificatePair> {
  return make(names[0], CERTIFICATE_DAYS, nowMs, {
    ca: { ...authority },
    extensions: [
      { name: 'basicConstraints', cA: false, critical: true },
      { name: 'keyUsage', digitalSignature: true, critical: true },
      { name: 'extKeyUsage', serverAuth: true, clientAuth: true },
      {
        name: 'subjectAltName',
        altNames: names.map(name => (isIP(name) ? { type: 7, ip: name } : { type: 2, value: name })),
      },
    ],
  })
}

async function make(
  name: string,
  days: number,
  nowMs: number,
  options: SelfsignedOptions,
): Promise<CertificatePair> {
  const made = await generate([{ name: 'commonName', value: name }], {
    keyType: 'ec',
    curve: 'P-256',
    algorithm: 'sha256',
    notBeforeDate: new Date(nowMs - DAY_MS),
    notAfterDate: new Date(nowMs + days * DAY_MS),
    ...options,
  })
  return { cert: made.cert, key: made.private }
}
