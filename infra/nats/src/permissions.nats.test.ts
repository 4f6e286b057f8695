import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { connectNats, ensureTopology, type LinkLog, type NatsLink } from '@fluxgate/nats'
import { makeFirstEdition } from '@fluxgate/nats/testing'
import { eventually, type NatsServer, startNatsServer } from '@fluxgate/testing'
import { connect } from 'nats'
import { attempts, mayDo, NEVER } from './attempts.ts'
import { permissionTables } from './permission-tables.ts'
import { accountsConfig } from './server-config.ts'
import { USERS } from './users.ts'

const silent = { info() {}, warn() {}, error() {} }
const config = accountsConfig().replaceAll(/\$NATS_PASSWORD_\w+/g, 'secret')
let server: NatsServer

before(async () => {
  server = await startNatsServer({ config })
  await using link = await linkOf('topology')
  await ensureTopology(link)
})
after(() => server[Symbol.asyncDispose]())

function linkOf(user: string, log: LinkLog = silent, to = server): Promise<NatsLink> {
  return connectNats({ url: `nats://${user}:secret@127.0.0.1:${to.port}`, name: user }, log)
}

/** Tries all of these and gives back those that the server refused. */
async function refused(
  user: string,
  kind: 'publish' | 'subscription',
  subjects: readonly string[],
): Promise<Set<string>> {
  const found = new Set<string>()
  const error = (fields: { permission?: { operation: string; subject: string } }) => {
    if (fields.permission?.operation === kind) found.add(fields.permission.subject)
  }
  await using link = await linkOf(user, { ...silent, error })
  const { connection } = link
  for (const subject of subjects) {
    if (kind === 'publish') connection.publish(subject, 'x')
    else connection.subscribe(subject, { callback: () => {} })
  }
  await connection.flush()
  // The last one is refused to everybody but the operator: all before it are answered when it is.
  if (user !== 'operator') {
    if (kind === 'publish') connection.publish('nobody.may', 'x')
    else connection.subscribe('nobody.may', { callback: () => {} })
    await eventually(() => assert.ok(found.delete('nobody.may')))
  }
  return found
}

describe('the permissions of each user', () => {
  for (const kind of ['publish', 'subscription'] as const) {
    const all = attempts(kind)
    for (const user of USERS) {
      it(`${user.name}: each ${kind} that is another's is refused, and no other`, async () => {
        const forbidden = all.filter(subject => !mayDo(user, kind, subject))
        const found = await refused(user.name, kind, all)
        assert.deepEqual([...found].sort(), forbidden.sort())
      })
    }
  }
})

describe('what must never be', () => {
  it('is refused to the services that it would serve', async () => {
    for (const user of new Set(NEVER.map(([name]) => name))) {
      const subjects = NEVER.filter(([name]) => name === user).map(([, subject]) => subject)
      assert.deepEqual(await refused(user, 'publish', subjects), new Set(subjects), user)
    }
  })

  it('holds for every service: no stream deleted or emptied, no message removed, no answer of another heard', async () => {
    const acts = ['STREAM.DELETE', 'STREAM.PURGE', 'STREAM.MSG.DELETE', 'STREAM.RESTORE', 'STREAM.SNAPSHOT']
    const subjects = acts.flatMap(act => ['TOKENS', 'INCIDENTS'].map(stream => `$JS.API.${act}.${stream}`))
    for (const { name } of USERS) {
      if (name === 'operator') continue
      assert.deepEqual(await refused(name, 'publish', subjects), new Set(subjects), name)
      const inboxes = USERS.filter(user => user.name !== name).map(user => `_INBOX_${user.name}.a.b`)
      const heard = [...inboxes, '_INBOX.>', '>', '$SYS.>', '$JS.ACK.>']
      assert.deepEqual(await refused(name, 'subscription', heard), new Set(heard), name)
    }
  })

  it('a connection without a password is refused', async () => {
    for (const [user, password] of [
      ['gateway', 'wrong'],
      ['', ''],
    ] as const) {
      const login = user === '' ? {} : { user, pass: password }
      await assert.rejects(
        connect({ servers: `127.0.0.1:${server.port}`, reconnect: false, ...login }),
        /Authorization/i,
      )
    }
  })
})

it('a user who may not make streams waits for them, and takes them as they are', async () => {
  await using empty = await startNatsServer({ config })
  const reported: string[] = []
  const log = { ...silent, warn: (_fields: object, message: string) => reported.push(message) }
  await using guard = await linkOf('guard', log, empty)
  const waiting = ensureTopology(guard)
  // An old server is warned of too.
  await eventually(() =>
    assert.ok(reported.some(message => message.includes('waiting until they are there'))),
  )
  await using topology = await linkOf('topology', silent, empty)
  await ensureTopology(topology, { storageBytes: 1024 ** 3 })
  await waiting
  await ensureTopology(guard, { storageBytes: 2 * 1024 ** 3 })
  assert.match(reported.at(-1) ?? '', /may not change it/)
})

it('a service that may not make streams starts with those of the first edition, once what is new is made', async () => {
  await using old = await startNatsServer({ config })
  await using topology = await linkOf('topology', silent, old)
  await makeFirstEdition(topology, 1024 ** 3)
  const warnings: string[] = []
  const log = { ...silent, warn: (_fields: object, message: string) => warnings.push(message) }
  await using guard = await linkOf('guard', log, old)
  const waiting = ensureTopology(guard, { storageBytes: 1024 ** 3 })
  await eventually(() =>
    assert.ok(warnings.some(message => message.includes('waiting until they are there'))),
  )
  await ensureTopology(topology, { storageBytes: 1024 ** 3 })
  await waiting
  const { config: incidents } = await guard.manager.streams.info('INCIDENTS')
  assert.equal(incidents.discard, 'old')
})

it('accounts.conf and nats-permissions.md are what the matrix says', () => {
  const written = (name: string) => readFileSync(join(import.meta.dirname, '..', name), 'utf8')
  assert.equal(written('accounts.conf'), accountsConfig(), 'run `npm run nats:accounts`')
  assert.equal(
    written('../docs/reference/nats-permissions.md'),
    permissionTables(),
    'run `npm run nats:accounts`',
  )
})
