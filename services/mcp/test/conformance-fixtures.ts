import { setTimeout as sleep } from 'node:timers/promises'
import {
  acceptedContent,
  type CallToolResult,
  completable,
  inputRequired,
  type McpServer,
  ResourceTemplate,
  type ServerEventBus,
} from '@modelcontextprotocol/server'
import { z } from 'zod'
import { about, image, PNG, type Properties, says, textOf } from './conformance-answers.ts'
import { addAskingTools, form } from './conformance-asking.ts'

/**
 * What the suite `@modelcontextprotocol/conformance` wants to find on a server, named and worded by its scenarios. It
 * lives among the tests: no setting of the product brings it up.
 */
export function addFixtures(mcp: McpServer, bus: ServerEventBus): void {
  mcp.server.registerCapabilities({ logging: {} })
  addContentTools(mcp)
  addTalkingTools(mcp)
  addAskingTools(mcp)
  addElicitations(mcp)
  addResources(mcp)
  addPrompts(mcp)
  addTriggers(mcp, bus)
}

/** No sound at all. */
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='
const STEP_MS = 50

function addContentTools(mcp: McpServer): void {
  const add = (name: string, result: CallToolResult) =>
    mcp.registerTool(name, about(name), async () => result)
  add('test_simple_text', says('This is a simple text response for testing.'))
  add('test_image_content', { content: [image] })
  add('test_audio_content', { content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] })
  const embedded = {
    uri: 'test://embedded-resource',
    mimeType: 'text/plain',
    text: 'This is an embedded resource content.',
  }
  add('test_embedded_resource', { content: [{ type: 'resource', resource: embedded }] })
  const mixed = {
    uri: 'test://mixed-content-resource',
    mimeType: 'application/json',
    text: JSON.stringify({ test: 'data', value: 123 }),
  }
  add('test_multiple_content_types', {
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      image,
      { type: 'resource', resource: mixed },
    ],
  })
  const failure = 'This tool intentionally returns an error for testing'
  add('test_error_handling', { ...says(failure), isError: true })
}

/** Tools that send notifications, or requests of their own, while they run. */
function addTalkingTools(mcp: McpServer): void {
  mcp.registerTool('test_tool_with_logging', about('with logging'), async ({ mcpReq }) => {
    for (const text of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
      await mcpReq.log('info', text)
      await sleep(STEP_MS)
    }
    return says('Logged.')
  })
  mcp.registerTool('test_logging_tool', about('that logs'), async ({ mcpReq }) => {
    await mcpReq.log('info', 'A line of the log')
    return says('Logged.')
  })
  mcp.registerTool('test_tool_with_progress', about('with progress'), async ({ mcpReq }) => {
    const progressToken = mcpReq._meta?.progressToken
    for (const progress of [0, 50, 100]) {
      if (progressToken !== undefined) {
        const params = { progressToken, progress, total: 100 }
        await mcpReq.notify({ method: 'notifications/progress', params })
      }
      await sleep(STEP_MS)
    }
    return says('Done.')
  })
  mcp.registerTool(
    'test_sampling',
    { ...about('that samples'), inputSchema: z.object({ prompt: z.string() }) },
    async ({ prompt }, { mcpReq }) => {
      const content = { type: 'text', text: prompt } as const
      const answer = await mcpReq.requestSampling({ messages: [{ role: 'user', content }], maxTokens: 100 })
      return says(`LLM response: ${textOf(answer.content)}`)
    },
  )
  mcp.registerTool(
    'test_elicitation',
    { ...about('that elicits'), inputSchema: z.object({ message: z.string() }) },
    async ({ message }, { mcpReq }) => {
      const properties = {
        username: { type: 'string', description: "User's response" },
        email: { type: 'string', description: "User's email address" },
      } as const
      const requestedSchema = { type: 'object' as const, properties, required: ['username', 'email'] }
      const answer = await mcpReq.elicitInput({ message, requestedSchema })
      return says(`User response: action=${answer.action}, content=${JSON.stringify(answer.content)}`)
    },
  )
}

