/** Passed and run checks by client and feature. */
export class ResultTable {
  readonly #cells = new Map<string, { passed: number; run: number }>()
  readonly #clients = new Set<string>()
  readonly #features = new Set<string>()

  /** Runs a check and keeps how it went. */
  async check(client: string, feature: string, body: () => Promise<void>): Promise<void> {
    this.#clients.add(client)
    this.#features.add(feature)
    const key = `${client}\n${feature}`
    const cell = this.#cells.get(key) ?? { passed: 0, run: 0 }
    this.#cells.set(key, cell)
    cell.run++
    await body()
    cell.passed++
  }

  /** A row for each feature, a column for each client; what a client cannot do is a dash. */
  markdown(): string {
    const clients = [...this.#clients]
    const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`
    const rows = [...this.#features].map(feature =>
      row([feature, ...clients.map(client => this.#shown(client, feature))]),
    )
    return [row(['', ...clients]), row(['---', ...clients.map(() => '---')]), ...rows].join('\n')
  }

  #shown(client: string, feature: string): string {
    const cell = this.#cells.get(`${client}\n${feature}`)
    return cell ? `${cell.passed}/${cell.run}` : '–'
  }
}
