import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { EVENTS, type EventDefinition, eventFilters, STREAMS } from '@fluxgate/contracts'

const SOURCES = join(import.meta.dirname, '../../../shared/contracts/src/events')

/** `infra/docs/reference/events.md`: every fact of the log with its fields, from the schemas and what their source says of them. */
export function eventCatalogue(): string {
  const notes = readNotes()
  const streams = Object.entries(STREAMS).map(([stream, name]) => {
    const facts = EVENTS.filter(event => event.stream === stream)
    if (facts.length === 0) return `## ${name}\n\n${strangersText(stream)}`
    return [`## ${name}`, ...facts.map(event => eventText(event, notes))].join('\n\n')
  })
  return `${[INTRODUCTION, ...streams].join('\n\n')}\n`
}

const INTRODUCTION = `# Events

Made by \`npm run docs:references\` from \`shared/contracts\`; do not edit.

Every event is a CloudEvents 1.0 object in JSON: \`id\`, \`source\` (\`/<service>/<instance>\`), \`type\`, \`subject\` (the identity
\`<user>.<key>\`, or the incident), \`time\`, \`dataschema\` (\`urn:fluxgate:<stream>.<fact>:<version>\`), \`sequence\` (counts the events of one source
from 1), \`traceparent\` where there is one, and \`data\`. A subject in NATS is \`fluxgate.<stream>.<partition>.<fact>.<user>.<key>\`, that of an
incident \`fluxgate.incidents.<fact>.<incident>\`. Schemas are closed: an unknown field is an error, and a new field is a new
version with an upcaster for the old one. Times are epoch milliseconds, durations milliseconds, tokens whole numbers.

Events of \`REQUESTS\` and \`TOKENS\` stand in batches under \`fluxgate.<stream>.<partition>\`, which leave out what [all lines share](../explanation/log.md#messages-and-batches);
the subjects below are those of single messages, and filters of readers are written like them.`

/** A stream that holds what other streams hold too, of callers without an identity. */
function strangersText(stream: string): string {
  const names = EVENTS.flatMap(event =>
    'strangers' in event && event.strangers === stream ? [`\`${event.name}\``] : [],
  )
  return `${names.join(' and ')} of callers without an identity (\`anonymous\`).`
}

interface Notes {
  /** Of a fact, by its name. */
  readonly facts: ReadonlyMap<string, string>
  /** Of a field, by `<fact> <field>`. */
  readonly fields: ReadonlyMap<string, string>
}

const EVENT = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?export const \w+ = defineEvent\(\s*'(\w+)',\s*'(\w+)'/g
const FIELD = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+):/g

/** What the docstrings say of each fact and each field. */
function readNotes(): Notes {
  const facts = new Map<string, string>()
  const fields = new Map<string, string>()
  for (const file of readdirSync(SOURCES)) {
    const text = readFileSync(join(SOURCES, file), 'utf8')
    const found = [...text.matchAll(EVENT)]
    for (const [i, match] of found.entries()) {
      const name = `${match[2]}.${match[3]}`
      if (match[1] !== undefined) facts.set(name, plain(match[1]))
      const body = text.slice(match.index + match[0].length, found[i + 1]?.index)
      for (const [, note, field] of body.matchAll(FIELD)) fields.set(`${name} ${field}`, plain(note!))
    }
  }
  return { facts, fields }
}

function plain(comment: string): string {
  const text = comment.replaceAll(/\s*\n\s*\*?\s*/g, ' ').trim()
  return text.replaceAll(/\{@link (\w+)\}/g, '`$1`')
}

function eventText(event: EventDefinition, notes: Notes): string {
  const { properties, required } = event.data as unknown as Schema
  const rows = Object.entries(properties ?? {}).map(([field, schema]) => {
    const must = required?.includes(field) ? '' : ', optional'
    return `| \`${field}\` | ${typeText(schema)}${must} | ${notes.fields.get(`${event.name} ${field}`) ?? ''} |`
  })
  return [
    `### ${event.name} (version ${event.version})`,
    notes.facts.get(event.name) ?? '',
    eventFilters(event)
      .map(filter => `\`${filter}\``)
      .join(', '),
    ['| field | type | |', '|---|---|---|', ...rows].join('\n'),
  ]
    .filter(part => part !== '')
    .join('\n\n')
}

interface Schema {
  readonly type?: string
  readonly const?: unknown
  readonly pattern?: string
  readonly maxLength?: number
  readonly minimum?: number
  readonly anyOf?: readonly Schema[]
  readonly items?: Schema
  readonly properties?: Readonly<Record<string, Schema>>
  readonly required?: readonly string[]
}

function typeText(schema: Schema): string {
  if (schema.const !== undefined) return `\`${JSON.stringify(schema.const)}\``
  if (schema.anyOf) return schema.anyOf.map(typeText).join(' or ')
  if (schema.type === 'array') return `list of ${schema.items ? typeText(schema.items) : 'values'}`
  if (schema.type === 'object') {
    const names = Object.keys(schema.properties ?? {})
    return names.length > 0 ? `object of ${names.map(name => `\`${name}\``).join(', ')}` : 'object'
  }
  if (schema.type === 'integer') return 'whole number'
  if (schema.type === 'string' && schema.maxLength !== undefined) return `text of up to ${schema.maxLength}`
  return schema.type === 'string' ? 'text' : (schema.type ?? 'any')
}
