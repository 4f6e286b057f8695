import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { freePort } from '@fluxgate/testing'
import { type Process, startProcess } from './process.ts'

export interface Nginx extends AsyncDisposable {
  readonly origin: string
  readonly port: number
  readonly process: Process
}

/** A certificate and its key, as files. */
export interface TlsFiles {
  readonly certPath: string
  readonly keyPath: string
}

/** A chat completion as OpenAI answers it. */
const ANSWER = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1_700_000_000,
  model: 'bench',
  choices: [
    { index: 0, message: { role: 'assistant', content: 'Hello from the bench.' }, finish_reason: 'stop' },
  ],
  usage: { prompt_tokens: 12, completion_tokens: 6, total_tokens: 18 },
})

/** nginx as the model server: one fixed answer, so that the upstream is never what limits. */
export function startNginx(): Promise<Nginx> {
  return start(
    port =>
      `server { listen 127.0.0.1:${port}; location / { default_type application/json; return 200 '${ANSWER}'; } }`,
  )
}

/** nginx as a proxy of one process that does nothing but pass on, what comes at once. */
export function startNginxProxy(upstream: string, tls?: TlsFiles): Promise<Nginx> {
  const pair = tls ? `ssl_certificate ${tls.certPath}; ssl_certificate_key ${tls.keyPath};` : ''
  return start(
    port => `
  upstream model { server ${new URL(upstream).host}; keepalive 1024; keepalive_requests 1000000000; }
  server {
    listen 127.0.0.1:${port}${tls ? ' ssl' : ''}; ${pair}
    location / {
      proxy_pass http://model; proxy_http_version 1.1; proxy_set_header connection "";
      proxy_buffering off; proxy_read_timeout 300s;
    }
  }`,
    tls ? 'https' : 'http',
  )
}

async function start(serverOf: (port: number) => string, scheme = 'http'): Promise<Nginx> {
  await using stack = new AsyncDisposableStack()
  const directory = await mkdtemp(join(tmpdir(), 'fluxgate-nginx-'))
  stack.defer(() => rm(directory, { recursive: true, force: true }))
  const port = await freePort()
  const file = join(directory, 'nginx.conf')
  await writeFile(
    file,
    `daemon off; master_process off; pid ${directory}/pid; error_log stderr crit; worker_rlimit_nofile 16384;
events { worker_connections 8192; }
http {
  access_log off; client_body_temp_path ${directory}/body; proxy_temp_path ${directory}/proxy;
  fastcgi_temp_path ${directory}/f; uwsgi_temp_path ${directory}/u; scgi_temp_path ${directory}/s;
  keepalive_requests 1000000000; keepalive_timeout 120s;
  ${serverOf(port)}
}
`,
  )
  const process = stack.use(await startProcess('nginx', ['-c', file, '-p', directory], port))
  const owned = stack.move()
  const origin = `${scheme}://127.0.0.1:${port}`
  return { origin, port, process, [Symbol.asyncDispose]: () => owned.disposeAsync() }
}
