import { isObject, type Json, type Message, RequestFault } from './request.ts'
import { sampleSchema } from './sample-schema.ts'

export interface ToolCall {
  readonly name: string
  readonly arguments: unknown
}

interface Tool {
  readonly name: string
  readonly parameters: Json
}

/**
 * The call that an answer makes: the tool that `tool_choice` names, the first one when a call is required, and when the
 * model may choose, the tool whose name the last message holds (a simulator has no judgement to choose with).
 */
export function chooseTool(
  body: Json,
  messages: readonly Message[],
  prompt: string,
  choice: unknown,
): ToolCall | undefined {
  const tools = toolsOf(body.tools)
  if (tools.length === 0 || choice === 'none') return undefined
  const named = isObject(choice) ? nameOf(choice) : undefined
  if (named !== undefined) {
    const tool = tools.find(candidate => candidate.name === named)
    if (!tool) {
      throw new RequestFault(400, `Tool choice '${named}' not found in 'tools'.`, { param: 'tool_choice' })
    }
    return call(tool, prompt)
  }
  if (choice === 'required' || (isObject(choice) && choice.type === 'any')) return call(tools[0]!, prompt)
  const last = messages.at(-1)
  const mentioned = last?.role === 'user' ? tools.find(tool => last.text.includes(tool.name)) : undefined
  return mentioned && call(mentioned, prompt)
}

/** Tools of any dialect: `{function: {name, parameters}}`, `{name, parameters}` or `{name, input_schema}`. */
function toolsOf(value: unknown): Tool[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((tool: unknown) => {
    const inner = isObject(tool) && isObject(tool.function) ? tool.function : tool
    if (!isObject(inner) || typeof inner.name !== 'string') return []
    const parameters = inner.parameters ?? inner.input_schema
    return [{ name: inner.name, parameters: isObject(parameters) ? parameters : { type: 'object' } }]
  })
}

function nameOf(choice: Json): string | undefined {
  const name = isObject(choice.function) ? choice.function.name : choice.name
  return typeof name === 'string' ? name : undefined
}

function call(tool: Tool, prompt: string): ToolCall {
  return { name: tool.name, arguments: sampleSchema(tool.parameters, prompt) }
}
