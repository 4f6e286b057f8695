import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { ConfigError, type EnvReader, readConfig } from './config.ts'

const NAME = 'SETTING'
const MAX_TIMER_MS = 2 ** 31 - 1
const almost = fc
  .tuple(
    fc.constantFrom('', '-', '+', ' ', '1', '0x', '1e', '.', ','),
    fc.oneof(fc.nat().map(String), fc.bigInt().map(String), fc.double().map(String), fc.string()),
    fc.constantFrom('', 's', 'ms', 'h', 'm', 'MB', 'GiB', 'T', ' ', '\n', '\0', 'é'),
  )
  .map(parts => parts.join(''))
const anything = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), almost)

/** What is read, or nothing where it was refused with a fault that names the variable. */
function read<T>(text: string, pick: (env: EnvReader) => T): T | undefined {
  try {
    return readConfig({ [NAME]: text }, pick)
  } catch (error) {
    assert.ok(error instanceof ConfigError)
    assert.ok(error.faults.every(fault => fault.startsWith(NAME) && fault.length < 300))
    return undefined
  }
}

test('any value of a variable is read within its bounds, or refused by its name', () => {
  fc.assert(
    fc.property(anything, text => {
      const port = read(text, env => env.port(NAME, 1)) ?? 0
      assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535)
      const count = read(text, env => env.integer(NAME, 5, { min: 2, max: 9 })) ?? 2
      assert.ok(Number.isInteger(count) && count >= 2 && count <= 9)
      assert.ok(Number.isFinite(read(text, env => env.number(NAME, 0)) ?? 0))
      const bytes = read(text, env => env.bytes(NAME)) ?? 0
      assert.ok(Number.isSafeInteger(bytes) && bytes >= 0)
      const ms = read(text, env => env.durationMs(NAME, 0)) ?? 0
      assert.ok(Number.isInteger(ms) && ms >= 0 && ms <= MAX_TIMER_MS, String(ms))
      const chosen = read(text, env => env.oneOf(NAME, ['a', 'b'], 'a')) ?? 'a'
      assert.ok(chosen === 'a' || chosen === 'b')
      for (const url of read(text, env => env.urls(NAME, ['http:'])) ?? []) {
        assert.equal(new URL(url).protocol, 'http:')
      }
    }),
    { numRuns: 5_000 },
  )
})

test('no fault tells a secret, nor the password of a URL', () => {
  const secret = fc.string({ minLength: 4, unit: fc.constantFrom('S', 'E', 'C', 'R') })
  fc.assert(
    fc.property(secret, text => {
      const reported = (value: string, pick: (env: EnvReader) => unknown) => {
        try {
          readConfig({ [NAME]: value }, pick)
        } catch (error) {
          assert.ok(!(error as Error).message.replaceAll(NAME, '').includes(text), (error as Error).message)
        }
      }
      reported(text, env => env.secret(NAME, 100))
      reported(`ftp://me:${text}@host`, env => env.url(NAME, ['http:']))
    }),
  )
})
