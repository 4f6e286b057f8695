import type { FastifyInstance } from 'fastify'
import Type from 'typebox'
import { type ApiDescription, openApiDocument, rememberRoutes } from './openapi-document.ts'
import { documented, json } from './operation.ts'

const DOCUMENT = json(
  Type.Object({ openapi: Type.String() }, { additionalProperties: true }),
  'This document.',
)

/**
 * Serves the OpenAPI document of all routes that are registered after this call; it is made once, when the server is
 * ready. `needsCredentials` says that the scope has asked for some before.
 */
export function serveOpenApi(
  app: FastifyInstance,
  url: string,
  server: ApiDescription,
  needsCredentials: boolean,
): void {
  const routes = rememberRoutes(app)
  let text = ''
  app.addHook('onReady', done => {
    text = JSON.stringify(openApiDocument(server, routes))
    done()
  })
  const summary = 'This API, as OpenAPI 3.1'
  const open = needsCredentials ? {} : { open: true as const }
  const operation = documented({ summary, tag: 'node', ...open, answers: { 200: DOCUMENT } })
  app.get(url, operation, (_request, reply) => reply.type('application/json; charset=utf-8').send(text))
}
