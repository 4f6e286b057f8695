import assert from 'node:assert/strict'
import { test } from 'node:test'
import Fastify from 'fastify'
import { ADMIN_API } from './admin/admin-api.ts'
import { readNewKey } from './admin/bodies.ts'
import { openApiDocuments } from './api-documents.http.ts'
import { ROUTES } from './dialects/route-table.ts'
import { documented, EMPTY, UNDOCUMENTED } from './http/operation.ts'
import { serveOpenApi } from './http/serve-openapi.ts'
import { assertDocumented } from './http/test-conformity.ts'
import { PUBLIC_API } from './public-api.ts'

interface Operation {
  readonly operationId: string
  readonly security: readonly object[]
  readonly parameters?: ReadonlyArray<{ name: string; in: string }>
  readonly requestBody?: { readonly content: Record<string, { readonly schema: object }> }
}
type Paths = Record<string, Record<string, Operation>>

const documents = await openApiDocuments()
const paths = (JSON.parse(documents.public) as { paths: Paths }).paths
const adminPaths = (JSON.parse(documents.admin) as { paths: Paths }).paths
const operationsOf = (server: Paths) =>
  Object.entries(server).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
  )
const all = [...operationsOf(paths), ...operationsOf(adminPaths)]

test('a route that does not say what it is keeps its server from starting', async () => {
  const app = Fastify()
  serveOpenApi(app, '/openapi.json', PUBLIC_API, false)
  app.get('/forgotten', () => 'here')
  await assert.rejects(
    async () => {
      await app.ready()
    },
    { message: 'the route GET /forgotten does not say what it is' },
  )
})

test('a document holds what was registered after it, under the names of OpenAPI', async () => {
  const app = Fastify()
  app.get('/before', () => 'not told')
  serveOpenApi(app, '/openapi.json', ADMIN_API, true)
  await app.register(async scope => {
    scope.delete(
      '/things/:id(^\\w+$)',
      documented({ summary: 's', tag: 't', answers: { 204: EMPTY } }),
      () => {},
    )
    scope.all('/refused', UNDOCUMENTED, () => 'no')
  })
  const { paths: found } = (await app.inject('/openapi.json')).json<{ paths: Paths }>()
  assert.deepEqual(Object.keys(found), ['/openapi.json', '/things/{id}'])
  const { delete: operation } = found['/things/{id}'] ?? {}
  assert.equal(operation?.operationId, 'deleteThingsId')
  assert.deepEqual(
    operation.parameters?.map(parameter => parameter.name),
    ['id'],
  )
  assert.deepEqual(operation.security, [{ token: [] }])
  await app.close()
})

test('the document lists the calls of the route table, and no others', () => {
  const listed = ROUTES.map(({ method, path }) => `${method} ${path}`)
  const tellable = operationsOf(paths).filter(({ path }) => /^\/(v1|api)\//.test(path))
  assert.deepEqual(
    tellable.map(({ method, path }) => `${method.toUpperCase()} ${path}`).toSorted(),
    listed.toSorted(),
  )
})

test('operations have ids of their own', () => {
  const ids = operationsOf(paths).map(({ operationId }) => operationId)
  assert.equal(new Set(ids).size, ids.length)
  const orders = operationsOf(adminPaths).map(({ operationId }) => operationId)
  assert.equal(new Set(orders).size, orders.length)
})

test('every part of a path is a parameter, and the other way round', () => {
  for (const { path, parameters = [] } of all) {
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    const documented = parameters
      .filter(parameter => parameter.in === 'path')
      .map(parameter => parameter.name)
    assert.deepEqual(documented, named, path)
  }
})

test('changes by the admin API need the token; the portal needs a session', () => {
  for (const { method, path, security } of operationsOf(adminPaths)) {
    if (path === '/admin/health' || path === '/admin/ready') continue
    assert.deepEqual(security, [{ token: [] }], `${method} ${path}`)
  }
  const open = operationsOf(paths).filter(({ security }) => security.length === 0)
  assert.deepEqual(open.map(({ path }) => path).toSorted(), [
    ...['/', '/dns-query', '/dns-query', '/health', '/openapi.json'],
    ...['/portal/login', '/portal/logout', '/portal/register', '/portal/registration', '/ready'],
  ])
})

test('a body is documented by the schema that validates it', () => {
  const content = adminPaths['/admin/keys/generate']?.post?.requestBody?.content ?? {}
  assert.deepEqual(content['application/json']?.schema, JSON.parse(JSON.stringify(readNewKey.schema)))
})

test('the check of answers fails for a status and for a body that are not documented', async () => {
  const check = (status: number, body: object) =>
    assertDocumented('admin', 'POST', '/admin/tier', { status, body: JSON.stringify(body) })
  await check(200, { from: 'free', to: 'pro' })
  await check(404, { error: { message: 'm', type: 't', code: 'not_found' } })
  await assert.rejects(() => check(201, { from: 'free', to: 'pro' }), /not in the OpenAPI document/)
  await assert.rejects(() => check(200, { from: 'free' }), /POST \/admin\/tier → 200/)
  await assert.rejects(() => check(404, { message: 'm' }), /POST \/admin\/tier → 404/)
})
