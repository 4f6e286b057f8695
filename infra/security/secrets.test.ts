import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkApiKey, newApiKey } from '@fluxgate/gateway/testing'

const ROOT = join(import.meta.dirname, '../..')
const MAX_BYTES = 2 * 1024 * 1024

interface Kind {
  readonly name: string
  readonly pattern: RegExp
  /** What only looks like one is let through. */
  readonly isReal?: (text: string) => boolean
  /** Put together here, so that this file holds none. */
  readonly sample: string
}

const base64url = (text: string) => Buffer.from(text).toString('base64url')

const KINDS: readonly Kind[] = [
  {
    name: 'private key',
    pattern: /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+[\w+/=]{40}/g,
    sample: `-----BEGIN EC PRIVATE${' '}KEY-----\n${'Mh'.repeat(30)}`,
  },
  { name: 'AWS key', pattern: /\b(?:AKIA|ASIA)[0-9A-Z]{16}\b/g, sample: `AKIA${'Z7'.repeat(8)}` },
  {
    name: 'GitHub token',
    pattern: /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_\w{60,})/g,
    sample: `ghp_${'a1B2'.repeat(9)}`,
  },
  {
    name: 'OpenAI or Anthropic key',
    pattern: /\bsk-(?:proj-|ant-|svcacct-)?[A-Za-z0-9_-]{32,}/g,
    sample: `sk-proj-${'a1B2'.repeat(10)}`,
  },
  { name: 'Google key', pattern: /\bAIza[\w-]{35}\b/g, sample: `AIza${'a1B2C'.repeat(7)}` },
  { name: 'Slack token', pattern: /\bxox[abprs]-[\w-]{20,}/g, sample: `xoxb-${'1a2b'.repeat(6)}` },
  { name: 'npm token', pattern: /\bnpm_[A-Za-z0-9]{36}\b/g, sample: `npm_${'a1B2'.repeat(9)}` },
  {
    name: 'key of ours',
    pattern: /\bsk_live_[A-Za-z0-9]{38}\b/g,
    isReal: text => checkApiKey(text).ok,
    sample: newApiKey(randomBytes).key,
  },
  {
    name: 'signed token',
    pattern: /\beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{20,}/g,
    sample: `${base64url('{"alg":"HS256"}')}.${base64url('{"sub":"somebody"}')}.${'s1G'.repeat(9)}`,
  },
  {
    name: 'password in a URL',
    pattern: /\b(?:postgres(?:ql)?|nats|tls|https?|amqps?|redis):\/\/[\w-]+:([^\s'"`:@/${}<>]{12,})@/g,
    sample: `postgres://me:${'Tr0ub4dor'.repeat(2)}@db/x`,
  },
]

function found(text: string): string[] {
  return KINDS.flatMap(({ name, pattern, isReal = () => true }) =>
    [...text.matchAll(pattern)]
      .filter(([match]) => isReal(match))
      .map(([match]) => `${name}: ${match.slice(0, 24)}…`),
  )
}

test('no file of the repository holds a secret', () => {
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: ROOT, encoding: 'utf8' }).split('\0')
  assert.ok(files.length > 500)
  const hits = files.flatMap(file => {
    if (file === '') return []
    let bytes: Buffer
    try {
      bytes = readFileSync(join(ROOT, file))
    } catch {
      // Deleted here, and not yet in a commit.
      return []
    }
    const isText = bytes.length <= MAX_BYTES && !bytes.includes(0)
    return isText ? found(bytes.toString('utf8')).map(hit => `${file}: ${hit}`) : []
  })
  assert.deepEqual(hits, [])
})

test('each kind of secret would be found', () => {
  for (const { name, sample } of KINDS) {
    assert.ok(
      found(`const it = '${sample}'\n`).some(hit => hit.startsWith(name)),
      name,
    )
  }
})
