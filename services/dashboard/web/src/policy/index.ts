export { Policy } from './policy.tsx'
export { fieldAt, type PolicyField, PolicyFields, withField } from './policy-fields.tsx'
