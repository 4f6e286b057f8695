import type { TestEnv } from './test-env.ts'

/** Asks the dashboard as its page does, with one visitor's cookie. */
export class ApiClient {
  readonly #env: TestEnv
  readonly cookie: string

  constructor(testEnv: TestEnv, cookie: string) {
    this.#env = testEnv
    this.cookie = cookie
  }

  get(path: string, cookie = this.cookie): Promise<Response> {
    return fetch(`${this.#env.url}${path}`, { headers: { cookie } })
  }

  async read<T>(path: string): Promise<T> {
    const response = await this.get(path)
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`)
    return (await response.json()) as T
  }

  /** An order as this dashboard's own page sends it, unless other headers are given. */
  order(path: string, body: object | string, headers: Record<string, string> = {}): Promise<Response> {
    const { url } = this.#env
    const own = { 'content-type': 'application/json', origin: url, 'sec-fetch-site': 'same-origin' }
    return fetch(`${url}${path}`, {
      method: 'POST',
      headers: { ...own, cookie: this.cookie, ...headers },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
  }
}
