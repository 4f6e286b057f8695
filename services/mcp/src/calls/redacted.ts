/**
 * What opens doors, by its form: keys of ours and of model vendors, signed tokens, password hashes. None of it belongs
 * in the log; but a client can put its key where a model's name should be, and the log takes that for a name.
 */
const SECRETS =
  /sk_live_[\w-]{8,}|\bsk-[\w-]{16,}|\beyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]{8,}|\$argon2[a-z]{1,2}\$[\w$=,+/.-]{8,}/g

export function redacted(text: string): string {
  return text.replace(SECRETS, '[removed: a secret]')
}

/** The same for all texts in a value that is JSON. */
export function redactedData<T>(data: T): T {
  return JSON.parse(redacted(JSON.stringify(data)))
}