function addElicitations(mcp: McpServer): void {
  const add = (name: string, properties: Record<string, object>) =>
    mcp.registerTool(name, about(name), async ({ mcpReq }) => {
      const requestedSchema = { type: 'object' as const, properties: properties as Properties }
      const { action, content } = await mcpReq.elicitInput({
        message: 'Please fill this in',
        requestedSchema,
      })
      return says(`Elicitation completed: action=${action}, content=${JSON.stringify(content)}`)
    })
  add('test_elicitation_sep1034_defaults', {
    name: { type: 'string', default: 'John Doe' },
    age: { type: 'integer', default: 30 },
    score: { type: 'number', default: 95.5 },
    status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
    verified: { type: 'boolean', default: true },
  })
  const titled = (...words: string[]) => words.map((title, i) => ({ const: `value${i + 1}`, title }))
  const options = ['option1', 'option2', 'option3']
  add('test_elicitation_sep1330_enums', {
    untitledSingle: { type: 'string', enum: options },
    titledSingle: { type: 'string', oneOf: titled('First Option', 'Second Option', 'Third Option') },
    legacyEnum: {
      type: 'string',
      enum: ['opt1', 'opt2', 'opt3'],
      enumNames: ['Option One', 'Option Two', 'Option Three'],
    },
    untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
    titledMulti: { type: 'array', items: { anyOf: titled('First Choice', 'Second Choice', 'Third Choice') } },
  })
}

/** Changes of lists, as those see them who listen. */
function addTriggers(mcp: McpServer, bus: ServerEventBus): void {
  for (const [name, kind] of [
    ['test_trigger_tool_change', 'tools_list_changed'],
    ['test_trigger_prompt_change', 'prompts_list_changed'],
  ] as const) {
    mcp.registerTool(name, about(name), async () => {
      bus.publish({ kind })
      return says('Changed.')
    })
  }
}

function addResources(mcp: McpServer): void {
  const add = (
    name: string,
    uri: string,
    content: { mimeType: string } & ({ text: string } | { blob: string }),
  ) =>
    mcp.registerResource(name, uri, { ...about(name), mimeType: content.mimeType }, async () => ({
      contents: [{ uri, ...content }],
    }))
  add('static text', 'test://static-text', {
    mimeType: 'text/plain',
    text: 'This is the content of the static text resource.',
  })
  add('static binary', 'test://static-binary', { mimeType: 'image/png', blob: PNG })
  add('watched', 'test://watched-resource', { mimeType: 'text/plain', text: 'Watch me.' })
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  const mimeType = 'application/json'
  mcp.registerResource('template', template, { ...about('template'), mimeType }, async (uri, { id }) => {
    const text = JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` })
    return { contents: [{ uri: uri.href, mimeType, text }] }
  })
}

function addPrompts(mcp: McpServer): void {
  const user = <Content>(content: Content) => ({ role: 'user' as const, content })
  const text = (words: string) => user({ type: 'text' as const, text: words })
  mcp.registerPrompt('test_simple_prompt', about('simple'), async () => ({
    messages: [text('This is a simple prompt for testing.')],
  }))
  const word = (...known: string[]) =>
    completable(z.string(), start => known.filter(each => each.startsWith(start)))
  const argsSchema = z.object({ arg1: word('paris', 'park', 'party'), arg2: z.string() })
  mcp.registerPrompt(
    'test_prompt_with_arguments',
    { ...about('with arguments'), argsSchema },
    async ({ arg1, arg2 }) => ({
      messages: [text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`)],
    }),
  )
  mcp.registerPrompt(
    'test_prompt_with_embedded_resource',
    { ...about('with a resource'), argsSchema: z.object({ resourceUri: z.string() }) },
    async ({ resourceUri: uri }) => {
      const resource = { uri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' }
      return {
        messages: [
          user({ type: 'resource' as const, resource }),
          text('Please process the embedded resource above.'),
        ],
      }
    },
  )
  mcp.registerPrompt('test_prompt_with_image', about('with an image'), async () => ({
    messages: [user(image), text('Please analyze the image above.')],
  }))
  mcp.registerPrompt('test_input_required_result_prompt', about('that asks'), async ({ mcpReq }) => {
    const given = acceptedContent(mcpReq.inputResponses, 'user_context', z.object({ context: z.string() }))
    if (given) return { messages: [text(`Work with ${given.context}.`)] }
    const message = 'What context should the prompt use?'
    return inputRequired({ inputRequests: { user_context: form(message, 'context') } })
  })
}
