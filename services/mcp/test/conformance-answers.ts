import type { CallToolResult, ElicitRequestFormParams } from '@modelcontextprotocol/server'

/** One red pixel. */
export const PNG =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
export const image = { type: 'image', data: PNG, mimeType: 'image/png' } as const
export const says = (text: string): CallToolResult => ({ content: [{ type: 'text', text }] })
export const about = (name: string) => ({ description: `Fixture ${name} of the conformance suite.` })

export function textOf(content: unknown): string {
  return typeof content === 'object' && content && 'text' in content ? String(content.text) : ''
}

export type Properties = ElicitRequestFormParams['requestedSchema']['properties']
