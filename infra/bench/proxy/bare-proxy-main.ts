import Fastify from 'fastify'
import { Agent } from 'undici'

/**
 * The baseline: what fastify and undici can do on one core when they do nothing but pass a body on and hand the answer
 * back. Arguments: port, upstream origin.
 */
const [port = '0', origin = ''] = process.argv.slice(2)
const agent = new Agent({ allowH2: false, connections: 8_192, pipelining: 1 })
const app = Fastify({ logger: false })
app.removeAllContentTypeParsers()
app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
app.all('/*', (request, reply) => {
  reply.hijack()
  const { raw } = reply
  agent.dispatch(
    {
      origin,
      path: request.url,
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: request.body as Buffer,
    },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, headers) {
        const length = headers['content-length']
        raw.writeHead(status, {
          'content-type': String(headers['content-type']),
          ...(length !== undefined && { 'content-length': String(length) }),
        })
      },
      onResponseData(_controller, chunk) {
        raw.write(chunk)
      },
      onResponseEnd() {
        raw.end()
      },
      onResponseError(_controller, error) {
        raw.destroy(error)
      },
    },
  )
})
await app.listen({ port: Number(port), host: '127.0.0.1' })
