import { TierName } from '@fluxgate/contracts'
import type { EnvReader } from '@fluxgate/runtime'
import { Compile } from 'typebox/compile'

const tierName = Compile(TierName)
/** Without TLS anybody on the way could answer with other keys. */
const LOOPBACK = new Set(['localhost', '127.0.0.1', '[::1]'])

export type OidcConfig = NonNullable<ReturnType<typeof readOidcConfig>>

/** `OIDC_*`: whose tokens are taken beside our own; undefined when `OIDC_ISSUER` is unset. */
export function readOidcConfig(env: EnvReader) {
  if (env.optional('OIDC_ISSUER') === undefined) return undefined
  const issuer = secureUrl(env, 'OIDC_ISSUER')
  const audiences = env.list('OIDC_AUDIENCE')
  if (audiences.length === 0)
    env.fault('OIDC_AUDIENCE is missing: it says which of the issuer’s tokens are for us')
  const tierClaim = env.optional('OIDC_TIER_CLAIM')
  const tiers = readTiers(env)
  if (tiers.size > 0 && tierClaim === undefined) env.fault('OIDC_TIERS needs OIDC_TIER_CLAIM')
  return {
    issuer,
    jwksUrl: env.optional('OIDC_JWKS_URL') === undefined ? undefined : secureUrl(env, 'OIDC_JWKS_URL'),
    audiences,
    userClaim: env.text('OIDC_USER_CLAIM', 'sub'),
    tierClaim,
    tiers,
  }
}

function secureUrl(env: EnvReader, name: string): string {
  const text = env.url(name, ['https:', 'http:'])
  const url = URL.parse(text)
  if (url?.protocol === 'http:' && !LOOPBACK.has(url.hostname)) {
    env.fault(`${name} must be a URL with https://: plain HTTP is for this machine only`)
  }
  return text
}

/** `gold-plan=gold,staff=pro`: value of the tier's claim → tier; the first that fits counts. */
function readTiers(env: EnvReader): ReadonlyMap<string, TierName> {
  const tiers = new Map<string, TierName>()
  for (const entry of env.list('OIDC_TIERS')) {
    const equals = entry.lastIndexOf('=')
    const value = entry.slice(0, equals).trim()
    const tier = entry.slice(equals + 1).trim()
    if (equals > 0 && value !== '' && tierName.Check(tier)) tiers.set(value, tier)
    else env.fault(`OIDC_TIERS: ${JSON.stringify(entry)} is not of the form claim=tier`)
  }
  return tiers
}
