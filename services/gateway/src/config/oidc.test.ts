import assert from 'node:assert/strict'
import { test } from 'node:test'
import { EnvReader } from '@fluxgate/runtime'
import { readOidcConfig } from './oidc.ts'

function read(env: Record<string, string>) {
  const reader = new EnvReader(env)
  return { config: readOidcConfig(reader), faults: reader.faults }
}

const NEEDED = { OIDC_ISSUER: 'https://id.example/realms/a', OIDC_AUDIENCE: 'models, models-eu' }

test('an issuer is read with what it leaves open', () => {
  assert.deepEqual(read({}), { config: undefined, faults: [] })
  assert.deepEqual(read(NEEDED), {
    config: {
      issuer: 'https://id.example/realms/a',
      jwksUrl: undefined,
      audiences: ['models', 'models-eu'],
      userClaim: 'sub',
      tierClaim: undefined,
      tiers: new Map(),
    },
    faults: [],
  })
  const { config, faults } = read({
    ...NEEDED,
    OIDC_ISSUER: 'http://127.0.0.1:8080',
    OIDC_JWKS_URL: 'https://id.example/keys',
    OIDC_USER_CLAIM: 'email',
    OIDC_TIER_CLAIM: 'groups',
    OIDC_TIERS: 'cn=staff=pro, gold plan = gold',
  })
  assert.deepEqual(faults, [])
  assert.deepEqual(
    [config?.jwksUrl, config?.userClaim, config?.tierClaim],
    ['https://id.example/keys', 'email', 'groups'],
  )
  assert.deepEqual(
    [...(config?.tiers ?? [])],
    [
      ['cn=staff', 'pro'],
      ['gold plan', 'gold'],
    ],
  )
})

test('a setting that would let in strangers, or no user, stops the start', () => {
  const cases: Array<[RegExp, Record<string, string>]> = [
    [/OIDC_AUDIENCE is missing/, { OIDC_ISSUER: 'https://id.example' }],
    [/OIDC_ISSUER must be a URL with https/, { ...NEEDED, OIDC_ISSUER: 'http://id.example' }],
    [/OIDC_ISSUER=.*must be a URL/, { ...NEEDED, OIDC_ISSUER: 'id.example' }],
    [/OIDC_JWKS_URL must be a URL with https/, { ...NEEDED, OIDC_JWKS_URL: 'http://10.0.0.1/keys' }],
    [/OIDC_TIERS needs OIDC_TIER_CLAIM/, { ...NEEDED, OIDC_TIERS: 'a=pro' }],
    [/OIDC_TIERS: "pro"/, { ...NEEDED, OIDC_TIER_CLAIM: 't', OIDC_TIERS: 'pro' }],
    [/OIDC_TIERS: "a=Pro"/, { ...NEEDED, OIDC_TIER_CLAIM: 't', OIDC_TIERS: 'a=Pro' }],
  ]
  for (const [fault, env] of cases) {
    assert.match(read(env).faults.join(), fault)
    assert.equal(read(env).faults.length, 1)
  }
})
