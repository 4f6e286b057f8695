/** Reading JSON bodies that came from outside. */
export type JsonObject = Readonly<Record<string, unknown>>

export function parseObject(body: Buffer): { ok: true; value: JsonObject } | { ok: false; message: string } {
  let value: unknown
  try {
    value = JSON.parse(body.toString('utf8'))
  } catch {
    return { ok: false, message: 'We could not parse the JSON body of your request.' }
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return { ok: false, message: 'The body of your request must be a JSON object.' }
  }
  return { ok: true, value: value as JsonObject }
}

export function textField(body: JsonObject, name: string): string | undefined {
  const value = body[name]
  return typeof value === 'string' ? value : undefined
}

/** The largest of the named whole-number fields. */
export function largest(body: JsonObject, names: readonly string[]): number | undefined {
  let found: number | undefined
  for (const name of names) {
    const value = body[name]
    if (typeof value === 'number' && Number.isFinite(value) && value >= 0)
      found = Math.max(found ?? 0, Math.floor(value))
  }
  return found
}
