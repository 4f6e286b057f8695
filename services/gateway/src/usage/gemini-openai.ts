import { chatConvention, usageAnywhere } from './openai-chat.ts'

/**
 * Gemini's OpenAI face. `completion_tokens` leaves out what the model thought, and no detail says how much it was: the
 * output is what the total has beyond the prompt.
 *
 * https://ai.google.dev/gemini-api/docs/openai; the figures are those of `usageMetadata` in
 * https://ai.google.dev/api/generate-content#UsageMetadata, seen in Clarifai/clarifai-python issue 978 (20, 424, 1016)
 */
export const geminiOpenai = chatConvention('gemini-openai', {
  usageIn: usageAnywhere,
  output: (_usage, { prompt, completion, total }) =>
    prompt === undefined || total === undefined ? completion : Math.max(completion ?? 0, total - prompt),
})
