import { join } from 'node:path'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance } from 'fastify'
import { sendError } from './reply.http.ts'

/** Paths that are never a view of the page: what is not found there is an answer, not a page. */
const NOT_VIEWS = /^\/(api|portal|assets|health|ready)(\/|$|\?)/

/**
 * The built page. Files under `assets` have the hash of their content in their name and are kept for good; every other
 * path is a view of the one page, so that it can be linked to.
 */
export async function servePage(app: FastifyInstance, pageDir: string): Promise<void> {
  await app.register(fastifyStatic, {
    root: pageDir,
    preCompressed: true,
    cacheControl: false,
    index: false,
    setHeaders: (reply, path) => {
      const isHashed = path.startsWith(join(pageDir, 'assets'))
      reply.header('cache-control', isHashed ? 'public, max-age=31536000, immutable' : 'no-cache')
    },
  })
  // The root is a folder: to a client that takes no compression the plugin would say that it is forbidden.
  app.get('/', (_request, reply) => reply.sendFile('index.html'))
  app.setNotFoundHandler((request, reply) => {
    if (request.method === 'GET' && !NOT_VIEWS.test(request.url)) return reply.sendFile('index.html')
    return sendError(reply, { code: 'not_found', message: 'Not found.' })
  })
}
