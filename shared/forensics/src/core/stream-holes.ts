import type { Offender } from './offence.ts'

/** Sees where a stream that is read without a filter leaves out positions: something deleted messages from its middle. */
export class StreamHoles {
  readonly #last = new Map<string, number>()
  readonly offenders: Offender[] = []

  /** Messages of one stream come in its order. */
  add(stream: string, sequence: number): void {
    const last = this.#last.get(stream)
    this.#last.set(stream, sequence)
    if (last === undefined || sequence === last + 1) return
    const which = last + 2 === sequence ? `${last + 1}` : `${last + 1} to ${sequence - 1}`
    const detail = `${stream} does not hold ${which}: deleted from its middle`
    const places = [
      { stream, sequence: last + 1 },
      ...(last + 2 === sequence ? [] : [{ stream, sequence: sequence - 1 }]),
    ]
    this.offenders.push({ offence: 'deleted_from_stream', detail, places })
  }
}
