export { CallBudget } from './call-budget.ts'
export { progressOf } from './progress.timer.ts'
export { type CallLimits, redacted, ToolRunner } from './run-tool.ts'
export {
  type Admission,
  answered,
  type Caller,
  defineTool,
  OPERATOR,
  problem,
  READER,
  refusedOrder,
  type Tool,
  type ToolAnswer,
} from './tool.ts'
