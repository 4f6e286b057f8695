import type { LiveFrameName, LiveFrames, Tick } from '../live/answers.ts'

/** Reads `/api/live` as a browser would, and keeps what came. */
export class LiveClient {
  readonly frames: Array<{ name: string; data: unknown }> = []
  lastId: string | undefined
  ended = false
  readonly status: Promise<number>
  readonly #abort = new AbortController()

  constructor(url: string, cookie: string, lastId?: string) {
    const headers = { cookie, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) }
    const response = fetch(`${url}/api/live`, { headers, signal: this.#abort.signal })
    this.status = response.then(answer => answer.status)
    response.then(answer => this.#read(answer)).catch(() => {})
  }

  of<Name extends LiveFrameName>(name: Name): Array<LiveFrames[Name]> {
    return this.frames.filter(frame => frame.name === name).map(frame => frame.data as LiveFrames[Name])
  }

  /** The seconds as a page would know them: later tellings replace earlier ones. */
  ticks(): Map<number, Tick> {
    const told = [...this.of('history'), ...this.of('tick')].flatMap(frame => frame.ticks)
    return new Map(told.map(tick => [tick.at, tick]))
  }

  sum(figure: (tick: Tick) => number): number {
    return [...this.ticks().values()].reduce((sum, tick) => sum + figure(tick), 0)
  }

  close(): void {
    this.#abort.abort()
  }

  async #read(response: Response): Promise<void> {
    let text = ''
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        const blocks = (text + chunk).split('\n\n')
        text = blocks.pop()!
        for (const block of blocks) this.#take(block)
      }
    } finally {
      this.ended = true
    }
  }

  #take(block: string): void {
    const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(block)?.[1]
    const name = field('event')
    if (name === undefined) return
    this.lastId = field('id') ?? this.lastId
    this.frames.push({ name, data: JSON.parse(field('data')!) })
  }
}
