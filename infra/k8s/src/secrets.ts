import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { type CertificatePair, makeAuthority, makeCertificate } from '@fluxgate/nats-accounts'

export interface Secret {
  readonly apiVersion: 'v1'
  readonly kind: 'Secret'
  readonly type: string
  readonly metadata: { readonly name: string }
  readonly stringData: Readonly<Record<string, string>>
}

/** Where the manifests put everything. */
export const NAMESPACE = 'fluxgate'
const PASSWORDS = join(import.meta.dirname, '..', '..', 'docker', 'secrets.sh')
const SERVERS = [0, 1, 2].map(server => `nats-${server}.nats-routes`)

/**
 * Every Secret that the manifests refer to, made just now: passwords and tokens, an authority of one's own, and under it
 * the certificates of NATS and of the gateways.
 * @param domain the gateways' public name
 */
export async function makeSecrets(domain: string, nowMs: number): Promise<Secret[]> {
  const authority = await makeAuthority('Fluxgate', nowMs)
  const nats = await makeCertificate(authority, ['nats', `nats.${NAMESPACE}.svc`, ...SERVERS], nowMs)
  const gateway = await makeCertificate(authority, [domain, 'gateway', 'localhost', '127.0.0.1'], nowMs)
  return [
    secret('fluxgate-secrets', 'Opaque', passwords()),
    secret('fluxgate-authority', 'Opaque', { 'ca.crt': authority.cert }),
    pair('nats-tls', nats, authority),
    pair('gateway-tls', gateway, authority),
  ]
}

/** As docker-compose.yml has them, by the one script that makes them. */
function passwords(): Record<string, string> {
  const lines = execFileSync('sh', [PASSWORDS], { encoding: 'utf8' }).trim().split('\n')
  return Object.fromEntries(lines.map(line => line.split('=') as [string, string]))
}

function pair(name: string, { cert, key }: CertificatePair, authority: CertificatePair): Secret {
  return secret(name, 'kubernetes.io/tls', { 'tls.crt': cert, 'tls.key': key, 'ca.crt': authority.cert })
}

function secret(name: string, type: string, stringData: Record<string, string>): Secret {
  return { apiVersion: 'v1', kind: 'Secret', type, metadata: { name }, stringData }
}

/** `npm run -s fluxgate -- k8s:secrets api.example.com`: prints them for `kubectl create`. */
async function main(): Promise<void> {
  const items = await makeSecrets(process.argv[2] ?? 'api.fluxgate.local', Date.now())
  console.log(JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, null, 2))
}

if (import.meta.main) void main()
