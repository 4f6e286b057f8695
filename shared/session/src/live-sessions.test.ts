import assert from 'node:assert/strict'
import { beforeEach, describe, test } from 'node:test'
import { eventMaker, LoggedOut, LoginSucceeded } from '@fluxgate/contracts'
import { LiveSessions } from './index.ts'

const bytes = (event: object) => new TextEncoder().encode(JSON.stringify(event))
const make = eventMaker('/gateway/gw-1/boot', () => '01JD0000000000000000000000', Date.now)
const logout = (session: string) =>
  bytes(make(LoggedOut, { user: 'ann', key: 'portal', session, address: '127.0.0.1' }).event)

describe('live sessions', () => {
  const rows = new Map<string, string>()
  let asked: string[]
  let nowMs: number
  let live: LiveSessions<string>
  beforeEach(() => {
    rows.clear()
    rows.set('s1', 'ann')
    asked = []
    nowMs = 0
    live = new LiveSessions({
      find: async id => {
        asked.push(id)
        return rows.get(id)
      },
      nowMs: () => nowMs,
      maxSessions: 3,
    })
  })

  test('are asked for once in five seconds, whether they live or not', async () => {
    assert.equal(await live.find('s1'), 'ann')
    assert.equal(await live.find('gone'), undefined)
    nowMs = 4_999
    rows.delete('s1')
    assert.equal(await live.find('s1'), 'ann')
    assert.equal(await live.find('gone'), undefined)
    assert.deepEqual(asked, ['s1', 'gone'])
    nowMs = 5_000
    assert.equal(await live.find('s1'), undefined)
  })

  test('are known without asking while the answer is young', async () => {
    assert.equal(live.known('s1'), undefined)
    await live.find('s1')
    await live.find('gone')
    assert.deepEqual([live.known('s1')?.value, live.known('gone')?.value], ['ann', undefined])
    assert.ok(live.known('gone'))
    nowMs = 5_000
    assert.equal(live.known('s1'), undefined)
    await live.find('s1')
    live.evict('s1')
    assert.equal(live.known('s1'), undefined)
  })

  test('have no age above five seconds, whatever is asked for', async () => {
    const patient = new LiveSessions({ find: async id => rows.get(id), nowMs: () => nowMs, maxAgeMs: 60_000 })
    await patient.find('s1')
    rows.delete('s1')
    nowMs = 5_000
    assert.equal(await patient.find('s1'), undefined)
  })

  test('end as soon as a logout is heard', async () => {
    await live.find('s1')
    rows.delete('s1')
    live.received(bytes({ type: 'fluxgate.auth.logged_out', data: { session: 's1' } }))
    live.received(logout('s2'))
    live.received(bytes(make(LoginSucceeded, loginOf('s1')).event))
    live.received(new Uint8Array([0xff]))
    assert.equal(await live.find('s1'), 'ann')
    live.received(logout('s1'))
    assert.equal(await live.find('s1'), undefined)
  })

  test('share one question', async () => {
    assert.deepEqual(await Promise.all([live.find('s1'), live.find('s1'), live.find('s1')]), [
      'ann',
      'ann',
      'ann',
    ])
    assert.deepEqual(asked, ['s1'])
  })

  test('are asked for again when a logout comes while the answer is on its way', async () => {
    for (const end of [() => live.received(logout('s1')), () => live.clear()]) {
      rows.set('s1', 'ann')
      live.clear()
      const found = live.find('s1')
      rows.delete('s1')
      end()
      assert.equal(await found, undefined)
      assert.equal(await live.find('s1'), undefined)
    }
  })

  test('are not taken as live when the database cannot be asked', async () => {
    let up = false
    const shaky = new LiveSessions({
      find: async id => (up ? rows.get(id) : Promise.reject(new Error('down'))),
      nowMs: () => nowMs,
    })
    await assert.rejects(shaky.find('s1'), /down/)
    up = true
    assert.equal(await shaky.find('s1'), 'ann')
    up = false
    nowMs = 5_000
    await assert.rejects(shaky.find('s1'), /down/)
  })

  test('refuse a question when too many are under way, and take it when one has its answer', async () => {
    const answers: Array<(row: string) => void> = []
    const busy = new LiveSessions<string>({
      find: () => new Promise(resolve => answers.push(resolve)),
      maxAsking: 2,
    })
    const asking = [busy.find('s1'), busy.find('s2'), busy.find('s1')]
    await assert.rejects(busy.find('s3'), { code: 'FLUXGATE_TOO_MANY_QUESTIONS' })
    assert.equal(answers.length, 2)
    for (const answer of answers) answer('ann')
    assert.deepEqual(await Promise.all(asking), ['ann', 'ann', 'ann'])
    const third = busy.find('s3')
    answers[2]!('bob')
    assert.equal(await third, 'bob')
  })

  test('are bounded: the oldest is forgotten', async () => {
    for (const id of ['s1', 'a', 'b', 'c']) await live.find(id)
    assert.equal(live.size, 3)
    await live.find('c')
    assert.equal(asked.length, 4)
    await live.find('s1')
    assert.equal(asked.length, 5)
  })
})

function loginOf(session: string) {
  const account = '0123456789abcdef0123456789abcdef'
  return { user: 'ann', key: 'portal', account, address: '127.0.0.1', session }
}
