import { once } from 'node:events'
import { createServer, type IncomingHttpHeaders } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'

/** A span as OTLP/JSON has it, with its attributes as a plain record. */
export interface ReceivedSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId: string | undefined
  readonly name: string
  /** 2 server, 3 client. */
  readonly kind: number
  readonly startMs: number
  readonly endMs: number
  /** 2 is an error. */
  readonly status: number
  readonly attributes: Record<string, unknown>
}

export interface Receiver extends Disposable {
  readonly url: string
  readonly spans: ReceivedSpan[]
  readonly resources: Array<Record<string, unknown>>
  readonly headers: IncomingHttpHeaders[]
}

interface OtlpValue {
  readonly stringValue?: string
  readonly intValue?: number | string
  readonly doubleValue?: number
  readonly boolValue?: boolean
}
type OtlpAttributes = ReadonlyArray<{ readonly key: string; readonly value: OtlpValue }>
interface OtlpSpan {
  readonly traceId: string
  readonly spanId: string
  readonly parentSpanId?: string
  readonly name: string
  readonly kind: number
  readonly startTimeUnixNano: string
  readonly endTimeUnixNano: string
  readonly status?: { readonly code?: number }
  readonly attributes: OtlpAttributes
}
interface OtlpBody {
  readonly resourceSpans: ReadonlyArray<{
    readonly resource: { readonly attributes: OtlpAttributes }
    readonly scopeSpans: ReadonlyArray<{ readonly spans: readonly OtlpSpan[] }>
  }>
}

/** Takes spans over OTLP/HTTP in JSON, as a collector would. */
export async function startReceiver(): Promise<Receiver> {
  const spans: ReceivedSpan[] = []
  const resources: Receiver['resources'] = []
  const headers: IncomingHttpHeaders[] = []
  const server = createServer(async (request, response) => {
    if (request.method !== 'POST' || request.url !== '/v1/traces') {
      response.writeHead(404).end()
      return
    }
    headers.push(request.headers)
    for (const { resource, scopeSpans } of ((await json(request)) as OtlpBody).resourceSpans) {
      resources.push(record(resource.attributes))
      for (const scope of scopeSpans) spans.push(...scope.spans.map(received))
    }
    response.setHeader('content-type', 'application/json')
    response.end('{}')
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    resources,
    headers,
    [Symbol.dispose]() {
      server.closeAllConnections()
      server.close()
    },
  }
}

function received(span: OtlpSpan): ReceivedSpan {
  return {
    traceId: span.traceId,
    spanId: span.spanId,
    parentSpanId: span.parentSpanId,
    name: span.name,
    kind: span.kind,
    startMs: Number(span.startTimeUnixNano) / 1e6,
    endMs: Number(span.endTimeUnixNano) / 1e6,
    status: span.status?.code ?? 0,
    attributes: record(span.attributes),
  }
}

function record(attributes: OtlpAttributes): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.boolValue ?? Number(value.intValue ?? value.doubleValue),
    ]),
  )
}
