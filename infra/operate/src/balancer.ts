import { Agent, request } from 'undici'

export interface Backend {
  readonly name: string
  /** `http://host:port` of the public face. */
  readonly origin: string
}

export interface Answer {
  readonly status: number
  readonly text: string
}

const PROBE_EVERY_MS = 100
const PROBE_LIMIT_MS = 2_000
const CALL_LIMIT_MS = 60_000

/**
 * What a balancer does, and no more: it asks each backend's `/ready`, and gives each call to the next that said yes, over
 * connections that are kept. A call goes out once: nothing is tried again, whatever comes of it.
 */
export class Balancer implements AsyncDisposable {
  readonly #backends: readonly Backend[]
  readonly #ready = new Set<Backend>()
  readonly #agent = new Agent({ headersTimeout: CALL_LIMIT_MS, bodyTimeout: CALL_LIMIT_MS })
  readonly #probes: NodeJS.Timeout
  #turn = 0

  constructor(backends: readonly Backend[]) {
    this.#backends = backends
    const probe = () => {
      for (const backend of backends) void this.#probe(backend)
    }
    this.#probes = setInterval(probe, PROBE_EVERY_MS)
    probe()
  }

  isReady(name: string): boolean {
    return [...this.#ready].some(backend => backend.name === name)
  }

  /** Whose turn it is. @throws when nobody is ready */
  next(): Backend {
    const ready = this.#backends.filter(backend => this.#ready.has(backend))
    const backend = ready[this.#turn++ % ready.length]
    if (!backend) throw new Error('no backend is ready')
    return backend
  }

  /** @throws when the connection breaks before the end of the answer */
  async call(backend: Backend, path: string, headers: Record<string, string>, body: string): Promise<Answer> {
    const url = `${backend.origin}${path}`
    const answer = await request(url, { method: 'POST', headers, body, dispatcher: this.#agent })
    return { status: answer.statusCode, text: await answer.body.text() }
  }

  async #probe(backend: Backend): Promise<void> {
    const isReady = await fetch(`${backend.origin}/ready`, { signal: AbortSignal.timeout(PROBE_LIMIT_MS) })
      .then(async answer => {
        await answer.arrayBuffer()
        return answer.ok
      })
      .catch(() => false)
    if (isReady) this.#ready.add(backend)
    else this.#ready.delete(backend)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#probes)
    await this.#agent.destroy()
  }
}
