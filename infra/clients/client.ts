/** Where a client calls, and how the model server is told to behave (`parseDirectives` of the simulator). */
export interface Api {
  readonly origin: string
  readonly key: string
  readonly directives?: string
}

export const MODEL = 'phi4-mini'
export const EMBEDDER = 'text-embedding-3-small'
export const QUESTION = 'Why is the sky blue? Größe, 東京, 👋'
/** The simulator calls the tool that the question names. */
export const TOOL_QUESTION = 'Please call get_weather for Zürich.'
export const TOOL_SCHEMA = {
  type: 'object',
  properties: { city: { type: 'string' }, days: { type: 'integer' } },
  required: ['city', 'days'],
} as const
/** One red pixel. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg=='

/** One thing that a client does; what it resolves with is all that its user gets to see. */
export type Run = (api: Api) => Promise<unknown>

export interface Client {
  readonly name: string
  /** Feature → checks by name, whose outcome must be the same with the gateway between as without. */
  readonly same: Readonly<Record<string, Readonly<Record<string, Run>>>>
  /** A plain call, for what goes wrong before the first byte. No repeats unless `retries` says so. */
  readonly ask: (api: Api, model?: string, retries?: number) => Promise<unknown>
  /** A streamed call; calls back with each piece, and stops when the signal is aborted. */
  readonly stream: (api: Api, onPiece: () => void, signal: AbortSignal) => Promise<unknown>
  /** The HTTP status that a refusal of {@link ask} tells. */
  readonly statusOf: (error: unknown) => number | undefined
}

export async function all<T>(pieces: AsyncIterable<T>, onPiece = (_piece: T): void => {}): Promise<T[]> {
  const list: T[] = []
  for await (const piece of pieces) {
    list.push(piece)
    onPiece(piece)
  }
  return list
}

export function headersOf({ directives }: Api): Record<string, string> {
  return directives === undefined ? {} : { 'x-simulator': directives }
}
