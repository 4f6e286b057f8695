export type FaultCode =
  | 'FLUXGATE_LOG_AWAY'
  | 'FLUXGATE_READ_MODEL_AWAY'
  | 'FLUXGATE_BAD_CURSOR'
  | 'FLUXGATE_BAD_RANGE'
  | 'FLUXGATE_TOO_MUCH'

/** What a tool depends on did not answer, or an argument does not fit the rest. The message is written for the model that asked. */
export class Fault extends Error {
  readonly code: FaultCode

  constructor(code: FaultCode, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'Fault'
    this.code = code
  }
}
