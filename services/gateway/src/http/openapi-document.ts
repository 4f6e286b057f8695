import type { FastifyInstance, RouteOptions } from 'fastify'
import type { TSchema } from 'typebox'
import { API_ERROR_TERMS, type ApiErrorCode } from './api-error.ts'
import { json, type Operation, type Payload } from './operation.ts'
import { ApiErrorBody } from './schemas.ts'

/** One of the gateway's HTTP faces. */
export interface ApiDescription {
  readonly title: string
  readonly description: string
  readonly server: { readonly url: string; readonly description: string }
  /** Security schemes by name (OpenAPI 3.1 section 4.8.27). */
  readonly schemes: Readonly<Record<string, object>>
  /** Which schemes a route of a tag needs, one of them; `*` for every other tag. */
  readonly needs: Readonly<Record<string, readonly string[]>>
  /** Faults that every route with credentials may answer with. */
  readonly faults: readonly ApiErrorCode[]
  /** Schemas that are written once; where one of them stands, the document refers to it. */
  readonly named: Readonly<Record<string, TSchema>>
  /** What is called past the router. */
  readonly calls: Paths
}

/** path → method → operation */
export type Paths = Readonly<Record<string, Readonly<Record<string, Operation>>>>

/** A route as it was registered. */
export type Route = Pick<RouteOptions, 'method' | 'url' | 'config'>

const VERSION = '0.1.0'
const NOT_LISTED = new Set(['HEAD', 'OPTIONS'])
/** `:id` and `:id(^pattern$)` of Fastify. */
const PATH_PART = /:(\w+)(?:\([^/]*\))?/g

/** Remembers every route that is registered from here on, in this scope and those below it. */
export function rememberRoutes(app: FastifyInstance): readonly Route[] {
  const routes: Route[] = []
  app.addHook('onRoute', ({ method, url, config }) => {
    routes.push({ method, url, ...(config === undefined ? {} : { config }) })
  })
  return routes
}

/** The OpenAPI 3.1 document of a face. Throws when a route does not say what it is. */
export function openApiDocument(server: ApiDescription, routes: readonly Route[]): object {
  const paths: Record<string, Record<string, object>> = {}
  const add = (method: string, path: string, operation: Operation) => {
    paths[path] = { ...paths[path], [method.toLowerCase()]: operationObject(server, method, path, operation) }
  }
  for (const [path, methods] of Object.entries(server.calls)) {
    for (const [method, operation] of Object.entries(methods)) add(method, path, operation)
  }
  for (const { method, url, config } of routes) {
    if (config?.operation === undefined) throw new Error(`the route ${method} ${url} does not say what it is`)
    if (config.operation === null) continue
    for (const each of [method].flat().filter(name => !NOT_LISTED.has(name))) {
      add(each, url.replace(PATH_PART, '{$1}'), config.operation)
    }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: server.title,
      version: VERSION,
      description: server.description,
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [server.server],
    paths: sorted(paths),
    components: { schemas: server.named, securitySchemes: server.schemes },
  }
}

function operationObject(server: ApiDescription, method: string, path: string, operation: Operation): object {
  const { summary, description, tag, body } = operation
  const names = operation.open ? [] : (server.needs[tag] ?? server.needs['*'] ?? [])
  const parameters = [
    ...[...path.matchAll(/\{(\w+)\}/g)].map(([, name = '']) => ({
      name,
      in: 'path',
      required: true,
      schema: operation.path?.[name] ?? { type: 'string' },
    })),
    ...Object.entries(operation.query ?? {}).map(([name, schema]) => ({
      name,
      in: 'query',
      required: !('~optional' in schema),
      schema,
    })),
  ]
  return {
    operationId: operationId(method, path),
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body === undefined ? {} : { requestBody: { required: true, ...contentOf(server, body) } }),
    responses: responsesOf(server, operation),
    security: names.map(name => ({ [name]: [] })),
  }
}

function responsesOf(server: ApiDescription, { open, answers, errors = {}, faults = [] }: Operation): object {
  const responses: Record<string, object> = {}
  for (const [status, payload] of [...Object.entries(answers), ...Object.entries(errors)]) {
    responses[status] = { description: payload.description ?? 'Done.', ...contentOf(server, payload) }
  }
  const codes = Object.groupBy(
    [...(open ? [] : server.faults), ...faults],
    code => `${API_ERROR_TERMS[code].status}`,
  )
  for (const [status, named = []] of Object.entries(codes)) {
    const description = [...new Set(named)].map(code => `\`${code}\``).join(', ')
    responses[status] = { description, ...contentOf(server, json(ApiErrorBody)) }
  }
  return sorted(responses)
}

function contentOf({ named }: ApiDescription, { content, headers = {} }: Payload): object {
  const types = Object.entries(content).map(([type, schema]): [string, object] => {
    const name = Object.keys(named).find(each => named[each] === schema)
    return [type, { schema: name === undefined ? schema : { $ref: `#/components/schemas/${name}` } }]
  })
  const documented = Object.entries(headers).map(([name, description]): [string, object] => [
    name,
    { description, schema: { type: 'string' } },
  ])
  return {
    ...(types.length > 0 ? { content: Object.fromEntries(types) } : {}),
    ...(documented.length > 0 ? { headers: Object.fromEntries(documented) } : {}),
  }
}

/** `PUT /admin/tiers/{name}` → `putAdminTiersName`. */
function operationId(method: string, path: string): string {
  const words = path.split(/[^A-Za-z0-9]+/).filter(word => word !== '')
  const capitals = words.map(word => `${word[0]?.toUpperCase()}${word.slice(1)}`)
  return [method.toLowerCase(), ...(capitals.length > 0 ? capitals : ['Root'])].join('')
}

function sorted<T>(record: Readonly<Record<string, T>>): Record<string, T> {
  return Object.fromEntries(Object.entries(record).sort(([a], [b]) => (a < b ? -1 : 1)))
}
