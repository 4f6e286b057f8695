import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { describe, it } from 'node:test'
import type { Refusal } from '../http/refusal.ts'
import { Bodies, type BodyRequest, type BodyShare, NO_CAPACITY } from './bodies.http.ts'
import { QUICK_LIMITS } from './test/env.ts'

const KIB = 1024

/** A request over HTTP/1.1 whose length is not told. */
function requestOf(headers: Record<string, string> = { 'transfer-encoding': 'chunked' }) {
  return Object.assign(new PassThrough({ highWaterMark: 1024 * KIB }), {
    headers,
    httpVersionMajor: 1,
  }) satisfies BodyRequest
}

const share = (): BodyShare => ({ bytes: 0, isKnown: false })

describe('bodies', () => {
  it('refuse the body that the bound of all has no room for, and take it when another is released', async () => {
    using bodies = new Bodies({ ...QUICK_LIMITS, maxBodyBytes: 100 * KIB, maxBodiesBytes: 300 * KIB })
    const read = async (own: BodyShare): Promise<Buffer | Refusal> => {
      const request = requestOf()
      const body = new Promise<Buffer | Refusal>(done => bodies.read(request, own, done))
      request.end(Buffer.alloc(90 * KIB))
      return body
    }
    const shares = [share(), share(), share(), share()]
    for (const own of shares.slice(0, 3)) assert.ok(Buffer.isBuffer(await read(own)))
    assert.equal(await read(shares[3]!), NO_CAPACITY)
    assert.ok(bodies.bufferedBytes <= 300 * KIB, `${bodies.bufferedBytes}`)
    bodies.release(shares[0]!)
    assert.ok(Buffer.isBuffer(await read(shares[3]!)))
    for (const own of shares) bodies.release(own)
    assert.equal(bodies.bufferedBytes, 0)
  })

  it('count a second form of a body, and refuse it when there is no room for both', async () => {
    using bodies = new Bodies({ ...QUICK_LIMITS, maxBodyBytes: 100 * KIB, maxBodiesBytes: 200 * KIB })
    const own = share()
    const request = requestOf()
    const body = new Promise<Buffer | Refusal>(done => bodies.read(request, own, done))
    request.end(Buffer.alloc(90 * KIB))
    assert.ok(Buffer.isBuffer(await body))
    const buffered = bodies.bufferedBytes
    assert.equal(bodies.takeCopy(own, 90 * KIB), true)
    assert.equal(bodies.bufferedBytes, buffered + 90 * KIB)
    assert.equal(bodies.takeCopy(own, 90 * KIB), false)
    bodies.release(own)
    assert.equal(bodies.bufferedBytes, 0)
  })

  it('refuse a body that goes beyond its own bound, whatever its length was said to be', async () => {
    using bodies = new Bodies({ ...QUICK_LIMITS, maxBodyBytes: 10 * KIB })
    const own = share()
    const request = requestOf()
    const body = new Promise<Buffer | Refusal>(done => bodies.read(request, own, done))
    request.write(Buffer.alloc(11 * KIB))
    assert.equal(((await body) as Refusal).code, 'request_too_large')
  })

  it('take the windows of strangers up to a quarter of the room', () => {
    using bodies = new Bodies({ ...QUICK_LIMITS, maxBodiesBytes: 1024 * KIB })
    const windows = Array.from({ length: 100 }, () => bodies.takeWindow(requestOf(), share()))
    assert.equal(windows.filter(Boolean).length, 4)
    assert.equal(bodies.bufferedBytes, 256 * KIB)
  })
})
