import { join } from 'node:path'
import { startNginx, startNginxProxy } from '../proxy/nginx.ts'
import { startTestEnv } from '../proxy/test-env.ts'
import { JSON_HEADERS, measureUnary } from '../proxy/unary.ts'
import { type Row, sumErrors } from './row.ts'

const NGINX = 'nginx with TLS'

/** Connections are kept open: what is measured is records and requests, not handshakes. */
export const tls: Row = {
  id: 'tls',
  what: 'chat completions, everything on, TLS 1.3, 32 connections',
  needs: ['wrk', 'nginx'],
  async run(pace) {
    await using model = await startNginx()
    await using env = await startTestEnv()
    const gateway = await env.gateway(model.origin, { env: { TLS: 'on' } })
    const directory = join(gateway.dataDir, 'tls')
    const pair = { certPath: join(directory, 'cert.pem'), keyPath: join(directory, 'key.pem') }
    await using nginx = await startNginxProxy(model.origin, pair)
    const url = `${nginx.origin}/v1/chat/completions`
    const results = await measureUnary(
      [
        { name: NGINX, headers: JSON_HEADERS, url, process: nginx.process },
        { name: 'Fluxgate', ...gateway },
      ],
      pace,
    )
    const [base, ours] = [results.get(NGINX)!, results.get('Fluxgate')!]
    const errors = sumErrors(base, ours)
    return [
      {
        row: tls.id,
        what: 'requests/s',
        unit: '/s',
        compared: 'ratio',
        errors,
        ours: ours.map(run => run.requestsPerSecond),
        base: { name: NGINX, values: base.map(run => run.requestsPerSecond) },
        aim: { atLeast: 0.3 },
      },
      {
        row: tls.id,
        what: 'CPU of a request',
        unit: 'µs',
        compared: 'ratio',
        errors,
        ours: ours.map(run => run.cpuMicros),
        base: { name: NGINX, values: base.map(run => run.cpuMicros) },
      },
    ]
  },
}
