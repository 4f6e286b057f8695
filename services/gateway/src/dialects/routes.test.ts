import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { parseExtraRoutes } from '../config/extra-routes.ts'
import { ROUTES } from './route-table.ts'
import { routesOf } from './routes.ts'

describe('the route table', () => {
  const routes = routesOf()

  it('matches each of its routes, and answers another method with Allow', () => {
    for (const route of ROUTES) {
      const path = route.path.replace('{model}', 'org/name')
      assert.deepEqual(routes.match(route.method, path), { kind: 'route', route })
      assert.equal(routes.match('DELETE', path).kind, 'method', path)
    }
    assert.equal(routes.allowed('/v1/chat/completions'), 'POST, OPTIONS')
    assert.equal(routes.match('HEAD', '/v1/models').kind, 'route')
  })

  it('does not know stateful resources, nor a path that only looks like one of its own', () => {
    const calls: Array<[string, string]> = [
      ['GET', '/v1/files'],
      ['GET', '/v1/responses/resp_1'],
      ['POST', '/v1/responses/resp_1/cancel'],
      ['POST', '/v1/batches'],
      ['POST', '/v1/messages/batches'],
      ['GET', '/v1/organization/costs'],
      ['POST', '/v1/fine_tuning/jobs'],
      ['GET', '/v1/realtime'],
      ['POST', '/api/pull'],
      ['DELETE', '/api/delete'],
      ['GET', '/v1/models/'],
      ['GET', '/v1/models/{model}'],
      ['POST', '/v1/chat/completions/'],
      ['POST', '/v1//chat/completions'],
      ['POST', '/v1/Chat/completions'],
    ]
    for (const [method, path] of calls) assert.equal(routes.match(method, path).kind, 'unknown', path)
    const ofModel = routes.match('DELETE', '/v1/models/ft:x')
    assert.deepEqual(ofModel, { kind: 'method', allow: 'GET, HEAD, OPTIONS' })
  })
})

describe('EXTRA_ROUTES', () => {
  it('adds exact paths', () => {
    const { routes: extra, faults } = parseExtraRoutes(['POST /v1/audio/translations'])
    assert.deepEqual(faults, [])
    const routes = routesOf(extra)
    assert.equal(routes.match('POST', '/v1/audio/translations').kind, 'route')
    assert.equal(routes.match('POST', '/v1/audio/translations/x').kind, 'unknown')
  })

  it('refuses what keeps state and what is not an exact path', () => {
    for (const entry of [
      'GET /v1/files',
      'POST /v1/responses/compact',
      'POST /v1/messages/batches',
      'DELETE /v1/x',
      'POST /v1/*',
      'POST /v1/../x',
      'POST /v1/a;b',
      'POST /admin/x',
      'nonsense',
    ]) {
      const { routes, faults } = parseExtraRoutes([entry])
      assert.deepEqual([routes.length, faults.length], [0, 1], entry)
    }
  })

  it('refuses a path that is in the table or is given twice', () => {
    assert.throws(
      () => routesOf(parseExtraRoutes(['POST /v1/embeddings']).routes),
      /in the table of routes already/,
    )
    assert.deepEqual(parseExtraRoutes(['POST /v1/x', 'POST /v1/x']).faults, [
      '"POST /v1/x" is on the list already',
    ])
  })
})
