import type { TSchema } from 'typebox'
import type { ApiErrorCode } from './api-error.ts'

/** What OpenAPI says of one route. Schemas of bodies are those that the route itself reads with. */
export interface Operation {
  readonly summary: string
  readonly tag: string
  readonly description?: string
  /** Needs no credentials, where its face does. */
  readonly open?: true
  /** Parts of the path and of the query by name; the path's parts that are left out are texts. */
  readonly path?: Readonly<Record<string, TSchema>>
  readonly query?: Readonly<Record<string, TSchema>>
  readonly body?: Payload
  readonly answers: Readonly<Record<number, Payload>>
  /** Faults of accounts and orders that it answers with, besides those of its face. */
  readonly faults?: readonly ApiErrorCode[]
  /** Other errors, by status. */
  readonly errors?: Readonly<Record<number, Payload>>
}

export interface Payload {
  readonly description?: string
  /** By media type; none is an empty body. */
  readonly content: Readonly<Record<string, TSchema>>
  readonly headers?: Readonly<Record<string, string>>
}

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Null: a route that only refuses, which is no part of the interface. */
    operation?: Operation | null
  }
}

/** The options of a route that say what it is, without Fastify checking or writing anything by them. */
export function documented(operation: Operation): { config: { operation: Operation } } {
  return { config: { operation } }
}

export const UNDOCUMENTED = Object.freeze({ config: Object.freeze({ operation: null }) })

export function json(schema: TSchema, description?: string): Payload {
  return { content: { 'application/json': schema }, ...(description === undefined ? {} : { description }) }
}

export const EMPTY: Payload = Object.freeze({ description: 'Done.', content: Object.freeze({}) })
