import assert from 'node:assert/strict'
import { Compile } from 'typebox/compile'
import { openApiDocuments } from '../api-documents.http.ts'

interface Reported {
  readonly paths: Record<string, Record<string, { responses: Record<string, Response> }>>
  readonly components: { readonly schemas: Record<string, object> }
}

interface Response {
  readonly content?: Record<string, { readonly schema: object }>
}

type Documented = Record<'public' | 'admin', Reported>

/** They are made once; a test file that awaits before its tests could not share a process with others. */
let documented: Promise<Documented> | undefined

async function readDocuments(): Promise<Documented> {
  const { public: ours, admin } = await openApiDocuments()
  return { public: JSON.parse(ours) as Reported, admin: JSON.parse(admin) as Reported }
}

/** Fails unless the face's OpenAPI document has this answer: its path, method and status, and a body by its schema. */
export async function assertDocumented(
  server: keyof Documented,
  method: string,
  url: string,
  answer: { readonly status: number; readonly body: string },
): Promise<void> {
  documented ??= readDocuments()
  const { paths, components } = (await documented)[server]
  const path = url.split('?')[0]!
  const found = Object.entries(paths).find(([template]) => patternOf(template).test(path))
  const operation = found?.[1][method.toLowerCase()]
  // What is no route is answered with 404, or 405.
  if (!operation) return
  const name = `${method} ${found[0]} → ${answer.status}`
  const response = operation.responses[answer.status]
  assert.ok(response, `${name} is not in the OpenAPI document: ${answer.body}`)
  const { schema } = response.content?.['application/json'] ?? {}
  if (!schema) return
  const whole = '$ref' in schema ? components.schemas[String(schema.$ref).split('/').at(-1)!]! : schema
  const validator = Compile(whole)
  const body: unknown = JSON.parse(answer.body)
  if (validator.Check(body)) return
  assert.fail(`${name}: ${JSON.stringify(validator.Errors(body).slice(0, 3))} in ${answer.body}`)
}

function patternOf(template: string): RegExp {
  return new RegExp(`^${template.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`)
}
